import { Button, Menu } from "@mantine/core";
import { lazy, Suspense, useEffect, useState } from "react";
import type { OrderSummary, SyncScope } from "../api/gen/types.gen";
import type { OrdersSearch, View } from "../app/search";
import { useText } from "../text";
import { number } from "../text/format";
import { announce } from "../ui/announce";
import { IconCart, IconClose, IconMore, IconSync } from "../ui/icons";
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
}

/** What can be done with what is selected. It floats above the end of the page. */
export function BulkBar({ selection, loaded, total, view, search, onAll, onClear, onPlace }: BulkProps) {
  const t = useText();
  const [syncing, setSyncing] = useState<SyncScope>();
  const [holding, setHolding] = useState<"hold" | "release">();
  const n = selection.all ? total : selection.ids.size;
  const words = selection.all ? t.orders.allMatchingSelected(number(total)) : t.orders.selected(number(n));
  useEffect(() => {
    if (n > 0) announce(words);
  }, [n, words]);
  if (n === 0) return null;
  const scope: SyncScope = selection.all ? scopeOf(search) : { kind: "orders", ids: [...selection.ids] };
  const canAll = !selection.all && total > loaded.length && loaded.every((o) => selection.ids.has(o.id));
  const ids = selection.all ? loaded.map((o) => o.id) : [...selection.ids];
  return (
    <section className={classes.bar} aria-label={t.orders.bulk}>
      <strong className={classes.words}>{words}</strong>
      {canAll && (
        <button type="button" className="link" onClick={onAll}>
          {t.orders.selectAllMatching(number(total), t.tabs[view])}
        </button>
      )}
      {(view === "awaiting_order" || view === "attention") && (
        <Button leftSection={<IconCart />} onClick={onPlace}>
          {t.orders.place}
        </Button>
      )}
      <Button
        variant={view === "awaiting_order" ? "default" : "filled"}
        leftSection={<IconSync />}
        onClick={() => setSyncing(scope)}
      >
        {t.sync.now}
      </Button>
      <Menu position="top-end">
        <Menu.Target>
          <Button variant="default" aria-label={t.do.more}>
            <IconMore />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setHolding("hold")}>{t.orders.hold(ids.length)}</Menu.Item>
          <Menu.Item onClick={() => setHolding("release")}>{t.orders.release(ids.length)}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <button type="button" className="iconButton" aria-label={t.orders.clearSelection} onClick={onClear}>
        <IconClose />
      </button>
      <Suspense>
        {syncing && <SyncDialog scope={syncing} onClose={() => setSyncing(undefined)} />}
        {holding && (
          <HoldDialog
            what={holding}
            orders={loaded.filter((o) => ids.includes(o.id))}
            onClose={() => setHolding(undefined)}
          />
        )}
      </Suspense>
    </section>
  );
}
