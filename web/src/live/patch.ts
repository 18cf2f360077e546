// Live changes are written into the cache: rows, counts and jobs change in place, without asking the server again.

import type { QueryClient } from "@tanstack/react-query";
import { now } from "../api/clock";
import type { OrderChange, OrderCounts, OrderSummary, SyncJob, SyncJobChange, SyncJobPage } from "../api/gen/types.gen";
import type { LiveEvent } from "./stream";

/** The rows of a list that are loaded so far. */
export interface LoadedOrders {
  rows: OrderSummary[];
  /** Where the next page begins; absent when everything is loaded. */
  next?: string;
  /** When the server was last asked, by its own clock. */
  at: number;
}

const finished = (state: SyncJob["state"]) => state !== "queued" && state !== "running";

/** Puts the newest rows of orders where older ones stand. The order of a list never changes under the reader. */
function patchRows(list: LoadedOrders, changed: Map<string, OrderSummary>): LoadedOrders {
  let touched = false;
  const rows = list.rows.map((row) => {
    const fresh = changed.get(row.id);
    if (!fresh || fresh.version < row.version) return row;
    touched = true;
    return fresh;
  });
  return touched ? { ...list, rows } : list;
}

/** A job with what an event tells of its progress. */
export function patchJob(job: SyncJob, e: SyncJobChange): SyncJob {
  if (finished(job.state) && !finished(e.state)) return job; // events may come late, jobs never start again
  const { sync_job_id: _, listed: __, trigger: ___, ...progress } = e;
  const at = new Date(now()).toISOString();
  return {
    ...job,
    ...progress,
    started_at: job.started_at ?? (e.state === "running" ? at : undefined),
    finished_at: job.finished_at ?? (finished(e.state) ? at : undefined),
  };
}

function patchOrders(cache: QueryClient, changes: OrderChange[]) {
  const fresh = new Map<string, OrderSummary>();
  for (const c of changes) if (c.order) fresh.set(c.order_id, c.order);
  cache.setQueriesData<LoadedOrders>({ queryKey: ["orders"] }, (list) => list && patchRows(list, fresh));
  for (const c of changes) void cache.invalidateQueries({ queryKey: ["order", c.order_id] });
}

function patchJobs(cache: QueryClient, changes: SyncJobChange[]) {
  for (const c of changes) {
    let known = false;
    cache.setQueriesData<SyncJobPage>({ queryKey: ["jobs"] }, (page) => {
      if (!page?.sync_jobs.some((j) => j.id === c.sync_job_id)) return page;
      known = true;
      return { ...page, sync_jobs: page.sync_jobs.map((j) => (j.id === c.sync_job_id ? patchJob(j, c) : j)) };
    });
    cache.setQueryData<SyncJob>(["job", c.sync_job_id], (j) => j && patchJob(j, c));
    if (!known) void cache.invalidateQueries({ queryKey: ["jobs"] });
  }
}

/** Writes a batch of events into the cache. */
export function patch(cache: QueryClient, events: LiveEvent[]) {
  if (events.some((e) => e.name === "reset")) {
    void cache.invalidateQueries();
    return;
  }
  const orders: OrderChange[] = [];
  const jobs = new Map<string, SyncJobChange>();
  let counts: OrderCounts | undefined;
  for (const e of events) {
    if (e.name === "order") orders.push(e.data);
    else if (e.name === "sync_job") jobs.set(e.data.sync_job_id, e.data);
    else if (e.name === "counts") counts = e.data;
    else if (e.name === "connection") {
      void cache.invalidateQueries({ queryKey: ["connections"] });
      void cache.invalidateQueries({ queryKey: ["health"] });
    }
  }
  if (orders.length > 0) patchOrders(cache, orders);
  if (jobs.size > 0) patchJobs(cache, [...jobs.values()]);
  if (counts) {
    cache.setQueryData(["counts", {}], counts);
    // Counts under a filter are the server's to count.
    void cache.invalidateQueries({
      queryKey: ["counts"],
      predicate: (q) => Object.keys(q.queryKey[1] as object).length > 0,
    });
    for (const key of ["pay list", "mappings"]) void cache.invalidateQueries({ queryKey: [key] });
  }
}
