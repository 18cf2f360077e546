// What stands in the address of a page: text under short names, nothing where the default holds.

/** The order list's views: the five tabs, and two that are none. */
export const views = [
  "pending",
  "awaiting_order",
  "awaiting_payment",
  "awaiting_shipment",
  "fulfilled",
  "attention",
  "closed",
] as const;
export type View = (typeof views)[number];

export const sorts = ["newest", "oldest", "deadline"] as const;
export type Sort = (typeof sorts)[number];

/** Everything that a reader of the order list has chosen. */
export interface OrdersSearch {
  tab?: View;
  q?: string;
  store?: string;
  flag?: string;
  country?: string;
  supplier?: string;
  /** Days, as 2026-03-14, in the viewer's zone; both included. */
  from?: string;
  to?: string;
  sort?: Sort;
  /** The order that is open beside the list. */
  order?: string;
}

type Raw = Record<string, unknown>;

const word = (v: unknown, max = 200) => (typeof v === "string" && v !== "" ? v.slice(0, max) : undefined);
const oneOf = <T extends string>(v: unknown, list: readonly T[]) => list.find((x) => x === v);
const day = (v: unknown) =>
  typeof v === "string" && /^\d{4}-\d\d-\d\d$/.test(v) && !Number.isNaN(Date.parse(v)) ? v : undefined;

/** Reads the address of the order list. What makes no sense is left out: undefined, or the router would take it from the raw address. */
export function readOrdersSearch(raw: Raw): OrdersSearch {
  return {
    tab: oneOf(raw.tab, views),
    q: word(raw.q),
    store: word(raw.store, 36),
    flag: word(raw.flag, 60),
    country: word(raw.country, 2),
    supplier: word(raw.supplier, 40),
    from: day(raw.from),
    to: day(raw.to),
    sort: oneOf(raw.sort, sorts),
    order: word(raw.order, 36),
  };
}

/** Reads a query string as plain text: a number that was searched for stays text. */
export const parseSearch = (s: string): Raw => Object.fromEntries(new URLSearchParams(s));

/** Writes a query string. */
export function stringifySearch(s: Raw): string {
  const out = new URLSearchParams();
  for (const [k, v] of Object.entries(s)) if (v !== undefined && v !== null && v !== "") out.set(k, String(v));
  const text = out.toString();
  return text ? `?${text}` : "";
}
