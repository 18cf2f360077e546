import { call } from "../api/call";
import { exportOrders } from "../api/gen/sdk.gen";
import type { ListParams } from "./list";

/** Saves what the list shows, all of it, as a file; gives the file's name. */
export async function exportCsv(params: ListParams): Promise<string> {
  const answer = exportOrders({ query: params, parseAs: "blob" });
  const csv = (await call(answer as Promise<{ data?: unknown; error?: unknown; response?: Response }>)) as Blob;
  const header = (await answer).response?.headers.get("Content-Disposition") ?? "";
  const name = /filename="?([^";]+)/.exec(header)?.[1] ?? "orders.csv";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(csv);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return name;
}
