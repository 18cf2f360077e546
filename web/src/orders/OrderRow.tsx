import { Link } from "@tanstack/react-router";
import { memo } from "react";
import type { OrderSummary } from "../api/gen/types.gen";
import type { View } from "../app/search";
import { useText } from "../text";
import { country, exact, money } from "../text/format";
import { Copy } from "../ui/Copy";
import { IconCart, IconCheck, IconClock, IconOut, IconSync, IconWarn } from "../ui/icons";
import { May } from "../ui/May";
import { Time, useNow } from "../ui/Time";
import classes from "./OrderTable.module.css";
import { freshWords, statusWords } from "./words";

interface RowProps {
  order: OrderSummary;
  view: View;
  /** Its place among all that match, from 1; the head of the table is row 1 for screen readers. */
  place: number;
  selected: boolean;
  syncing: boolean;
  open: boolean;
  /** The address of the list with the order open. */
  href: string;
  onOpen: (id: string) => void;
  onSelect: (id: string, range: boolean) => void;
  onPlace: (id: string) => void;
  onSync: (id: string) => void;
}

/** One order of the list. On a phone it is a card. */
export const OrderRow = memo(function OrderRow(p: RowProps) {
  const { order: o, view } = p;
  const t = useText();
  const moved = view !== "attention" && o.tab !== view;
  return (
    <tr
      className={classes.row}
      data-order={o.id}
      data-selected={p.selected || undefined}
      data-open={p.open || undefined}
      data-moved={moved || undefined}
      aria-rowindex={p.place + 1}
      aria-selected={p.selected}
    >
      <td className={classes.check}>
        <label className={classes.checkbox}>
          <input
            type="checkbox"
            checked={p.selected}
            aria-label={t.orders.select(o.number)}
            onChange={() => {}}
            onClick={(e) => p.onSelect(o.id, e.shiftKey)}
          />
        </label>
      </td>
      <th scope="row" className={classes.order}>
        {/* A plain link: the router's own asks far more of each row that comes into view. */}
        <a
          href={p.href}
          className={classes.number}
          onClick={(e) => {
            if (e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return; // the browser's: a tab or window of its own
            e.preventDefault();
            p.onOpen(o.id);
          }}
        >
          #{o.number}
        </a>
        <span className="small muted ellipsis" title={o.title}>
          {t.orders.items(o.items)} · {o.title}
        </span>
      </th>
      <td className={classes.placed}>
        <Time at={o.placed_at} />
      </td>
      <td className={classes.buyer}>
        <span className="ellipsis" title={o.buyer_name}>
          {o.buyer_name || "–"}
        </span>
        <span className="small muted">{country(o.country)}</span>
      </td>
      <td className={classes.status}>
        <Status order={o} moved={moved} />
      </td>
      <td className={classes.tracking}>
        <Tracking order={o} />
      </td>
      <td className={classes.total}>
        <span>{money(o.total)}</span>
        {o.cost && <span className="small muted">{t.orders.cost(money(o.cost))}</span>}
      </td>
      <td className={classes.sync}>
        <Fresh order={o} syncing={p.syncing} />
      </td>
      <td className={classes.action}>
        {o.tab === "awaiting_order" && (
          <May scope="orders:place">
            <button
              type="button"
              className="iconButton"
              aria-label={`${t.orders.place}: ${o.number}`}
              title={t.orders.place}
              onClick={() => p.onPlace(o.id)}
            >
              <IconCart />
            </button>
          </May>
        )}
        <May scope="sync:write">
          <button
            type="button"
            className="iconButton"
            disabled={p.syncing}
            aria-label={t.sync.order(o.number)}
            title={t.sync.now}
            onClick={() => p.onSync(o.id)}
          >
            <IconSync />
          </button>
        </May>
      </td>
    </tr>
  );
});

function Status({ order: o, moved }: { order: OrderSummary; moved: boolean }) {
  const t = useText();
  useNow(); // a deadline comes nearer
  if (moved)
    return (
      <span className="pill">
        {t.orders.moved(t.tabs[o.tab as keyof typeof t.tabs] ?? o.tab)}
        <Link to="/orders" search={(s) => ({ ...s, tab: o.tab as View, order: o.id })}>
          {t.orders.movedShow}
        </Link>
      </span>
    );
  const words = statusWords(o);
  return (
    <span className="pill" data-tone={words.tone} title={o.why}>
      {words.tone === "bad" ? <IconWarn /> : words.tone === "good" ? <IconCheck /> : <IconClock />}
      <span>{words.text}</span>
    </span>
  );
}

function Tracking({ order: o }: { order: OrderSummary }) {
  const t = useText();
  const first = o.tracking[0];
  if (!first)
    return o.tab === "awaiting_shipment" ? (
      <span className="muted">{t.orders.notShipped}</span>
    ) : (
      <span className={`muted ${classes.none}`}>{t.orders.noTracking}</span>
    );
  return (
    <>
      <span className={classes.trackingNumber}>
        <span className="mono ellipsis" title={first.number}>
          {first.number}
        </span>
        <Copy plain value={first.number} what={t.orders.column.tracking} />
      </span>
      <span className="small muted ellipsis">
        {first.link?.startsWith("https://") ? (
          <a href={first.link} target="_blank" rel="noreferrer">
            {first.carrier} <IconOut />
          </a>
        ) : (
          first.carrier
        )}
        {o.tracking.length > 1 && ` ${t.orders.more(o.tracking.length - 1)}`}
      </span>
    </>
  );
}

function Fresh({ order, syncing }: { order: OrderSummary; syncing: boolean }) {
  useNow();
  const words = freshWords(order, syncing);
  const when = order.last_checked_at ? exact(order.last_checked_at) : undefined;
  return (
    <span className={classes.fresh} data-tone={words.tone} title={when}>
      {words.tone === "warn" ? <IconWarn /> : words.tone === "good" ? <IconCheck /> : <IconClock />}
      <span>{words.text}</span>
      {words.next && <span className="small muted">{words.next}</span>}
    </span>
  );
}
