import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { asFailure } from "../api/call";
import type { OrderCounts, OrderSummary, SyncScope } from "../api/gen/types.gen";
import { useLooks, useMay } from "../api/may";
import { countsQuery, healthQuery, newestJobsQuery } from "../api/queries";
import { useShortcuts } from "../app/keyboard";
import { type OrdersSearch, type Sort, stringifySearch, type View, views } from "../app/search";
import { onLive, useLive } from "../live";
import { syncOrder } from "../sync/actions";
import { SyncButton } from "../sync/SyncButton";
import { useText } from "../text";
import { ago, clock, count, number } from "../text/format";
import { announce } from "../ui/announce";
import { copy } from "../ui/Copy";
import { IconDownload, IconWarn } from "../ui/icons";
import { May } from "../ui/May";
import { Failed, Loading, Stale, sentence } from "../ui/states";
import { useNow } from "../ui/Time";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import { BulkBar } from "./BulkBar";
import { exportCsv } from "./export";
import { countsOf, firstMatches, loadMore, narrowed, ordersQuery, pageSize, paramsOf, reload } from "./list";
import { Nothing } from "./Nothing";
import classes from "./OrdersPage.module.css";
import { OrderTable, type TableHandle } from "./OrderTable";
import { nothing, range, type Selection, toggle, toggleAll } from "./selection";
import { Toolbar } from "./Toolbar";

const OrderDrawer = lazy(() => import("../order/OrderDrawer").then((m) => ({ default: m.OrderDrawer })));
const SyncDialog = lazy(() => import("../sync/SyncDialog").then((m) => ({ default: m.SyncDialog })));
const PlaceDialog = lazy(() => import("../order/PlaceDialog").then((m) => ({ default: m.PlaceDialog })));

const noRows: OrderSummary[] = [];

/** The list of orders: the product's heart. Everything that is chosen stands in the address. */
export function OrdersPage() {
  const t = useText();
  const search = useSearch({ from: "/orders" });
  const go = useNavigate({ from: "/orders" });
  const view: View = search.tab ?? "pending";
  const params = useMemo(() => paramsOf(search), [search]);
  const { live } = useLive();
  const list = useQuery({ ...ordersQuery(params), placeholderData: (before) => before });
  const counts = useQuery({
    ...countsQuery(countsOf(search)),
    refetchInterval: live ? 60_000 : 10_000,
    placeholderData: (before) => before,
  });
  const rows = list.data?.rows ?? noRows;
  const ids = useMemo(() => rows.map((r) => r.id), [rows]);
  const total = counts.data?.[view];

  const [filtersOpen, setFilters] = useState(false);
  const [selection, select] = useSelection(params);
  const [placing, setPlacing] = useState<{ ids?: string[]; filter?: typeof params }>();
  const arrived = useArrived(view, search, rows);
  const syncing = useSyncing();
  const table = useRef<TableHandle>(null);
  const input = useRef<HTMLInputElement>(null);
  const anchor = useRef<string>(undefined);

  const onSelect = useCallback(
    (id: string, ranged: boolean) => {
      const from = anchor.current;
      select((s) => (ranged && from ? range(s, from, id, ids) : toggle(s, id, ids)));
      anchor.current = id;
    },
    [ids, select],
  );
  const onPlace = useCallback((id: string) => setPlacing({ ids: [id] }), []);
  const looks = useLooks();
  const [asked, setAsked] = useState<SyncScope>();
  const onSync = useCallback(
    (id: string) => {
      if (looks) setAsked({ kind: "orders", ids: [id] });
      else void syncOrder(id);
    },
    [looks],
  );
  const mayPlace = useMay("orders:place");
  const maySync = useMay("sync:write");
  const setSort = (sort: Sort) => void go({ search: (s) => ({ ...s, sort }), resetScroll: false });
  const openOrder = useCallback(
    (id?: string) => void go({ search: (s) => ({ ...s, order: id }), resetScroll: false }),
    [go],
  );
  const address = useCallback((id: string) => `/orders${stringifySearch({ ...search, order: id })}`, [search]);

  const close = () => {
    const at = ids.indexOf(search.order ?? "");
    openOrder(undefined);
    if (at >= 0) requestAnimationFrame(() => table.current?.focus(at));
  };
  const step = (by: number) => {
    const id = ids[ids.indexOf(search.order ?? "") + by];
    return search.order && id ? () => openOrder(id) : undefined;
  };
  const place = (some: string[]) => setPlacing(selection.all ? { filter: params } : { ids: some });

  useListKeys({
    ids,
    rows,
    table,
    search: () => input.current?.focus(),
    filters: () => setFilters((open) => !open),
    tab: (v) => void go({ search: (s) => ({ ...s, tab: v, order: undefined }) }),
    select: onSelect,
    selectAll: () => select((s) => toggleAll(s, ids)),
    place: mayPlace ? (id) => place(selection.ids.size > 0 ? [...selection.ids] : [id]) : undefined,
    sync: maySync ? onSync : undefined,
    clear: search.order ? undefined : () => select(nothing), // what is open is closed first, by itself
    next: search.order ? step(1) : undefined,
    previous: search.order ? step(-1) : undefined,
  });

  return (
    <div className={classes.page}>
      <div className="pageHead">
        <div>
          <Title>{t.orders.title}</Title>
          <Freshest rows={rows} />
        </div>
        <div className="row">
          <Export search={search} disabled={rows.length === 0} />
          <May scope="sync:write">
            <SyncButton search={search} view={view} total={total} />
          </May>
        </div>
      </div>

      <Attention counts={counts.data} view={view} />
      <Tabs counts={counts.data} view={view} search={search} />
      <Toolbar
        search={search}
        filtersOpen={filtersOpen}
        onFilters={setFilters}
        input={input}
        count={total === undefined ? "" : shownOf(rows.length, total, counts.data?.capped)}
      />

      {list.isError && list.data && (
        <Stale since={clock(new Date(list.data.at).toISOString())} onRetry={() => void list.refetch()} />
      )}
      {arrived.ids.size > 0 && (
        <button type="button" className={classes.arrived} onClick={() => void arrived.show(params)}>
          {t.orders.arrived(arrived.ids.size)}
        </button>
      )}

      {list.isPending ? (
        <div className="card">
          <Loading rows={12} />
        </div>
      ) : !list.data ? (
        <div className="card">
          <Failed error={list.error} onRetry={() => void list.refetch()} />
        </div>
      ) : rows.length === 0 && !list.isPlaceholderData ? (
        <Nothing view={view} search={search} counts={counts.data} />
      ) : (
        <>
          <OrderTable
            ref={table}
            rows={rows}
            total={total ?? rows.length}
            view={view}
            sort={search.sort ?? (view === "attention" ? "deadline" : "newest")}
            selection={selection}
            syncing={syncing}
            open={search.order}
            old={list.isPlaceholderData}
            address={address}
            onOpen={openOrder}
            onSort={setSort}
            onSelect={onSelect}
            onSelectAll={() => select((s) => toggleAll(s, ids))}
            onPlace={onPlace}
            onSync={onSync}
          />
          <More params={params} more={!!list.data.next} left={(total ?? 0) - rows.length} />
        </>
      )}

      <BulkBar
        selection={selection}
        loaded={rows}
        total={total ?? 0}
        view={view}
        search={search}
        onAll={() => select({ ids: new Set(ids), all: true })}
        onClear={() => select(nothing)}
        onPlace={() => place([...selection.ids])}
        read={() =>
          selection.all ? firstMatches(params) : Promise.resolve(rows.filter((o) => selection.ids.has(o.id)))
        }
      />
      <Suspense>
        {search.order && <OrderDrawer id={search.order} onClose={close} onPrevious={step(-1)} onNext={step(1)} />}
        {asked && <SyncDialog scope={asked} onClose={() => setAsked(undefined)} />}
        {placing && (
          <PlaceDialog orderIds={placing.ids ?? []} filter={placing.filter} onClose={() => setPlacing(undefined)} />
        )}
      </Suspense>
    </div>
  );

  function shownOf(shown: number, of: number, capped = false) {
    return t.orders.shown(number(shown), capped ? t.orders.atLeast(number(of)) : number(Math.max(of, shown)));
  }
}

/** The selection; it ends with the tab and the filters, and outlives the sort. */
function useSelection(params: object): [Selection, (change: Selection | ((s: Selection) => Selection)) => void] {
  const { sort: _, ...what } = params as { sort?: string };
  const of = JSON.stringify(what);
  const [state, set] = useState({ of, selection: nothing });
  const change = useCallback(
    (next: Selection | ((s: Selection) => Selection)) =>
      set((s) => {
        const before = s.of === of ? s.selection : nothing;
        return { of, selection: typeof next === "function" ? next(before) : next };
      }),
    [of],
  );
  return [state.of === of ? state.selection : nothing, change];
}

/** Orders that came into the view while it was shown. They never push the list down: a button shows them. */
function useArrived(view: View, search: OrdersSearch, rows: OrderSummary[]) {
  const [ids, set] = useState<ReadonlySet<string>>(new Set());
  const plain = !narrowed(search);
  const { store } = search;
  const loaded = useRef<ReadonlySet<string>>(new Set());
  useEffect(() => {
    loaded.current = new Set(rows.map((r) => r.id));
    set((s) => (s.size === 0 ? s : new Set([...s].filter((id) => !loaded.current.has(id)))));
  }, [rows]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another view begins with nothing
  useEffect(() => set(new Set()), [view, store, plain]);
  useEffect(() => {
    if (!plain || view === "attention") return;
    return onLive((e) => {
      if (e.name === "reset") set(new Set());
      if (e.name !== "order" || (store && e.data.store_id !== store)) return;
      const { order_id: id, tab, before, created } = e.data;
      set((s) => {
        const here = tab === view && (created || before !== tab || s.has(id)) && !loaded.current.has(id);
        if (here === s.has(id)) return s;
        const next = new Set(s);
        if (here) next.add(id);
        else next.delete(id);
        return next;
      });
    });
  }, [view, store, plain]);
  return {
    ids,
    show: async (params: ReturnType<typeof paramsOf>) => {
      try {
        await reload(params);
        set(new Set());
      } catch (e) {
        toast({ title: sentence(e), tone: "bad" });
      }
    },
  };
}

/** The orders that a running sync of single orders is about. */
function useSyncing(): ReadonlySet<string> {
  const { data } = useQuery(newestJobsQuery);
  const ids = data?.sync_jobs
    .filter((j) => (j.state === "queued" || j.state === "running") && j.scope.kind === "orders")
    .flatMap((j) => j.scope.ids ?? [])
    .join();
  return useMemo(() => new Set(ids ? ids.split(",") : []), [ids]);
}

function Freshest({ rows }: { rows: OrderSummary[] }) {
  const t = useText();
  useNow();
  const { data: health } = useQuery(healthQuery);
  const last = rows.reduce(
    (newest, r) => (r.last_checked_at && r.last_checked_at > newest ? r.last_checked_at : newest),
    "",
  );
  const next = health?.next_full_sweep_at;
  return (
    <p className="muted">
      {last ? t.orders.synced(ago(last)) : t.orders.neverSynced}
      {next && <> · {t.orders.nextSync(clock(next))}</>}
    </p>
  );
}

function Attention({ counts, view }: { counts?: OrderCounts; view: View }) {
  const t = useText();
  if (!counts?.attention || view === "attention") return null;
  return (
    <div className="bar" data-tone="warn">
      <IconWarn />
      <strong className="grow">{t.orders.attention(counts.attention)}</strong>
      <Link to="/orders" search={{ tab: "attention" }} className={classes.review}>
        {t.orders.attentionReview}
      </Link>
    </div>
  );
}

function Tabs({ counts, view, search }: { counts?: OrderCounts; view: View; search: OrdersSearch }) {
  const t = useText();
  const here = useRef<HTMLAnchorElement>(null);
  // The tab of now is in view where not all have room: on a phone, and beside an open order.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another view is another tab
  useEffect(() => {
    const tab = here.current;
    const list = tab?.parentElement;
    if (!tab || !list) return;
    const watch = new ResizeObserver(() => {
      list.scrollLeft = tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
    });
    watch.observe(list);
    return () => watch.disconnect();
  }, [view]);
  return (
    <nav className={classes.tabs} aria-label={t.orders.title}>
      {views.map((v) => {
        const n = counts?.[v];
        return (
          <Link
            key={v}
            to="/orders"
            ref={v === view ? here : undefined}
            search={{ ...search, tab: v, order: undefined, sort: undefined }}
            className={classes.tab}
            data-alert={(v === "attention" && !!n) || undefined}
            data-apart={v === "attention" || undefined}
            aria-current={v === view ? "page" : undefined}
            activeProps={{}}
          >
            {n === undefined ? t.tabs[v] : <span className="sr-only">{t.tabCount(t.tabs[v], n)}</span>}
            {n !== undefined && <span aria-hidden="true">{t.tabs[v]}</span>}
            <span className={classes.count} aria-hidden="true">
              {n === undefined ? "–" : count(n)}
            </span>
          </Link>
        );
      })}
    </nav>
  );
}

function More({ params, more, left }: { params: ReturnType<typeof paramsOf>; more: boolean; left: number }) {
  const t = useText();
  const [busy, setBusy] = useState(0);
  const [failed, setFailed] = useState<unknown>();
  if (!more) return null;

  async function load(n: number) {
    setBusy(n);
    setFailed(undefined);
    try {
      await loadMore(params, n);
    } catch (e) {
      setFailed(e);
    } finally {
      setBusy(0);
    }
  }

  return (
    <div className={classes.more}>
      <div className="row">
        {[pageSize, 4 * pageSize]
          .filter((n) => n === pageSize || left > pageSize)
          .map((n) => (
            <Button
              key={n}
              variant="default"
              loading={busy === n}
              disabled={busy !== 0 && busy !== n}
              onClick={() => void load(n)}
            >
              {t.do.loadMore(n)}
            </Button>
          ))}
      </div>
      {!!failed && <p role="alert">{sentence(failed)}</p>}
    </div>
  );
}

function Export({ search, disabled }: { search: OrdersSearch; disabled: boolean }) {
  const t = useText();
  const [busy, setBusy] = useState(false);

  async function run() {
    setBusy(true);
    try {
      const name = await exportCsv(paramsOf(search));
      toast({ title: t.orders.exported(name) });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.orders.export), detail: sentence(asFailure(e)), tone: "bad" });
    } finally {
      setBusy(false);
    }
  }

  return (
    <Button
      variant="default"
      leftSection={<IconDownload />}
      loading={busy}
      disabled={disabled}
      onClick={() => void run()}
    >
      {t.orders.export}
    </Button>
  );
}

interface ListKeys {
  ids: string[];
  rows: OrderSummary[];
  table: React.RefObject<TableHandle | null>;
  search: () => void;
  filters: () => void;
  tab: (v: View) => void;
  select: (id: string, range: boolean) => void;
  selectAll: () => void;
  /** Absent for who may not. */
  place?: (id: string) => void;
  sync?: (id: string) => void;
  clear?: () => void;
  next?: () => void;
  previous?: () => void;
}

/** The keyboard of the list. The order that has the focus is the one that keys are about. */
function useListKeys(p: ListKeys) {
  const t = useText();
  const focused = () => (document.activeElement?.closest("[data-order]") as HTMLElement | null)?.dataset.order ?? "";
  const at = () => p.ids.indexOf(focused());
  const move = (by: number) => {
    const to = Math.max(0, Math.min(p.ids.length - 1, at() + by));
    if (p.ids.length > 0) p.table.current?.focus(to);
  };
  const withOrder = (act: (id: string) => void) => () => {
    const id = focused();
    if (id) act(id);
  };
  useShortcuts({
    j: p.next ?? (() => move(1)),
    k: p.previous ?? (() => move(-1)),
    x: withOrder((id) => p.select(id, false)),
    "Shift+X": withOrder((id) => p.select(id, true)),
    "Mod+A": focused() ? p.selectAll : undefined,
    s: p.sync && withOrder(p.sync),
    o: p.place && withOrder(p.place),
    c: withOrder((id) => {
      const first = p.rows.find((r) => r.id === id)?.tracking[0];
      if (first) void copy(first.number);
      else announce(t.orders.notShipped);
    }),
    "/": p.search,
    f: p.filters,
    Escape: p.clear,
    ...Object.fromEntries(views.map((v, i) => [String(i + 1), () => p.tab(v)])),
  });
}
