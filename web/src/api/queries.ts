// What the dashboard reads, each under one key, so that live changes find it.

import { infiniteQueryOptions, keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { asFailure, call } from "./call";
import {
  countOrders,
  explainOrder,
  getAbout,
  getMe,
  getOrder,
  getSettings,
  getSupplierProduct,
  getSyncHealth,
  getSyncHistory,
  getSyncJob,
  getTimeline,
  listApiKeys,
  listAudit,
  listCarriers,
  listConnections,
  listDeadLetters,
  listErasures,
  listFlags,
  listMerchants,
  listMyPasskeys,
  listMySessions,
  listPeople,
  listProductMappings,
  listStaff,
  listSuppliers,
  listSyncJobItems,
  listSyncJobs,
  listToPay,
  listViews,
  listWantedMappings,
  listWebhookDeliveries,
  listWebhookEndpoints,
  searchAllOrders,
} from "./gen/sdk.gen";
import type {
  CountOrdersData,
  Event,
  GetSyncHistoryData,
  ListAuditData,
  ListSyncJobsData,
  ListToPayData,
  SyncJobPage,
} from "./gen/types.gen";
import { onSession } from "./session";

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

// Nothing of one person or merchant is shown to the next.
onSession(() => queryClient.removeQueries({ predicate: (q) => q.queryKey[0] !== "about" }));

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
/** Pages of a list, read one after the other until there are as many rows as were shown before. */
async function readPages<T, P extends { next_cursor?: string }>(
  rows: (page: P) => T[],
  read: (cursor: string | undefined) => Promise<P>,
  wanted: number,
): Promise<{ rows: T[]; next_cursor?: string }> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    all.push(...rows(page));
    cursor = page.next_cursor;
  } while (cursor && all.length < wanted);
  return { rows: all, next_cursor: cursor };
}

export type JobsFilter = Pick<NonNullable<ListSyncJobsData["query"]>, "state" | "trigger">;

const readJobs = (filter: JobsFilter, cursor?: string) =>
  call(listSyncJobs({ query: { ...filter, cursor, limit: 50 } }));

/** The newest sync jobs under a filter. Live changes are written into its rows; read anew it is as long as before. */
export const jobsQuery = (filter: JobsFilter) =>
  queryOptions({
    queryKey: ["jobs", "list", filter],
    queryFn: async (): Promise<SyncJobPage> => {
      const before = queryClient.getQueryData<SyncJobPage>(["jobs", "list", filter])?.sync_jobs.length ?? 0;
      const read = await readPages(
        (p: SyncJobPage) => p.sync_jobs,
        (cursor) => readJobs(filter, cursor),
        before,
      );
      return { sync_jobs: read.rows, next_cursor: read.next_cursor };
    },
  });

/** Puts the next page of sync jobs behind those that are loaded. */
export async function moreJobs(filter: JobsFilter) {
  const key = jobsQuery(filter).queryKey;
  const cursor = queryClient.getQueryData(key)?.next_cursor;
  if (!cursor) return;
  const page = await readJobs(filter, cursor);
  queryClient.setQueryData(key, (old) =>
    old?.next_cursor === cursor ? { ...page, sync_jobs: [...old.sync_jobs, ...page.sync_jobs] } : old,
  );
}

/** What a sync job did, order by order. It is read again now and then while the job is under way, not with each event. */
export const jobOutcomesQuery = (id: string, running: boolean) =>
  infiniteQueryOptions({
    queryKey: ["job outcomes", id],
    queryFn: ({ pageParam }) =>
      call(listSyncJobItems({ path: { id }, query: { cursor: pageParam || undefined, limit: 100 } })),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: running ? 2000 : false,
  });

export const deadLettersQuery = infiniteQueryOptions({
  queryKey: ["dead letters"],
  queryFn: ({ pageParam }) => call(listDeadLetters({ query: { cursor: pageParam || undefined } })),
  initialPageParam: "",
  getNextPageParam: (last) => last.next_cursor,
});

type HistoryRange = NonNullable<NonNullable<GetSyncHistoryData["query"]>["range"]>;

export const historyQuery = (range: HistoryRange, connection_id?: string) =>
  queryOptions({
    queryKey: ["history", range, connection_id],
    queryFn: () => call(getSyncHistory({ query: { range, connection_id } })),
    refetchInterval: 5 * 60_000,
    placeholderData: keepPreviousData,
  });

/** What a person should know of a connection: a copied site, an access that ends. */
export const connectionFlagsQuery = queryOptions({
  queryKey: ["connections", "flags"],
  queryFn: async () => {
    const codes = ["same_site_twice", "access_ending", "permission_missing", "needs_reauth", "app_removed"];
    const lists = await Promise.all(codes.map((code) => call(listFlags({ query: { code } }))));
    return lists.flatMap((l) => l.flags);
  },
  staleTime: 60_000,
});

export const wantedMappingsQuery = (store_id?: string) =>
  infiniteQueryOptions({
    queryKey: ["mappings", "wanted", store_id],
    queryFn: ({ pageParam }) =>
      call(listWantedMappings({ query: { store_id, cursor: pageParam || undefined, limit: 100 } })),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: 10_000, // orders take a mapping over a moment after it was saved
  });

export const mappingsQuery = (store_id?: string, variant_key?: string) =>
  infiniteQueryOptions({
    queryKey: ["mappings", "list", store_id, variant_key],
    queryFn: ({ pageParam }) =>
      call(listProductMappings({ query: { store_id, variant_key, cursor: pageParam || undefined, limit: 100 } })),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
  });

export const supplierProductQuery = (product_id: string, account_id?: string) =>
  queryOptions({
    queryKey: ["supplier product", product_id, account_id],
    queryFn: () => call(getSupplierProduct({ path: { product_id }, query: { account_id } })),
    staleTime: 60_000,
    retry: false, // each call costs some of the account's budget
  });

export const carriersQuery = queryOptions({ queryKey: ["carriers"], queryFn: () => call(listCarriers()) });

export const webhooksQuery = queryOptions({ queryKey: ["webhooks"], queryFn: () => call(listWebhookEndpoints()) });

/** What an endpoint was told, newest first, page after page. It changes by itself while messages are sent. */
export const deliveriesQuery = (id: string, state: "" | "waiting" | "delivered" | "failed") =>
  infiniteQueryOptions({
    queryKey: ["webhooks", id, "deliveries", state],
    queryFn: ({ pageParam }) =>
      call(
        listWebhookDeliveries({
          path: { id },
          query: { cursor: pageParam || undefined, state: state || undefined, limit: 20 },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: 3_000,
  });

export const keysQuery = queryOptions({ queryKey: ["api keys"], queryFn: () => call(listApiKeys()) });

export type AuditFilter = Pick<NonNullable<ListAuditData["query"]>, "act" | "actor" | "from">;

/** What was asked to be erased, newest first, page after page. */
export const erasuresQuery = infiniteQueryOptions({
  queryKey: ["erasures"],
  queryFn: ({ pageParam }) => call(listErasures({ query: { cursor: pageParam || undefined, limit: 20 } })),
  initialPageParam: "",
  getNextPageParam: (last) => last.next_cursor,
});

/** What was done, newest first, page after page. */
export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam }) => call(listAudit({ query: { ...filter, cursor: pageParam || undefined, limit: 20 } })),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });

export const sessionsQuery = queryOptions({ queryKey: ["my sessions"], queryFn: () => call(listMySessions()) });

export const passkeysQuery = queryOptions({ queryKey: ["my passkeys"], queryFn: () => call(listMyPasskeys()) });

export const peopleQuery = queryOptions({ queryKey: ["people"], queryFn: () => call(listPeople()) });

export const staffQuery = queryOptions({ queryKey: ["staff"], queryFn: () => call(listStaff()) });

/** Orders of all merchants that a text finds. */
export const deskSearchQuery = (q: string) =>
  queryOptions({
    queryKey: ["desk", "orders", q],
    queryFn: () => call(searchAllOrders({ query: { q } })),
    retry: false,
  });

/** All merchants, page after page. */
export const merchantsQuery = (q: string) =>
  infiniteQueryOptions({
    queryKey: ["desk", "merchants", q],
    queryFn: ({ pageParam }) => call(listMerchants({ query: { q: q || undefined, cursor: pageParam || undefined } })),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });

export const explanationQuery = (id: string) =>
  queryOptions({ queryKey: ["order", id, "explanation"], queryFn: () => call(explainOrder({ path: { id } })) });
