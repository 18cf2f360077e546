// The words for how an order stands, in one place and tested.

import type { Event, Order, OrderSummary, SupplierOrder, Tab } from "../api/gen/types.gen";
import { freshWords } from "../orders/words";
import { text } from "../text";
import { clock } from "../text/format";

export type Tone = "good" | "warn" | "bad" | "info" | undefined;

/** The tone of a tab's pill. */
export const toneOf: Record<Tab, Tone> = {
  pending: undefined,
  awaiting_order: "info",
  awaiting_payment: "warn",
  awaiting_shipment: "info",
  fulfilled: "good",
  closed: undefined,
};

/** How fresh an order is, in a sentence: Synced 3 min ago, told by the store · next 14:00. */
export function freshSentence(o: OrderSummary, syncing = false): string {
  const f = freshWords(o, syncing);
  const source = o.last_checked_source && text().fresh.source[o.last_checked_source];
  const told = source && f.tone === "good" && o.next_check_at ? `, ${source}` : "";
  return [f.text + told, f.next].filter(Boolean).join(" · ");
}

/** How a supplier order stands, in words. */
export function purchaseWords(s: Pick<SupplierOrder, "state" | "stage" | "waiting_for" | "error_code">): string {
  const w = text().order.purchase;
  switch (s.state) {
    case "planned":
      return w[s.waiting_for || "planned"];
    case "rejected":
      return s.error_code === "withdrawn" ? w.withdrawn : w.rejected;
    case "placed":
      return s.stage === "closed" ? w.ended : w[s.stage ?? "placed"];
    default:
      return w[s.state];
  }
}

/** The tone of a supplier order's pill. */
export function purchaseTone(s: Pick<SupplierOrder, "state" | "stage">): Tone {
  if (s.state === "rejected" || s.state === "unknown") return "bad";
  if (s.state !== "placed") return s.state === "closed" || s.state === "unlinked" ? undefined : "info";
  return s.stage === "unpaid" ? "warn" : s.stage === "closed" ? "bad" : "good";
}

/** Whether a supplier order stands for goods, or may. */
export const isLiving = (s: Pick<SupplierOrder, "state" | "stage">) =>
  s.state !== "rejected" && s.state !== "closed" && s.state !== "unlinked" && s.stage !== "closed";

/** Whether something of an order can be bought now. */
export function isToBuy(o: Order): boolean {
  if (o.tab !== "awaiting_order") return false;
  if (o.parcels.some((p) => p.lost_at)) return true;
  return o.lines.some((l) => {
    if (l.role !== "dropship") return false;
    let bought = 0;
    for (const s of o.supplier_orders)
      if (isLiving(s)) for (const x of s.lines) if (x.line_id === l.id && x.live && x.part === 0) bought += x.quantity;
    return l.live > bought;
  });
}

export type Told = "store" | "supplier" | "waybill" | "you";

/** Where an event comes from. */
export function toldBy(source: Event["source"]): Told {
  switch (source) {
    case "webhook":
    case "sweep":
      return "store";
    case "push":
    case "poll":
      return "supplier";
    case "manual":
    case "person":
      return "you";
    default:
      return "waybill";
  }
}

/** Who did something: a person, somebody of support, the key of a program; nothing for Waybill itself. */
export function actorWords(actor: string): string {
  if (actor === "system" || actor === "") return "";
  if (actor === "operator") return text().settings.audit.operator;
  const [kind, ...rest] = actor.split(":");
  const name = rest.join(":");
  if (kind === "person") return name;
  if (kind === "support") return text().order.ofSupport(name);
  return kind === "api" ? text().order.withKey(name) : actor;
}

/** Who decided something: whoever it was, or Waybill itself. */
export const whoWords = (actor: string) => actorWords(actor) || text().order.from.waybill;

/** Why and by whom an order is held; empty when it is not. */
export const holdWords = (o: Order) => (o.hold ? text().order.heldSince(whoWords(o.hold.by), o.hold.reason) : "");

/** What comes next for an order, in a sentence or two. */
export function nextWords(o: Order): string {
  const w = text().order.nextWords;
  const placing = o.tab === "awaiting_order" && !isToBuy(o);
  const what = o.hold && o.tab === "awaiting_order" ? w.held : placing ? w.placing : w[o.tab];
  if (!o.next_check_at) return o.tab === "closed" || o.tab === "fulfilled" ? w.final : what;
  return `${what} ${w.check(clock(o.next_check_at))}`;
}

const utc = (at: string) => `${at.slice(0, 16).replace("T", " ")} UTC`;

/** A short text about an order for a ticket: it says the same in every time zone. */
export function ticketText(o: Order, link: string): string {
  const t = text();
  const w = t.order.ticketText;
  const source = o.last_checked_source && t.fresh.source[o.last_checked_source];
  const flags = o.flags.map((f) => `${t.flags[f.code] ?? f.code}: ${f.detail}`);
  return [
    `${t.order.title(o.number)} · ${t.tabs[o.tab]}`,
    `${w.why}: ${o.why}`,
    `${w.last}: ${o.last_checked_at ? `${utc(o.last_checked_at)}${source ? `, ${source}` : ""}` : w.never}`,
    `${w.next}: ${o.next_check_at ? utc(o.next_check_at) : w.none}`,
    ...(flags.length > 0 ? [`${w.flags}: ${flags.join(" / ")}`] : []),
    ...(o.supplier_numbers.length > 0 ? [`${w.supplier}: ${o.supplier_numbers.join(", ")}`] : []),
    ...(o.tracking.length > 0 ? [`${w.tracking}: ${o.tracking.map((x) => x.number).join(", ")}`] : []),
    `${w.ids}: ${w.order} ${o.id}, ${w.store} ${o.store_id}, ${w.external} ${o.external_id}`,
    link,
  ].join("\n");
}

/** A link from outside, when it is one that may be opened. */
export const webLink = (url?: string) => (url && /^https?:\/\//i.test(url) ? url : undefined);
