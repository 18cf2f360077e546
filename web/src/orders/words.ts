// What a row says of an order: its state and how fresh it is. One place, tested, for the list and the order itself.

import { now } from "../api/clock";
import type { OrderSummary } from "../api/gen/types.gen";
import { text } from "../text";
import { ago, clock, until } from "../text/format";

export type Tone = "good" | "warn" | "bad" | "info" | "neutral";

/** A state in words; never by colour alone. */
export interface Words {
  tone: Tone;
  text: string;
}

const hour = 3_600_000;

/** What an order waits for, in a few words. */
export function statusWords(o: OrderSummary): Words {
  const t = text();
  const flag = o.flag_codes[0];
  if (flag)
    return {
      tone: "bad",
      text: `${t.flags[flag] ?? flag}${o.flag_codes.length > 1 ? ` +${o.flag_codes.length - 1}` : ""}`,
    };
  switch (o.tab) {
    case "awaiting_payment": {
      if (!o.pay_by) return { tone: "info", text: t.orders.status.awaiting_payment };
      const left = Date.parse(o.pay_by) - now();
      return { tone: left < 24 * hour ? "warn" : "info", text: t.orders.payBy(until(o.pay_by)) };
    }
    case "awaiting_shipment":
      if (o.shipped > 0) return { tone: "info", text: t.orders.shippedOf(o.shipped, o.to_ship) };
      return { tone: "neutral", text: t.orders.status.awaiting_shipment };
    case "fulfilled":
      if (o.push_state === "confirmed" || o.push_state === "accepted")
        return { tone: "good", text: `${t.orders.status.fulfilled} · ${t.orders.confirmed}` };
      if (o.push_state === "refused") return { tone: "bad", text: t.orders.pushTrouble };
      return { tone: "info", text: `${t.orders.status.fulfilled} · ${t.orders.pushing}` };
    case "closed":
      return { tone: "neutral", text: o.chips[0]?.text ?? o.why };
    case "awaiting_order": {
      const chip = o.chips[0];
      return chip ? { tone: "info", text: chip.text } : { tone: "info", text: t.orders.status.awaiting_order };
    }
    default:
      return { tone: "neutral", text: t.orders.status[o.tab as keyof typeof t.orders.status] ?? o.tab };
  }
}

/** How fresh an order is. next is absent where there is nothing to wait for. */
export interface Freshness {
  tone: "good" | "warn" | "busy" | "none";
  text: string;
  next?: string;
}

// An order that is not checked for so long after its time was due is called stale.
const grace = 30 * 60_000;

/** When an order was last checked and when it is checked next. */
export function freshWords(o: Pick<OrderSummary, "last_checked_at" | "next_check_at">, syncing = false): Freshness {
  const t = text().fresh;
  if (syncing) return { tone: "busy", text: t.syncing };
  const { last_checked_at: last, next_check_at: next } = o;
  const due = next ? Date.parse(next) - now() : 0;
  const after = next ? (due > 0 ? t.next(clock(next)) : t.overdue) : undefined;
  if (!last) return { tone: "none", text: t.never, next: after };
  if (!next) return { tone: "good", text: t.final(clock(last)) };
  if (due < -grace) return { tone: "warn", text: t.stale(ago(last)), next: after };
  return { tone: "good", text: t.synced(ago(last)), next: after };
}
