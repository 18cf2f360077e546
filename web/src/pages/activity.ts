// The words and rules of the pages about syncs.

import type { DeadLetter, SyncJob, SyncJobItem, SyncJobState } from "../api/gen/types.gen";
import { text } from "../text";
import { seconds } from "../text/format";

/** Whether a job still goes on. */
export const active = (job: SyncJob) => job.state === "queued" || job.state === "running";

/** Who or what started a job. */
export function starterWords(job: SyncJob): string {
  const t = text().activity;
  if (job.trigger === "automatic") return t.scheduled;
  return job.actor.startsWith("api:") ? t.person(job.actor.slice(4)) : job.actor;
}

/** How long a job took, or takes so far. Empty before it began. */
export function tookWords(job: SyncJob, now: number): string {
  if (!job.started_at) return "";
  const end = job.finished_at ? Date.parse(job.finished_at) : now;
  return seconds(Math.max(0, (end - Date.parse(job.started_at)) / 1000));
}

/** The tone of a job's state. */
export function stateTone(job: SyncJob): "info" | "warn" | "good" | undefined {
  const tones: Record<SyncJobState, "info" | "good" | undefined> = {
    queued: "info",
    running: "info",
    done: "good",
    cancelled: undefined,
  };
  return job.state === "done" && job.refused + job.unreachable > 0 ? "warn" : tones[job.state];
}

/** What became of an order in a job: its outcome, that it is still to come, or that it was left out. */
export type Ending = "changed" | "unchanged" | "refused" | "unreachable" | "open" | "left";

/** How an order of a job ended. One without an outcome is left out when the job has ended. */
export function ending(item: SyncJobItem, running: boolean): Ending {
  return item.outcome || (running ? "open" : "left");
}

export const endingTone: Record<Ending, "good" | "bad" | "warn" | "info" | undefined> = {
  changed: "good",
  unchanged: undefined,
  refused: "bad",
  unreachable: "warn",
  open: "info",
  left: undefined,
};

/** The ids that somebody pasted: each once, in their order. */
export const readIds = (pasted: string) => [...new Set(pasted.split(/[\s,;]+/).filter(Boolean))];

/** A day such as 2026-03-14 in the viewer's zone as the moment it begins; days later when asked. */
export function dayStart(day: string, later = 0): string {
  const [y = 0, m = 1, d = 1] = day.split("-").map(Number);
  return new Date(y, m - 1, d + later).toISOString();
}

/** What was to be done when it was given up. */
export const kindWords = (letter: DeadLetter) => text().activity.dead.kinds[letter.kind] ?? letter.kind;

/** The ids that a given-up job was about, with what each of them names. */
export function subjects(letter: DeadLetter): { name: string; value: string; orderId?: string }[] {
  const words = text().activity.dead.subjects;
  return Object.entries(letter.subject)
    .filter(([key, value]) => key !== "merchant_id" && key !== "actor" && typeof value === "string" && value !== "")
    .map(([key, value]) => ({
      name: words[key] ?? key.replaceAll("_", " "),
      value: String(value),
      orderId: key === "order_id" ? String(value) : undefined,
    }));
}
