import { lazy, Suspense } from "react";
import { useLooks } from "../api/may";
import { syncOrder } from "../sync/actions";
import { useShow } from "./dialogs";

const PlaceDialog = lazy(() => import("./PlaceDialog").then((m) => ({ default: m.PlaceDialog })));

const SyncDialog = lazy(() => import("../sync/SyncDialog").then((m) => ({ default: m.SyncDialog })));

/** How a part of an order opens the review of a purchase. */
export function usePlace() {
  const show = useShow();
  return (ids: string[]) =>
    show((close) => (
      <Suspense>
        <PlaceDialog orderIds={ids} onClose={close} />
      </Suspense>
    ));
}

/** How a part of an order has it synced: at once, or, for support, after saying why. */
export function useSync() {
  const show = useShow();
  const looks = useLooks();
  return (id: string) => {
    if (!looks) void syncOrder(id);
    else
      show((close) => (
        <Suspense>
          <SyncDialog scope={{ kind: "orders", ids: [id] }} onClose={close} />
        </Suspense>
      ));
  };
}
