// How far a merchant is with setting up, read from what there is.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { Connection, OrderCounts } from "../api/gen/types.gen";
import { connectionsQuery, countsQuery, healthQuery, wantedMappingsQuery } from "../api/queries";

export const stepNames = ["store", "supplier", "products", "choose", "first"] as const;
export type StepName = (typeof stepNames)[number];

/** How a step stands. One that waits cannot be done before another. */
export type StepState = "done" | "todo" | "failed" | "skipped" | "waits";

export interface Step {
  name: StepName;
  state: StepState;
}

/** What is known of a merchant, as far as setting up goes. */
export interface Facts {
  connections: Connection[];
  /** How many variants orders wait for. */
  wanted: number;
  orders: number;
  /** Whether a store has been searched to the end. */
  swept: boolean;
}

/** What only this browser knows: what was skipped and what was agreed to. */
export interface Kept {
  skipped: StepName[];
  chosen: boolean;
}

const of = (facts: Facts, platform: Connection["platform"]) => facts.connections.filter((c) => c.platform === platform);

function connected(list: Connection[]): StepState {
  if (list.some((c) => c.state === "active")) return "done";
  return list.some((c) => c.state === "needs_reauth") ? "failed" : "todo";
}

/** The steps, each with how it stands. */
export function stepsOf(facts: Facts, kept: Kept): Step[] {
  const store = connected(of(facts, "wix"));
  const ready = store === "done";
  const states: Record<StepName, StepState> = {
    store,
    supplier: connected(of(facts, "aliexpress")),
    products: !ready ? "waits" : facts.wanted === 0 ? "done" : "todo",
    choose: kept.chosen ? "done" : "todo",
    first: !ready ? "waits" : facts.orders > 0 || facts.swept ? "done" : "todo",
  };
  return stepNames.map((name) => ({
    name,
    state: states[name] !== "done" && kept.skipped.includes(name) ? "skipped" : states[name],
  }));
}

/** All orders, in whatever tab. */
export const totalOf = (c: OrderCounts) =>
  c.pending + c.awaiting_order + c.awaiting_payment + c.awaiting_shipment + c.fulfilled + c.closed;

const place = "waybill.setup";
const listeners = new Set<() => void>();
let kept = readKept();

function readKept(): Kept {
  try {
    const raw = JSON.parse(localStorage.getItem(place) ?? "{}") as Partial<Kept>;
    return { skipped: stepNames.filter((n) => raw.skipped?.includes(n)), chosen: raw.chosen === true };
  } catch {
    return { skipped: [], chosen: false };
  }
}

/** Keeps what was skipped or agreed to, in this browser. */
export function keep(change: Partial<Kept>) {
  kept = { ...kept, ...change };
  try {
    localStorage.setItem(place, JSON.stringify(kept));
  } catch {
    // kept for this page only
  }
  for (const l of listeners) l();
}

export const useKept = () =>
  useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => {
        listeners.delete(l);
      };
    },
    () => kept,
  );

/** How far setting up is: whether that is still being read, whether a store is there, and each step. */
export function useSetup() {
  const connections = useQuery(connectionsQuery);
  const counts = useQuery(countsQuery());
  const health = useQuery(healthQuery);
  const wanted = useInfiniteQuery(wantedMappingsQuery());
  const mine = useKept();
  const list = connections.data?.connections ?? [];
  const steps = stepsOf(
    {
      connections: list,
      wanted: wanted.data?.pages.reduce((n, p) => n + p.wanted_mappings.length, 0) ?? 0,
      orders: counts.data ? totalOf(counts.data) : 0,
      swept: health.data?.connections.some((c) => c.platform === "wix" && c.swept_at) ?? false,
    },
    mine,
  );
  return {
    pending: connections.isPending || counts.isPending || wanted.isPending || health.isPending,
    error: connections.error,
    done: steps.every((s) => s.state === "done" || s.state === "skipped"),
    /** No store is connected, and none was: an empty list has that reason. */
    noStore: connections.isSuccess && !list.some((c) => c.platform === "wix" && c.state !== "removed"),
    steps,
    connections: list,
    counts: counts.data,
    retry: () => void connections.refetch(),
  };
}
