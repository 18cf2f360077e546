import { QueryClient } from "@tanstack/react-query";
import { beforeEach, describe, expect, it } from "vitest";
import type { OrderSummary, SyncJob, SyncJobChange } from "../api/gen/types.gen";
import { type LoadedOrders, patch, patchJob } from "./patch";

const order = (id: string, version: number, tab = "pending") => ({ id, version, tab }) as OrderSummary;
const change = (o: OrderSummary) =>
  ({ name: "order", data: { order_id: o.id, tab: o.tab, before: "pending", created: false, order: o } }) as never;
const job = (state: string, done = 0) => ({ id: "j", state, done, total: 3 }) as SyncJob;
const progress = (state: string, done: number) =>
  ({ sync_job_id: "j", state, done, total: 3, listed: true, trigger: "manual" }) as SyncJobChange;

let cache: QueryClient;
beforeEach(() => {
  cache = new QueryClient();
});

describe("live changes", () => {
  it("changes a row in place, wherever it is shown, and never its place", () => {
    cache.setQueryData<LoadedOrders>(["orders", { tab: "pending" }], { rows: [order("a", 1), order("b", 1)], at: 0 });
    cache.setQueryData<LoadedOrders>(["orders", { q: "b" }], { rows: [order("b", 1)], at: 0 });
    patch(cache, [change(order("b", 2, "fulfilled"))]);
    expect(cache.getQueryData<LoadedOrders>(["orders", { tab: "pending" }])?.rows.map((r) => [r.id, r.tab])).toEqual([
      ["a", "pending"],
      ["b", "fulfilled"],
    ]);
    expect(cache.getQueryData<LoadedOrders>(["orders", { q: "b" }])?.rows[0]?.tab).toBe("fulfilled");
  });
  it("does not let an old change undo a new one", () => {
    cache.setQueryData<LoadedOrders>(["orders", {}], { rows: [order("a", 5, "fulfilled")], at: 0 });
    patch(cache, [change(order("a", 4))]);
    expect(cache.getQueryData<LoadedOrders>(["orders", {}])?.rows[0]?.tab).toBe("fulfilled");
  });
  it("takes the last of many changes of one order", () => {
    cache.setQueryData<LoadedOrders>(["orders", {}], { rows: [order("a", 1)], at: 0 });
    patch(cache, [change(order("a", 2, "awaiting_order")), change(order("a", 3, "awaiting_payment"))]);
    expect(cache.getQueryData<LoadedOrders>(["orders", {}])?.rows[0]?.tab).toBe("awaiting_payment");
  });
  it("leaves a list that nothing was changed of as it is", () => {
    const list: LoadedOrders = { rows: [order("a", 1)], at: 0 };
    cache.setQueryData(["orders", {}], list);
    patch(cache, [change(order("z", 1))]);
    expect(cache.getQueryData(["orders", {}])).toBe(list);
  });
  it("reads everything anew when changes may have been missed", () => {
    cache.setQueryData(["counts", {}], { pending: 1 });
    patch(cache, [{ name: "reset", data: { at: "" } }]);
    expect(cache.getQueryState(["counts", {}])?.isInvalidated).toBe(true);
  });
  it("puts counts in place and has filtered ones counted anew", () => {
    cache.setQueryData(["counts", {}], { pending: 1 });
    cache.setQueryData(["counts", { q: "x" }], { pending: 1 });
    patch(cache, [{ name: "counts", data: { pending: 7 } as never }]);
    expect(cache.getQueryData(["counts", {}])).toEqual({ pending: 7 });
    expect(cache.getQueryState(["counts", { q: "x" }])?.isInvalidated).toBe(true);
    expect(cache.getQueryState(["counts", {}])?.isInvalidated).toBe(false);
  });
  it("never starts a job again that has ended", () => {
    expect(patchJob(job("done", 3), progress("running", 1)).state).toBe("done");
    expect(patchJob(job("running", 1), progress("running", 2)).done).toBe(2);
    expect(patchJob(job("running", 1), progress("done", 3)).finished_at).toBeDefined();
  });
});
