import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import type { Connection, PayItem, PayList } from "../api/gen/types.gen";
import { connectionsQuery, meQuery, type PayQuery, payListQuery, paySumQuery } from "../api/queries";
import { PayBy } from "../order/PayBy";
import { webLink } from "../order/words";
import { startSync } from "../sync/actions";
import { useText } from "../text";
import { clock, money } from "../text/format";
import { Copy } from "../ui/Copy";
import { IconClose, IconCopy, IconOut, IconSync } from "../ui/icons";
import { May } from "../ui/May";
import { Empty, Failed, Loading, Stale, sentence } from "../ui/states";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import classes from "./PayPage.module.css";

/** What is to be paid on AliExpress, the most urgent first. */
export function PayPage() {
  const t = useText();
  const search = useSearch({ from: "/pay" });
  const query: PayQuery = { store_id: search.store || undefined, account_id: search.account || undefined };
  const list = useInfiniteQuery(payListQuery(query));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const whole = list.data?.pages[0];
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const shown = items.filter((i) => picked.has(i.supplier_order_id)); // what was paid meanwhile is selected no more
  return (
    <>
      <div className="pageHead">
        <div>
          <Title>{t.pay.title}</Title>
          <p className="muted">{t.pay.hint}</p>
        </div>
        {items.length > 0 && (
          <div className="row">
            <Button variant="default" leftSection={<IconCopy />} onClick={() => void copyNumbers(items)}>
              {t.pay.copyAll(items.length)}
            </Button>
          </div>
        )}
      </div>
      {list.isError && list.data && (
        <Stale since={clock(new Date(list.dataUpdatedAt).toISOString())} onRetry={() => void list.refetch()} />
      )}
      <Filters query={query} />
      {!whole ? (
        <div className="card">
          {list.isError ? <Failed error={list.error} onRetry={() => void list.refetch()} /> : <Loading />}
        </div>
      ) : items.length === 0 ? (
        <Nothing filtered={!!(query.store_id || query.account_id)} />
      ) : (
        <>
          <Totals whole={whole} query={query} />
          <div className={`card ${classes.list}`}>
            <Table items={items} picked={picked} onPick={setPicked} />
          </div>
          <div className="row">
            <span className="muted small">{t.pay.shown(items.length, Math.max(whole.count, items.length))}</span>
            {list.hasNextPage && (
              <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                {t.pay.more}
              </Button>
            )}
          </div>
          {shown.length > 0 && <Picked items={shown} onClear={() => setPicked(new Set())} />}
        </>
      )}
    </>
  );

  async function copyNumbers(all: PayItem[]) {
    try {
      await navigator.clipboard.writeText(all.map((i) => i.number).join("\n"));
      toast({ title: t.pay.numbersCopied(all.length) });
    } catch {
      // Without permission each number can still be marked by hand.
    }
  }
}

function Nothing({ filtered }: { filtered: boolean }) {
  const t = useText();
  return (
    <div className="card">
      <Empty
        title={t.pay.emptyTitle}
        action={
          filtered ? (
            <Link to="/pay" search={{}}>
              {t.pay.showAll}
            </Link>
          ) : (
            <Link to="/orders" search={{ tab: "awaiting_order" }}>
              {t.pay.toOrder}
            </Link>
          )
        }
      >
        {filtered ? t.pay.emptyFiltered : t.pay.empty}
      </Empty>
    </div>
  );
}

const useAccounts = () => {
  const { data } = useQuery(connectionsQuery);
  const by = (platform: Connection["platform"]) => data?.connections.filter((c) => c.platform === platform) ?? [];
  return { stores: by("wix"), accounts: by("aliexpress") };
};

/** Only where there is something to choose between, or something was chosen. */
function Filters({ query }: { query: PayQuery }) {
  const t = useText();
  const go = useNavigate({ from: "/pay" });
  const { stores, accounts } = useAccounts();
  const set = (name: "store" | "account", value: string) =>
    void go({ search: (s) => ({ ...s, [name]: value || undefined }), replace: true });
  const choices = (all: Connection[], any: string) => [
    { value: "", label: any },
    ...all.map((c) => ({ value: c.id, label: c.name })),
  ];
  const byStore = stores.length > 1 || query.store_id;
  const byAccount = accounts.length > 1 || query.account_id;
  if (!byStore && !byAccount) return null;
  return (
    <div className={classes.filters}>
      {byStore && (
        <NativeSelect
          label={t.pay.store}
          value={query.store_id ?? ""}
          onChange={(e) => set("store", e.currentTarget.value)}
          data={choices(stores, t.pay.allStores)}
        />
      )}
      {byAccount && (
        <NativeSelect
          label={t.pay.account}
          value={query.account_id ?? ""}
          onChange={(e) => set("account", e.currentTarget.value)}
          data={choices(accounts, t.pay.allAccounts)}
        />
      )}
    </div>
  );
}

function Totals({ whole, query }: { whole: PayList; query: PayQuery }) {
  const t = useText();
  const { accounts } = useAccounts();
  const each = accounts.length > 1 && !query.account_id ? accounts : [];
  const sums = useQueries({ queries: each.map((a) => paySumQuery({ ...query, account_id: a.id })) });
  return (
    <section className="card stack" aria-label={t.pay.totals}>
      <div className={classes.totals}>
        {whole.totals.map((s) => (
          <div key={s.amount.currency} className={classes.sum}>
            <span className="muted small">{t.pay.ofOrders(s.orders)}</span>
            <strong>{money(s.amount)}</strong>
          </div>
        ))}
        {each.map((a, i) => {
          const sum = sums[i]?.data;
          if (!sum || sum.count === 0) return null;
          return (
            <div key={a.id} className={classes.sum}>
              <span className="muted small">{a.name}</span>
              <span>{sum.totals.map((s) => money(s.amount)).join(" + ") || t.pay.amountUnknown}</span>
              <span className="muted small">{t.pay.count(sum.count)}</span>
            </div>
          );
        })}
      </div>
      {whole.amounts_unknown > 0 && <p className="small muted">{t.pay.unknown(whole.amounts_unknown)}</p>}
    </section>
  );
}

interface TableProps {
  items: PayItem[];
  picked: ReadonlySet<string>;
  onPick: (picked: ReadonlySet<string>) => void;
}

function Table({ items, picked, onPick }: TableProps) {
  const t = useText();
  const { accounts, stores } = useAccounts();
  const all = items.every((i) => picked.has(i.supplier_order_id));
  const some = !all && items.some((i) => picked.has(i.supplier_order_id));
  function pick(id: string, on: boolean) {
    const next = new Set(picked);
    if (on) next.add(id);
    else next.delete(id);
    onPick(next);
  }
  return (
    <table className={`table ${classes.table}`}>
      <caption className="sr-only">{t.pay.list}</caption>
      <thead>
        <tr>
          <th scope="col">
            <label className={classes.pick}>
              <input
                type="checkbox"
                className={classes.box}
                aria-label={t.pay.selectAll}
                checked={all}
                ref={(box) => {
                  if (box) box.indeterminate = some;
                }}
                onChange={(e) => onPick(e.target.checked ? new Set(items.map((i) => i.supplier_order_id)) : new Set())}
              />
            </label>
          </th>
          <th scope="col">{t.pay.column.payBy}</th>
          <th scope="col">{t.pay.column.number}</th>
          <th scope="col">{t.pay.column.order}</th>
          {accounts.length > 1 && <th scope="col">{t.pay.account}</th>}
          {stores.length > 1 && <th scope="col">{t.pay.store}</th>}
          <th scope="col" className="num">
            {t.pay.column.amount}
          </th>
          <th scope="col">
            <span className="sr-only">{t.pay.column.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((i) => (
          <tr key={i.supplier_order_id}>
            <td>
              <label className={classes.pick}>
                <input
                  type="checkbox"
                  className={classes.box}
                  aria-label={t.pay.select(i.number)}
                  checked={picked.has(i.supplier_order_id)}
                  onChange={(e) => pick(i.supplier_order_id, e.target.checked)}
                />
              </label>
            </td>
            <td data-label={t.pay.column.payBy}>
              {i.status === "PAYMENT_PROCESSING" ? (
                <span className="pill" data-tone="info">
                  {t.pay.paying}
                </span>
              ) : i.pay_by ? (
                <PayBy at={i.pay_by} bare />
              ) : (
                <span className="muted">{t.pay.noDeadline}</span>
              )}
            </td>
            <td data-label={t.pay.column.number}>
              <Copy value={i.number} what={t.order.aliNumber} />
            </td>
            <td data-label={t.pay.column.order}>
              <Link to="/orders/$id" params={{ id: i.order_id }}>
                {t.order.title(i.order_number)}
              </Link>
            </td>
            {accounts.length > 1 && (
              <td data-label={t.pay.account}>{accounts.find((a) => a.id === i.account_id)?.name ?? "–"}</td>
            )}
            {stores.length > 1 && (
              <td data-label={t.pay.store}>{stores.find((s) => s.id === i.store_id)?.name ?? "–"}</td>
            )}
            <td data-label={t.pay.column.amount} className="num">
              {i.amount ? money(i.amount) : <span className="muted">{t.pay.amountUnknown}</span>}
            </td>
            <td>
              {webLink(i.pay_url) && (
                <Button
                  component="a"
                  href={i.pay_url}
                  target="_blank"
                  rel="noreferrer"
                  size="compact-sm"
                  rightSection={<IconOut />}
                >
                  {t.pay.open}
                  <span className="sr-only">: {i.number}</span>
                </Button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** After paying: has AliExpress asked about what was selected. */
function Picked({ items, onClear }: { items: PayItem[]; onClear: () => void }) {
  const t = useText();
  const [busy, setBusy] = useState(false);
  const ids = [...new Set(items.map((i) => i.order_id))];
  const { data: me } = useQuery(meQuery);
  const why = me?.view_reason; // support has said why already
  async function sync() {
    setBusy(true);
    try {
      const job = await startSync({ scope: { kind: "orders", ids }, direction: "from_supplier", reason: why });
      if (job.joined) toast({ title: t.sync.joined });
      onClear();
    } catch (e) {
      toast({ title: t.state.actionFailed(t.sync.now), detail: sentence(e), tone: "bad" });
      setBusy(false);
    }
  }
  return (
    <section className={`bar ${classes.bar}`} aria-label={t.pay.selected(items.length)}>
      <strong>{t.pay.selected(items.length)}</strong>
      <May scope="sync:write">
        <Button leftSection={<IconSync />} loading={busy} title={t.pay.syncHint} onClick={() => void sync()}>
          {t.pay.sync(ids.length)}
        </Button>
      </May>
      <button type="button" className="iconButton" aria-label={t.orders.clearSelection} onClick={onClear}>
        <IconClose />
      </button>
    </section>
  );
}
