// The reckoning behind placing: what stands against it, what it costs, and what became of it when no answer came.

import { asFailure, call, type Failure } from "../api/call";
import { getOrder, placeManySupplierOrders } from "../api/gen/sdk.gen";
import type { BulkPlaceRequest, Money, Order, PlacingProblem, Preflight } from "../api/gen/types.gen";
import type { text } from "../text";
import { money } from "../text/format";
import { sentence } from "../ui/states";
import { isLiving } from "./words";

/** What a check of one order before its purchase has found. */
export interface Checked {
  id: string;
  number: string;
  preflight?: Preflight;
  /** Why it could not be checked. */
  failure?: Failure;
}

/** Does the work for each item, a few at once, until it is told to stop. */
export async function pool<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
  stopped: () => boolean = () => false,
): Promise<void> {
  let at = 0;
  const lane = async () => {
    while (at < items.length && !stopped()) {
      const item = items[at++] as T;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}

/** Everything that is said about a purchase, each once, with what blocks it first. */
export function problemsOf(p: Preflight): PlacingProblem[] {
  const all = [...p.problems, ...p.groups.flatMap((g) => g.lines.flatMap((l) => l.problems))];
  const seen = new Set<string>();
  const once = all.filter((x) => {
    const key = `${x.code} ${x.line_id ?? ""} ${x.detail}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return once.sort((a, b) => Number(b.blocks) - Number(a.blocks));
}

/** The checked orders by what can be done with them. */
export function sortOut(checks: readonly Checked[]) {
  const ready: Checked[] = [];
  const blocked: Checked[] = [];
  const unchecked: Checked[] = [];
  for (const c of checks) {
    if (!c.preflight) unchecked.push(c);
    else if (c.preflight.ready) ready.push(c);
    else blocked.push(c);
  }
  return { ready, blocked, unchecked };
}

/** What purchases cost, by currency; currencies are never added. */
export interface Sum {
  currency: string;
  goods: number;
  shipping: number;
}

export function sumsOf(checks: readonly Checked[]): Sum[] {
  const sums = new Map<string, Sum>();
  for (const c of checks)
    for (const t of c.preflight?.totals ?? []) {
      const { currency } = t.goods;
      const sum = sums.get(currency) ?? { currency, goods: 0, shipping: 0 };
      sum.goods += t.goods.minor;
      sum.shipping += t.shipping.minor;
      sums.set(currency, sum);
    }
  return [...sums.values()];
}

/** Sums as one text: $214.60, or $10.00 + €5.00. */
export const sumWords = (sums: readonly Sum[]) =>
  sums.map((s) => money({ minor: s.goods + s.shipping, currency: s.currency })).join(" + ");

export const moneyOf = (minor: number, currency: string): Money => ({ minor, currency });

export type Outcome = keyof ReturnType<typeof text>["place"]["outcome"];

/** What became of one order. */
export interface Placed {
  outcome: Outcome;
  /** Why it was refused. */
  detail?: string;
}

/** Whether a call may have bought something although it failed. */
export const isUnclear = (f: Failure) => f.status === 0 || f.status >= 500 || f.code === "unexpected";

/** Whether an order holds purchases that were not there before it was sent. */
export const isPlacedSince = (o: Pick<Order, "supplier_orders">, before: readonly string[]) =>
  o.supplier_orders.some((s) => isLiving(s) && !before.includes(s.id));

/** How many orders are sent with one call: few enough that its progress is seen. */
const chunk = 20;

/** How long a call without an answer may still be at work on the server, in milliseconds, and how often that is looked at. */
const settles = 30_000;
const pause = 3000;

/**
 * Places orders, each once: a call that gave no clear answer is never repeated, but what became of its orders is read until
 * that is known. It tells of each order as soon as something is known.
 */
export async function placeAll(
  checks: readonly Checked[],
  request: Omit<BulkPlaceRequest, "order_ids" | "filter">,
  tell: (id: string, placed: Placed) => void,
): Promise<void> {
  for (let at = 0; at < checks.length; at += chunk) {
    const some = checks.slice(at, at + chunk);
    try {
      const result = await call(placeManySupplierOrders({ body: { ...request, order_ids: some.map((c) => c.id) } }));
      for (const row of result.rows) tell(row.order_id, { outcome: row.outcome, detail: row.detail });
    } catch (e) {
      const f = asFailure(e);
      if (!isUnclear(f)) for (const c of some) tell(c.id, { outcome: "refused", detail: sentence(f) });
      else {
        for (const c of some) tell(c.id, { outcome: "unclear" });
        await pool(some, 4, (c) => findOut(c, tell));
      }
    }
  }
}

/** Reads one order until it is known whether it was placed. */
async function findOut(c: Checked, tell: (id: string, placed: Placed) => void) {
  const before = c.preflight?.supplier_order_ids ?? [];
  const since = performance.now();
  for (;;) {
    try {
      const order = await call(getOrder({ path: { id: c.id } }));
      if (isPlacedSince(order, before)) return tell(c.id, { outcome: "planned" });
      if (performance.now() - since > settles) return tell(c.id, { outcome: "absent" });
    } catch {
      // It is asked again until Waybill answers.
    }
    await new Promise((r) => setTimeout(r, pause));
  }
}
