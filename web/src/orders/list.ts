// What the list of orders asks the server for, from what stands in the address.

import { queryOptions } from "@tanstack/react-query";
import { call } from "../api/call";
import { now } from "../api/clock";
import { listOrders } from "../api/gen/sdk.gen";
import type { ListOrdersData, SyncFilter, SyncScope } from "../api/gen/types.gen";
import { type CountsQuery, queryClient } from "../api/queries";
import type { OrdersSearch } from "../app/search";
import type { LoadedOrders } from "../live/patch";

export type ListParams = Omit<NonNullable<ListOrdersData["query"]>, "cursor" | "limit">;

/** How many orders a page has. */
export const pageSize = 50;
const largestPage = 200;

/** The first moment of a day in the viewer's zone. */
export const startOfDay = (day: string) => new Date(`${day}T00:00:00`);

/** The first moment after a day in the viewer's zone. */
export function endOfDay(day: string) {
  const d = startOfDay(day);
  d.setDate(d.getDate() + 1); // a day may have 23 or 25 hours
  return d;
}

/** The filters of an address without its view and sort. */
function filtersOf(s: OrdersSearch): Omit<ListParams, "tab" | "view" | "sort"> {
  return dense({
    q: s.q?.trim(),
    store_id: s.store,
    flag: s.flag as ListParams["flag"],
    country: s.country,
    supplier: s.supplier,
    placed_from: s.from && startOfDay(s.from).toISOString(),
    placed_to: s.to && endOfDay(s.to).toISOString(),
  });
}

function dense<T extends object>(o: T): T {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined && v !== "")) as T;
}

/** What the list is asked for. */
export function paramsOf(s: OrdersSearch): ListParams {
  const tab = s.tab ?? "pending";
  return dense({
    ...filtersOf(s),
    ...(tab === "attention" ? { view: "attention" as const } : { tab }),
    sort: s.sort ?? (tab === "attention" ? "deadline" : undefined),
  });
}

/** What the counts of the tabs are asked for. */
export const countsOf = (s: OrdersSearch): CountsQuery => filtersOf(s);

/** Whether anything narrows the list beyond its tab and store. */
export const narrowed = (s: OrdersSearch) => Object.keys(filtersOf({ ...s, store: undefined })).length > 0;

/** The scope of a sync of everything that the list would show. */
export function scopeOf(s: OrdersSearch): SyncScope {
  const { sort: _, ...filter } = paramsOf(s);
  return { kind: "filter", filter: filter as SyncFilter };
}

async function load(params: ListParams, wanted: number): Promise<LoadedOrders> {
  const rows: LoadedOrders["rows"] = [];
  let next: string | undefined;
  do {
    const limit = Math.min(largestPage, Math.max(wanted - rows.length, pageSize));
    const page = await call(listOrders({ query: { ...params, cursor: next, limit } }));
    rows.push(...page.orders);
    next = page.next_cursor;
  } while (next && rows.length < wanted);
  return { rows, next, at: now() };
}

const keyOf = (params: ListParams) => ["orders", params] as const;

/** The list as far as it is loaded. Read anew, it has as many rows as before. */
export const ordersQuery = (params: ListParams) =>
  queryOptions({
    queryKey: keyOf(params),
    queryFn: () => load(params, queryClient.getQueryData<LoadedOrders>(keyOf(params))?.rows.length ?? pageSize),
  });

/** Loads the next rows behind those that are there. */
export async function loadMore(params: ListParams, howMany: number) {
  const queryKey = keyOf(params);
  await queryClient.cancelQueries({ queryKey }); // a reading of what was there before would take the new rows away again
  const cursor = queryClient.getQueryData<LoadedOrders>(queryKey)?.next;
  if (!cursor) return;
  const page = await call(listOrders({ query: { ...params, cursor, limit: howMany } }));
  await queryClient.cancelQueries({ queryKey });
  queryClient.setQueryData<LoadedOrders>(queryKey, (list) => {
    if (!list) return list;
    const known = new Set(list.rows.map((r) => r.id));
    return { ...list, rows: [...list.rows, ...page.orders.filter((o) => !known.has(o.id))], next: page.next_cursor };
  });
}

/** Shows the list from its beginning again. */
export async function reload(params: ListParams) {
  const first = await load(params, pageSize);
  queryClient.setQueryData(keyOf(params), first);
}

/** How many orders are placed or held at once, at most: each is looked at before. */
const mostAtOnce = 200;

/** The first orders that the list would show, loaded or not. */
export async function firstMatches(params: ListParams): Promise<LoadedOrders["rows"]> {
  return (await call(listOrders({ query: { ...params, limit: mostAtOnce } }))).orders;
}
