import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type Ref, useCallback, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";
import type { OrderSummary } from "../api/gen/types.gen";
import type { Sort, View } from "../app/search";
import { useText } from "../text";
import { IconDown } from "../ui/icons";
import { OrderRow } from "./OrderRow";
import classes from "./OrderTable.module.css";
import { isSelected, type Selection } from "./selection";

/** What the page does with the table: bring the focus to an order. */
export interface TableHandle {
  focus: (index: number) => void;
}

interface TableProps {
  rows: OrderSummary[];
  total: number;
  view: View;
  sort: Sort;
  selection: Selection;
  syncing: ReadonlySet<string>;
  open?: string;
  old: boolean;
  /** The address of the list with an order open. */
  address: (id: string) => string;
  onOpen: (id: string) => void;
  onSort: (sort: Sort) => void;
  onSelect: (id: string, range: boolean) => void;
  onSelectAll: () => void;
  onPlace: (id: string) => void;
  onSync: (id: string) => void;
  ref: Ref<TableHandle>;
}

// Up to here every row is drawn, so that the browser's own search finds it; beyond, only what is seen.
const allDrawn = 150;
// How high a row is taken to be until some have been seen; those that are seen tell of the others when more are loaded, so that
// nothing jumps under the pointer when they come into view. In between it stays: a guess that changes while one scrolls moves the end.
const firstGuess = 60;
// Rows come, go and are measured in groups of this many: a table that changes with every frame is laid out and painted with every
// frame, and what is measured one by one is reckoned anew, for all that are loaded, with each.
const atOnce = 4;

/** The orders that are loaded, as a table; however many there are, only those that are seen are drawn. */
export function OrderTable(p: TableProps) {
  const t = useText();
  const table = useRef<HTMLTableElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const el = table.current?.tBodies[0];
    if (el) setTop(el.getBoundingClientRect().top + scrollY);
  }, []);
  const guess = useRef({ height: firstGuess, of: 0 });
  const inGroup = (group: number) => Math.min(atOnce, p.rows.length - group * atOnce);
  const groups = Math.ceil(p.rows.length / atOnce);
  const virtual = useWindowVirtualizer({
    count: groups,
    estimateSize: (group) => guess.current.height * inGroup(group),
    overscan: p.rows.length <= allDrawn ? groups : 2,
    scrollMargin: top,
  });
  useImperativeHandle(p.ref, () => ({
    focus(index) {
      const id = p.rows[index]?.id;
      const find = () => table.current?.querySelector<HTMLElement>(`[data-order="${id}"] th a`);
      if (!find()) virtual.scrollToIndex(Math.floor(index / atOnce), { align: "center" });
      // A row that was not drawn is there after the next frames.
      const look = (tries: number) => {
        const link = find();
        if (link) {
          link.focus({ preventScroll: true });
          link.scrollIntoView({ block: "nearest" }); // clear of the bars: see its scroll-margin
        } else if (tries > 0) requestAnimationFrame(() => look(tries - 1));
      };
      look(10);
    },
  }));
  const { measureElement } = virtual;
  const measure = useCallback((el: HTMLElement | null) => measureElement(el), [measureElement]);
  const items = virtual.getVirtualItems();
  if (items.length > 0 && guess.current.of !== p.rows.length) {
    const drawn = items.reduce((n, item) => n + inGroup(item.index), 0);
    guess.current = { height: items.reduce((sum, item) => sum + item.size, 0) / drawn, of: p.rows.length };
  }
  const before = items[0] ? items[0].start - top : 0;
  const after = virtual.getTotalSize() - ((items.at(-1)?.end ?? top) - top);
  const all = p.rows.length > 0 && p.rows.every((o) => isSelected(p.selection, o.id));
  const some = p.selection.all || p.selection.ids.size > 0;

  return (
    <div className={classes.room}>
      <table
        ref={table}
        className={classes.table}
        aria-rowcount={p.total + 1}
        data-old={p.old || undefined}
        aria-busy={p.old}
      >
        <caption className="sr-only">{t.tabs[p.view]}</caption>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className={classes.check}>
              <label className={classes.checkbox}>
                <input
                  type="checkbox"
                  checked={all}
                  ref={(el) => {
                    if (el) el.indeterminate = some && !all;
                  }}
                  aria-label={t.orders.selectAll}
                  onChange={p.onSelectAll}
                />
              </label>
            </th>
            <th scope="col">{t.orders.column.order}</th>
            <th
              scope="col"
              aria-sort={p.sort === "newest" ? "descending" : p.sort === "oldest" ? "ascending" : undefined}
            >
              <button
                type="button"
                className={classes.sort}
                onClick={() => p.onSort(p.sort === "newest" ? "oldest" : "newest")}
              >
                {t.orders.column.placed}
                {p.sort !== "deadline" && <IconDown data-up={p.sort === "oldest" || undefined} />}
              </button>
            </th>
            <th scope="col">{t.orders.column.buyer}</th>
            <th scope="col" aria-sort={p.sort === "deadline" ? "ascending" : undefined}>
              <button
                type="button"
                className={classes.sort}
                title={t.orders.sorts.deadline}
                onClick={() => p.onSort(p.sort === "deadline" ? "newest" : "deadline")}
              >
                {t.orders.column.status}
                {p.sort === "deadline" && <IconDown data-up />}
              </button>
            </th>
            <th scope="col">{t.orders.column.tracking}</th>
            <th scope="col" className={classes.total}>
              {t.orders.column.total}
            </th>
            <th scope="col">{t.orders.column.sync}</th>
            <th scope="col">
              <span className="sr-only">{t.orders.column.actions}</span>
            </th>
          </tr>
        </thead>
        {before > 0 && <Space height={before} />}
        {items.map((item) => (
          <tbody key={item.key} ref={measure} data-index={item.index}>
            {p.rows.slice(item.index * atOnce, (item.index + 1) * atOnce).map((order, i) => {
              const at = item.index * atOnce + i;
              return (
                <OrderRow
                  key={order.id}
                  order={order}
                  view={p.view}
                  place={at + 1}
                  selected={isSelected(p.selection, order.id)}
                  syncing={p.syncing.has(order.id)}
                  open={p.open === order.id}
                  href={p.address(order.id)}
                  onOpen={p.onOpen}
                  onSelect={p.onSelect}
                  onPlace={p.onPlace}
                  onSync={p.onSync}
                />
              );
            })}
          </tbody>
        ))}
        {after > 0 && <Space height={after} />}
      </table>
    </div>
  );
}

function Space({ height }: { height: number }) {
  return (
    <tbody aria-hidden="true">
      <tr className={classes.space}>
        <td style={{ blockSize: height }} colSpan={9} />
      </tr>
    </tbody>
  );
}
