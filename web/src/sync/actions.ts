import { call } from "../api/call";
import { createSyncJob } from "../api/gen/sdk.gen";
import type { SyncFilter, SyncJob, SyncJobRequest, SyncScope } from "../api/gen/types.gen";
import { queryClient } from "../api/queries";
import { text } from "../text";
import { number } from "../text/format";
import { sentence } from "../ui/states";
import { toast } from "../ui/toasts";

/** The jobs that somebody at this page has asked for or joined; their end is told. */
const watched = new Set<string>();

export const isWatched = (id: string) => watched.has(id);

/** Starts a sync job, or joins the equal one that runs, and shows its progress. */
export async function startSync(request: SyncJobRequest): Promise<SyncJob> {
  const job = await call(createSyncJob({ body: request }));
  watched.add(job.id);
  queryClient.setQueryData(["job", job.id], job);
  await queryClient.invalidateQueries({ queryKey: ["jobs"] });
  return job;
}

/** Syncs one order at once and says when that is not possible. */
export async function syncOrder(id: string): Promise<SyncJob | undefined> {
  try {
    return await startSync({ scope: { kind: "orders", ids: [id] } });
  } catch (e) {
    toast({ title: text().state.actionFailed(text().sync.now), detail: sentence(e), tone: "bad" });
  }
}

/** What a scope means, in words. */
export function scopeWords(scope: SyncScope): string {
  const t = text();
  switch (scope.kind) {
    case "orders":
      return t.sync.scope.orders(scope.ids?.length ?? 0);
    case "tab":
      return t.sync.scope.tab(scope.tab ? t.tabs[scope.tab as keyof typeof t.tabs] : "");
    case "store":
      return t.sync.scope.store;
    case "range":
      return t.sync.scope.range;
    case "external":
      return t.sync.scope.external(scope.external_ids?.length ?? 0);
    case "filter":
      return t.sync.scope.filter(filterWords(scope.filter));
    default:
      return t.sync.scope.all;
  }
}

function filterWords(f: SyncFilter = {}): string {
  const t = text();
  const view = f.view ?? f.tab;
  const words = [
    view && t.tabs[view as keyof typeof t.tabs],
    f.q && t.sync.scope.search(f.q),
    f.country,
    f.flag && (t.flags[f.flag] ?? f.flag),
  ];
  return words.filter(Boolean).join(", ");
}

/** How a job ended, in one sentence. */
export function endWords(job: SyncJob): string {
  const t = text();
  const failed = job.refused + job.unreachable;
  const words = [t.sync.checked(job.done)];
  if (job.changed > 0) words.push(t.sync.changed(job.changed));
  if (failed > 0) words.push(t.sync.failed(failed));
  if (job.changed === 0 && failed === 0) words.push(t.sync.nothingChanged);
  return words.join(", ");
}

/** How far a job is, in one sentence. */
export function progressWords(job: SyncJob): string {
  const t = text();
  const failed = job.refused + job.unreachable;
  if (job.total === 0) return t.sync.listing;
  return t.sync.progress(number(job.done), number(job.total), failed);
}
