import { Button } from "@mantine/core";
import { lazy, Suspense, useEffect, useState } from "react";
import type { OrderSummary, SyncScope } from "../api/gen/types.gen";
import type { OrdersSearch, View } from "../app/search";
import { useText } from "../text";
import { number } from "../text/format";
import { announce } from "../ui/announce";
import { DropMenu } from "../ui/DropMenu";
import { IconCart, IconClose, IconMore, IconSync } from "../ui/icons";
import { May } from "../ui/May";
import { sentence } from "../ui/states";
import { toast } from "../ui/toasts";
import classes from "./BulkBar.module.css";
import { scopeOf } from "./list";
import type { Selection } from "./selection";

const SyncDialog = lazy(() => import("../sync/SyncDialog").then((m) => ({ default: m.SyncDialog })));
const HoldDialog = lazy(() => import("./HoldDialog").then((m) => ({ default: m.HoldDialog })));

interface BulkProps {
  selection: Selection;
  loaded: OrderSummary[];
  total: number;
  view: View;
  search: OrdersSearch;
  onAll: () => void;
  onClear: () => void;
  onPlace: () => void;
  /** Reads the orders that are selected, as many as can be dealt with at once. */
  read: () => Promise<OrderSummary[]>;
}

/** What can be done with what is selected. It floats above the end of the page. */
export function BulkBar({ selection, loaded, total, view, search, onAll, onClear, onPlace, read }: BulkProps) {
  const t = useText();
  const [syncing, setSyncing] = useState<SyncScope>();
  const [holding, setHolding] = useState<{ what: "hold" | "release"; orders: OrderSummary[] }>();
  const n = selection.all ? total : selection.ids.size;
  const words = selection.all ? t.orders.allMatchingSelected(number(total)) : t.orders.selected(number(n));
  useEffect(() => {
    if (n > 0) announce(words);
  }, [n, words]);
  if (n === 0) return null;
  const scope: SyncScope = selection.all ? scopeOf(search) : { kind: "orders", ids: [...selection.ids] };
  const canAll = !selection.all && total > loaded.length && loaded.every((o) => selection.ids.has(o.id));

  async function hold(what: "hold" | "release") {
    try {
      setHolding({ what, orders: await read() });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.orders[what](n)), detail: sentence(e), tone: "bad" });
    }
  }

  return (
    <section className={classes.bar} aria-label={t.orders.bulk}>
      <strong className={classes.words}>{words}</strong>
      {canAll && (
        <button type="button" className="link" onClick={onAll}>
          {t.orders.selectAllMatching(number(total), t.tabs[view])}
        </button>
      )}
      {(view === "awaiting_order" || view === "attention") && (
        <May scope="orders:place">
          <Button leftSection={<IconCart />} onClick={onPlace}>
            {t.orders.place}
          </Button>
        </May>
      )}
      <May scope="sync:write">
        <Button
          variant={view === "awaiting_order" ? "default" : "filled"}
          leftSection={<IconSync />}
          onClick={() => setSyncing(scope)}
        >
          {t.sync.now}
        </Button>
      </May>
      <May scope="orders:write">
        <DropMenu
          position="top-end"
          button={
            <Button variant="default" aria-label={t.do.more}>
              <IconMore />
            </Button>
          }
          lines={[
            { do: t.orders.hold(n), run: () => void hold("hold") },
            { do: t.orders.release(n), run: () => void hold("release") },
          ]}
        />
      </May>
      <button type="button" className="iconButton" aria-label={t.orders.clearSelection} onClick={onClear}>
        <IconClose />
      </button>
      <Suspense>
        {syncing && <SyncDialog scope={syncing} onClose={() => setSyncing(undefined)} />}
        {holding && <HoldDialog {...holding} onClose={() => setHolding(undefined)} />}
      </Suspense>
    </section>
  );
}
