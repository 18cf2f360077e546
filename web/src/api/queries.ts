// What the dashboard reads, each under one key, so that live changes find it.

import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { asFailure, call } from "./call";
import {
  countOrders,
  getAbout,
  getMe,
  getOrder,
  getSettings,
  getSyncHealth,
  getSyncJob,
  getTimeline,
  listConnections,
  listSuppliers,
  listSyncJobs,
  listToPay,
  listViews,
} from "./gen/sdk.gen";
import type { CountOrdersData, Event, ListToPayData } from "./gen/types.gen";

/** The cache. Reads are tried again twice where that may help; writes never are. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (failures, e) => failures < 2 && asFailure(e).passing,
      networkMode: "always", // a local installation has no internet and works
    },
    mutations: { networkMode: "always" },
  },
});

export const aboutQuery = queryOptions({
  queryKey: ["about"],
  queryFn: () => call(getAbout()),
  staleTime: Number.POSITIVE_INFINITY,
});

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: () => call(getMe()), staleTime: 5 * 60_000 });

export type CountsQuery = NonNullable<CountOrdersData["query"]>;

export const countsQuery = (query: CountsQuery = {}) =>
  queryOptions({ queryKey: ["counts", query], queryFn: () => call(countOrders({ query })) });

export const orderQuery = (id: string) =>
  queryOptions({ queryKey: ["order", id], queryFn: () => call(getOrder({ path: { id } })) });

export const connectionsQuery = queryOptions({
  queryKey: ["connections"],
  queryFn: () => call(listConnections()),
  staleTime: 60_000,
});

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: () => call(getSyncHealth()),
  refetchInterval: 60_000,
});

export const settingsQuery = queryOptions({ queryKey: ["settings"], queryFn: () => call(getSettings()) });

export const jobQuery = (id: string) =>
  queryOptions({ queryKey: ["job", id], queryFn: () => call(getSyncJob({ path: { id } })) });

export const newestJobsQuery = queryOptions({
  queryKey: ["jobs", "newest"],
  queryFn: () => call(listSyncJobs({ query: { limit: 50 } })),
});

/** Everything that happened to an order, oldest first, up to a thousand events. Its key is the order's, so that both are read anew. */
export const timelineQuery = (id: string) =>
  queryOptions({
    queryKey: ["order", id, "timeline"],
    queryFn: async () => {
      const events: Event[] = [];
      let cursor: string | undefined;
      do {
        const page = await call(getTimeline({ path: { id }, query: { cursor, limit: 200 } }));
        events.push(...page.events);
        cursor = page.next_cursor;
      } while (cursor && events.length < 1000);
      return { events, more: !!cursor };
    },
  });

export type PayQuery = Pick<NonNullable<ListToPayData["query"]>, "store_id" | "account_id">;

/** What is to be paid, page after page. */
export const payListQuery = (query: PayQuery) =>
  infiniteQueryOptions({
    queryKey: ["pay list", query],
    queryFn: ({ pageParam }) => call(listToPay({ query: { ...query, cursor: pageParam, limit: 100 } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 60_000,
  });

/** What is to be paid with one account, as a sum. */
export const paySumQuery = (query: PayQuery) =>
  queryOptions({
    queryKey: ["pay list", query, "sum"],
    queryFn: () => call(listToPay({ query: { ...query, limit: 1 } })),
  });

export const viewsQuery = queryOptions({ queryKey: ["views"], queryFn: () => call(listViews()), staleTime: 60_000 });

export const suppliersQuery = queryOptions({
  queryKey: ["suppliers"],
  queryFn: () => call(listSuppliers()),
  staleTime: 60_000,
});
