import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ComponentType, useState } from "react";
import type { Event, Order } from "../api/gen/types.gen";
import { timelineQuery } from "../api/queries";
import { useText } from "../text";
import { Copy } from "../ui/Copy";
import { IconCart, IconClock, IconSettings, IconStore, IconUser } from "../ui/icons";
import { May } from "../ui/May";
import { Failed, Loading } from "../ui/states";
import { Time } from "../ui/Time";
import { liftAct } from "./acts";
import { useShow } from "./dialogs";
import classes from "./order.module.css";
import { Section } from "./Section";
import { actorWords, nextWords, type Told, toldBy, whoWords } from "./words";

/** The decisions of people that are in force. */
export function Decisions({ order }: { order: Order }) {
  const t = useText();
  const show = useShow();
  if (order.overrides.length === 0) return null;
  return (
    <Section title={t.order.decisions}>
      <ul className={classes.items}>
        {order.overrides.map((o) => (
          <li key={o.id}>
            <p className="anywhere">{o.text}</p>
            <p className="small muted anywhere">
              {t.order.decidedBy(whoWords(o.actor), o.reason)} · <Time at={o.created_at} />
              {o.expires_at && (
                <>
                  {" "}
                  · {t.order.endsAt} <Time at={o.expires_at} />
                </>
              )}
            </p>
            <May scope="orders:write">
              <Button size="compact-sm" variant="default" onClick={() => show(liftAct(order.id, o.id))}>
                {t.order.lift}
                <span className="sr-only">: {o.text}</span>
              </Button>
            </May>
          </li>
        ))}
      </ul>
    </Section>
  );
}

const icons: Record<Told, ComponentType> = {
  store: IconStore,
  supplier: IconCart,
  waybill: IconSettings,
  you: IconUser,
};

const first = 25;

/** What happened to an order, newest first, and above it what comes next. */
export function Timeline({ order }: { order: Order }) {
  const t = useText();
  const [all, showAll] = useState(false);
  const { data, error, refetch } = useQuery(timelineQuery(order.id));
  const newest = data?.events.toReversed() ?? [];
  const shown = all ? newest : newest.slice(0, first);
  return (
    <Section title={t.order.timeline}>
      {data ? (
        <>
          <ol className={classes.timeline}>
            <li>
              <span className={classes.mark} data-from="next">
                <IconClock />
              </span>
              <div>
                <strong>{t.order.next}</strong>
                <p>{nextWords(order)}</p>
              </div>
            </li>
            {shown.map((e) => (
              <OneEvent key={e.id} event={e} />
            ))}
          </ol>
          {shown.length < newest.length && (
            <Button variant="default" size="compact-sm" onClick={() => showAll(true)}>
              {t.order.showEarlier(newest.length - shown.length)}
            </Button>
          )}
          {data.more && <p className="small muted">{t.order.moreThanShown}</p>}
        </>
      ) : error ? (
        <Failed error={error} onRetry={() => void refetch()} />
      ) : (
        <Loading rows={4} />
      )}
    </Section>
  );
}

function OneEvent({ event: e }: { event: Event }) {
  const t = useText();
  const from = toldBy(e.source);
  const Icon = icons[from];
  const actor = actorWords(e.actor);
  return (
    <li>
      <span className={classes.mark} data-from={from}>
        <Icon />
      </span>
      <div>
        <p className="anywhere">{e.text}</p>
        {e.reason && <p className="small anywhere">{t.order.because(e.reason)}</p>}
        <p className="small muted anywhere">
          {t.order.from[from]}
          {actor && `, ${actor}`} · <Time at={e.at} />
        </p>
      </div>
    </li>
  );
}

/** What a developer or support person wants: ids, the path in the API, and what it answered. */
export function Developers({ order }: { order: Order }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const path = `/api/v1/orders/${order.id}`;
  return (
    <Section title={t.order.developers}>
      <dl className={`facts small ${classes.facts}`}>
        <dt>{t.order.orderId}</dt>
        <dd>
          <Copy value={order.id} what={t.order.orderId} />
        </dd>
        <dt>{t.order.externalId}</dt>
        <dd>
          <Copy value={order.external_id} what={t.order.externalId} />
        </dd>
        <dt>{t.order.storeId}</dt>
        <dd>
          <Copy value={order.store_id} what={t.order.storeId} />
        </dd>
        <dt>{t.order.version}</dt>
        <dd className="mono">{order.version}</dd>
        <dt>{t.order.inApi}</dt>
        <dd>
          <Copy value={path} what={t.order.inApi} /> · <a href="/docs">{t.order.apiReference}</a>
        </dd>
      </dl>
      <details className={classes.details} onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>{t.order.raw}</summary>
        {open && <Raw order={order} />}
      </details>
    </Section>
  );
}

function Raw({ order }: { order: Order }) {
  const t = useText();
  const json = JSON.stringify(order, null, 2);
  return (
    <>
      <p className="small">
        {t.do.copy} <Copy value={json} what={t.order.copyJson} plain />
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <pre className={classes.raw} tabIndex={0}>
        {json}
      </pre>
    </>
  );
}
