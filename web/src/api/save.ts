import { call } from "./call";

/** Saves what a call answers as a file; gives the name that the server has given it, or else the one here. */
export async function saveAnswer(answer: Promise<unknown>, otherwise: string): Promise<string> {
  const read = answer as Promise<{ data?: unknown; error?: unknown; response?: Response }>;
  const file = (await call(read)) as Blob;
  const header = (await read).response?.headers.get("Content-Disposition") ?? "";
  const name = /filename="?([^";]+)/.exec(header)?.[1] ?? otherwise;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return name;
}
