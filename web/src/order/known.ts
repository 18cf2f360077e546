import type { Order, OrderSummary } from "../api/gen/types.gen";
import { queryClient } from "../api/queries";
import type { LoadedOrders } from "../live/patch";

/** An order as a list has loaded it, so that its number is known before it is read in full. */
export function knownOrder(id: string): OrderSummary | undefined {
  const full = queryClient.getQueryData<Order>(["order", id]);
  if (full) return full;
  for (const [, list] of queryClient.getQueriesData<LoadedOrders>({ queryKey: ["orders"] })) {
    const row = list?.rows?.find((r) => r.id === id);
    if (row) return row;
  }
}
