import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Order } from "../api/gen/types.gen";
import { useLooks, useMay } from "../api/may";
import { newestJobsQuery } from "../api/queries";
import { freshWords } from "../orders/words";
import { syncOrder } from "../sync/actions";
import { SyncDialog } from "../sync/SyncDialog";
import { useText } from "../text";
import { copy } from "../ui/Copy";
import { DropMenu } from "../ui/DropMenu";
import { IconCart, IconMore, IconPause, IconSync } from "../ui/icons";
import { Time, useNow } from "../ui/Time";
import { closeOrderAct, eraseAct, holdAct, linkAct, noteAct, releaseAct, withoutNumberAct } from "./acts";
import { useShow } from "./dialogs";
import { ExplainDialog } from "./ExplainDialog";
import classes from "./order.module.css";
import { usePlace, useSync } from "./place";
import { Section } from "./Section";
import { freshSentence, holdWords, isToBuy, ticketText, toneOf } from "./words";

/** Where an order stands, why, how fresh that is, and what can be done with it. */
export function Status({ order }: { order: Order }) {
  const t = useText();
  return (
    <Section title={t.order.status}>
      <div className="stack tight">
        <div className="row">
          <span className="pill" data-tone={toneOf[order.tab]}>
            {t.tabs[order.tab]}
          </span>
          {order.to_ship > 0 && order.shipped > 0 && order.shipped < order.to_ship && (
            <span className="pill">{t.order.shippedOf(order.shipped, order.to_ship)}</span>
          )}
          {order.chips.map((c) => (
            <span key={c.code} className="pill">
              {c.text}
            </span>
          ))}
        </div>
        <p className={classes.why}>{order.why}</p>
        {order.hold && (
          <p className="bar" data-tone="warn">
            <IconPause />
            <span className="grow">
              {holdWords(order)} ·{" "}
              {order.hold.until ? (
                <>
                  {t.order.heldUntil} <Time at={order.hold.until} />
                </>
              ) : (
                t.order.heldForever
              )}
            </span>
          </p>
        )}
        {order.not_auto_placed && order.not_auto_placed.length > 0 && order.tab === "awaiting_order" && (
          <p className="small muted">
            {t.order.notAutoPlaced} {order.not_auto_placed.map((c) => c.text).join(" · ")}
          </p>
        )}
        <Freshness order={order} />
        <Actions order={order} />
      </div>
    </Section>
  );
}

/** Whether a sync of this order alone is under way. */
function useSyncing(id: string): boolean {
  const { data } = useQuery(newestJobsQuery);
  return !!data?.sync_jobs.some(
    (j) => (j.state === "queued" || j.state === "running") && j.scope.kind === "orders" && j.scope.ids?.includes(id),
  );
}

function Freshness({ order }: { order: Order }) {
  useNow();
  const syncing = useSyncing(order.id);
  const stale = freshWords(order, syncing).tone === "warn";
  return (
    <p className={`small muted ${classes.fresh}`} data-stale={stale || undefined}>
      {freshSentence(order, syncing)}
    </p>
  );
}

function Actions({ order }: { order: Order }) {
  const t = useText();
  const show = useShow();
  const place = usePlace();
  const mayWrite = useMay("orders:write");
  const mayPlace = useMay("orders:place");
  const maySync = useMay("sync:write");
  const mayNote = useMay("orders:note");
  const mayErase = useMay("privacy:write") && !order.buyer_erased_at && !order.erase_requested_at;
  const canHold = !order.hold && (order.tab === "pending" || order.tab === "awaiting_order");
  const lacksNumber = order.flags.some((f) => f.code === "shipped_without_number");
  return (
    <div className="row">
      {maySync && <SyncButton id={order.id} />}
      {mayPlace && isToBuy(order) && !order.hold && (
        <Button leftSection={<IconCart />} onClick={() => place([order.id])}>
          {t.order.place}
        </Button>
      )}
      {mayWrite && order.hold && (
        <Button variant="default" onClick={() => show(releaseAct(order.id))}>
          {t.order.release}
        </Button>
      )}
      {mayWrite && canHold && (
        <Button variant="default" onClick={() => show(holdAct(order.id))}>
          {t.order.hold}
        </Button>
      )}
      <DropMenu
        position="bottom-start"
        width={300}
        button={
          <Button variant="default" leftSection={<IconMore />} aria-label={t.order.moreActions}>
            {t.do.more}
          </Button>
        }
        lines={[
          ...(maySync
            ? [
                {
                  do: t.order.syncSome,
                  run: () =>
                    show((close) => <SyncDialog scope={{ kind: "orders", ids: [order.id] }} onClose={close} />),
                },
                "line" as const,
              ]
            : []),
          ...(mayNote ? [{ do: t.order.addNote, run: () => show(noteAct(order.id)) }] : []),
          { do: t.order.explain, run: () => show((close) => <ExplainDialog id={order.id} onClose={close} />) },
          "line",
          ...(mayWrite ? [{ do: t.order.link, run: () => show(linkAct(order.id)) }] : []),
          ...(mayPlace && lacksNumber
            ? [{ do: t.order.withoutNumber, run: () => show(withoutNumberAct(order.id)) }]
            : []),
          ...(mayWrite && order.tab !== "closed"
            ? [{ do: t.order.closeOrder, run: () => show(closeOrderAct(order.id)) }]
            : []),
          ...(mayErase ? [{ do: t.order.erase, run: () => show(eraseAct(order.id)) }] : []),
          "line",
          { do: t.order.ticket, run: () => void copy(ticketText(order, `${location.origin}/orders/${order.id}`)) },
        ]}
      />
    </div>
  );
}

// A second look within seconds finds nothing new and costs the platforms' calls.
const rest = 10_000;

function SyncButton({ id }: { id: string }) {
  const t = useText();
  const syncing = useSyncing(id);
  const [asking, setAsking] = useState(false);
  const [rests, setRests] = useState(false);
  const looks = useLooks();
  const ask = useSync();
  useEffect(() => {
    if (!rests) return;
    const timer = setTimeout(() => setRests(false), rest);
    return () => clearTimeout(timer);
  }, [rests]);
  const idle = rests && !syncing;
  return (
    <Button
      variant="default"
      leftSection={<IconSync />}
      loading={asking || syncing}
      aria-disabled={idle || undefined}
      title={idle ? t.order.syncedJustNow : undefined}
      onClick={async () => {
        if (idle) return;
        if (looks) return ask(id);
        setAsking(true);
        if (await syncOrder(id)) setRests(true);
        setAsking(false);
      }}
    >
      {idle ? t.order.syncedJustNow : t.sync.now}
    </Button>
  );
}
