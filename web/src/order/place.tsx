import { lazy, Suspense } from "react";
import { useShow } from "./dialogs";

const PlaceDialog = lazy(() => import("./PlaceDialog").then((m) => ({ default: m.PlaceDialog })));

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
