import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import type { SyncScope } from "../api/gen/types.gen";
import { connectionsQuery } from "../api/queries";
import type { OrdersSearch, View } from "../app/search";
import { narrowed, scopeOf } from "../orders/list";
import { useText } from "../text";
import { number } from "../text/format";
import { DropMenu } from "../ui/DropMenu";
import { IconDown, IconSync } from "../ui/icons";
import classes from "./SyncButton.module.css";

const SyncDialog = lazy(() => import("./SyncDialog").then((m) => ({ default: m.SyncDialog })));

/** Syncs what the list shows; its menu has the other scopes. Each says what it will cost before it starts. */
export function SyncButton({ search, view, total = 0 }: { search: OrdersSearch; view: View; total?: number }) {
  const t = useText();
  const [scope, setScope] = useState<SyncScope>();
  const { data } = useQuery(connectionsQuery);
  const stores = data?.connections.filter((c) => c.platform === "wix" && c.state === "active") ?? [];
  const isTab = view !== "attention" && view !== "closed";
  const tab: SyncScope = isTab
    ? { kind: "tab", tab: view, store_id: search.store }
    : scopeOf({ tab: view, store: search.store });
  const shown = narrowed(search) ? scopeOf(search) : tab;
  return (
    <div className={classes.split}>
      <Button className={classes.main} leftSection={<IconSync />} onClick={() => setScope(shown)}>
        {t.sync.now}
      </Button>
      <DropMenu
        position="bottom-end"
        width={300}
        button={
          <Button className={classes.menu} aria-label={t.sync.menu} title={t.sync.menu}>
            <IconDown />
          </Button>
        }
        lines={[
          narrowed(search)
            ? { do: t.sync.theseMatches(number(total)), run: () => setScope(shown) }
            : { do: t.sync.thisTab(t.tabs[view], number(total)), run: () => setScope(tab) },
          ...stores.map((s) => ({
            do: t.sync.thisStore(s.name),
            run: () => setScope({ kind: "store", store_id: s.id }),
          })),
          { do: t.sync.everything, run: () => setScope({ kind: "all" }) },
        ]}
      />
      <Suspense>{scope && <SyncDialog scope={scope} onClose={() => setScope(undefined)} />}</Suspense>
    </div>
  );
}
