// What the dashboard reads, each under one key, so that live changes find it.

import { QueryClient, queryOptions } from "@tanstack/react-query";
import { asFailure, call } from "./call";
import {
  countOrders,
  getAbout,
  getMe,
  getOrder,
  getSettings,
  getSyncHealth,
  getSyncJob,
  listConnections,
  listSuppliers,
  listSyncJobs,
  listViews,
} from "./gen/sdk.gen";
import type { CountOrdersData } from "./gen/types.gen";

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

export const viewsQuery = queryOptions({ queryKey: ["views"], queryFn: () => call(listViews()), staleTime: 60_000 });

export const suppliersQuery = queryOptions({
  queryKey: ["suppliers"],
  queryFn: () => call(listSuppliers()),
  staleTime: 60_000,
});
