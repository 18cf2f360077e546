import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, type Ref, Suspense, useEffect, useState } from "react";
import { useMay } from "../api/may";
import { connectionsQuery, viewsQuery } from "../api/queries";
import { type OrdersSearch, readOrdersSearch, type Sort, sorts, stringifySearch } from "../app/search";
import { useText } from "../text";
import { country, date } from "../text/format";
import { DropMenu } from "../ui/DropMenu";
import { IconClose, IconFilter, IconSearch, IconTrash, IconView } from "../ui/icons";
import { startOfDay } from "./list";
import classes from "./Toolbar.module.css";

const Filters = lazy(() => import("./Filters").then((m) => ({ default: m.Filters })));
const SaveView = lazy(() => import("./SaveView").then((m) => ({ default: m.SaveView })));
const DeleteView = lazy(() => import("./SaveView").then((m) => ({ default: m.DeleteView })));

const builtIn = {
  pay: { tab: "awaiting_payment", sort: "deadline" },
  late: { tab: "attention", flag: "seller_late" },
  silent: { tab: "attention", flag: "tracking_silent" },
  unknown: { tab: "attention", flag: "place_unknown" },
  noSupplier: { tab: "attention", flag: "no_supplier" },
} as const satisfies Record<string, OrdersSearch>;

interface ToolbarProps {
  search: OrdersSearch;
  filtersOpen: boolean;
  onFilters: (open: boolean) => void;
  count: string;
  input: Ref<HTMLInputElement>;
}

/** Search, filters, views and sort of the list; all of it stands in the address. */
export function Toolbar({ search, filtersOpen, onFilters, count, input }: ToolbarProps) {
  const t = useText();
  const go = useNavigate();
  const sort = search.sort ?? (search.tab === "attention" ? "deadline" : "newest");
  const chips = useChips(search);
  return (
    <>
      <div className={classes.bar}>
        <SearchBox q={search.q ?? ""} input={input} />
        <Button
          variant="default"
          leftSection={<IconFilter />}
          aria-expanded={filtersOpen}
          onClick={() => onFilters(!filtersOpen)}
        >
          {chips.length > 0 ? t.orders.filtersOn(chips.length) : t.orders.filters}
        </Button>
        <Views search={search} />
        <label className={classes.sort}>
          <span className="sr-only">{t.orders.sort}</span>
          <select
            className="field"
            value={sort}
            onChange={(e) => void go({ to: "/orders", search: (s) => ({ ...s, sort: e.target.value as Sort }) })}
          >
            {sorts.map((s) => (
              <option key={s} value={s}>
                {t.orders.sorts[s]}
              </option>
            ))}
          </select>
        </label>
        <span className={`muted ${classes.hint}`}>{t.tabHints[search.tab ?? "pending"]}</span>
        <span className={classes.count}>{count}</span>
      </div>
      {filtersOpen && (
        <Suspense>
          <Filters search={search} onClose={() => onFilters(false)} />
        </Suspense>
      )}
      {chips.length > 0 && (
        <ul className="row">
          {chips.map(({ keys, words }) => (
            <li key={words} className="pill" data-tone="info">
              {words}
              <Link
                to="/orders"
                className={classes.remove}
                aria-label={t.orders.filter.remove(words)}
                search={(s) => ({ ...s, ...Object.fromEntries(keys.map((k) => [k, undefined])) })}
              >
                <IconClose />
              </Link>
            </li>
          ))}
          <li>
            <Link to="/orders" search={{ tab: search.tab }}>
              {t.orders.filter.clear}
            </Link>
          </li>
        </ul>
      )}
    </>
  );
}

/** The filters that are on, in words. */
function useChips(s: OrdersSearch): { keys: (keyof OrdersSearch)[]; words: string }[] {
  const t = useText();
  const { data } = useQuery({ ...connectionsQuery, enabled: !!s.store });
  const chips: { keys: (keyof OrdersSearch)[]; words: string }[] = [];
  const f = t.orders.filter;
  if (s.store) {
    const name = data?.connections.find((c) => c.id === s.store)?.name ?? "…";
    chips.push({ keys: ["store"], words: `${f.store}: ${name}` });
  }
  if (s.flag) chips.push({ keys: ["flag"], words: `${f.flag}: ${t.flags[s.flag] ?? s.flag}` });
  if (s.country) chips.push({ keys: ["country"], words: `${f.country}: ${country(s.country)}` });
  if (s.supplier) chips.push({ keys: ["supplier"], words: `${f.supplier}: ${s.supplier}` });
  if (s.from) chips.push({ keys: ["from"], words: `${f.from} ${date(startOfDay(s.from).toISOString())}` });
  if (s.to) chips.push({ keys: ["to"], words: `${f.to} ${date(startOfDay(s.to).toISOString())}` });
  return chips;
}

function SearchBox({ q, input }: { q: string; input: Ref<HTMLInputElement> }) {
  const t = useText();
  const go = useNavigate();
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return;
    const timer = setTimeout(
      () => void go({ to: "/orders", search: (s) => ({ ...s, q: typed.trim() || undefined }), replace: q !== "" }),
      250,
    );
    return () => clearTimeout(timer);
  }, [typed, q, go]);
  return (
    <TextInput
      ref={input}
      type="search"
      className={classes.search}
      aria-label={t.orders.search}
      aria-keyshortcuts="/"
      placeholder={t.orders.search}
      leftSection={<IconSearch />}
      maxLength={200}
      value={typed}
      onChange={(e) => setTyped(e.currentTarget.value)}
    />
  );
}

function Views({ search }: { search: OrdersSearch }) {
  const t = useText();
  const go = useNavigate();
  const { data } = useQuery(viewsQuery);
  const saved = data?.views ?? [];
  const may = useMay("settings:write");
  const [saving, setSaving] = useState(false);
  const [deleting, setDeleting] = useState<{ id: string; name: string }>();
  const open = (s: OrdersSearch) => void go({ to: "/orders", search: s });
  return (
    <>
      <DropMenu
        position="bottom-start"
        width={300}
        button={
          <Button variant="default" leftSection={<IconView />}>
            {t.orders.views}
          </Button>
        }
        lines={[
          { heading: t.orders.viewsBuiltIn },
          ...(Object.keys(builtIn) as (keyof typeof builtIn)[]).map((name) => ({
            do: t.orders.builtIn[name],
            run: () => open(builtIn[name]),
          })),
          { heading: t.orders.viewsSaved },
          ...(saved.length === 0 ? [{ do: t.orders.viewsNone, run: () => {}, off: true }] : []),
          ...saved.map((v) => ({
            do: v.name,
            run: () => open(readOrdersSearch(Object.fromEntries(new URLSearchParams(v.query)))),
          })),
          ...(may
            ? [
                "line" as const,
                { do: t.orders.saveView, run: () => setSaving(true) },
                ...saved.map((v) => ({
                  do: t.orders.deleteView(v.name),
                  icon: <IconTrash />,
                  run: () => setDeleting(v),
                })),
              ]
            : []),
        ]}
      />
      <Suspense>
        {saving && (
          <SaveView query={stringifySearch({ ...search, order: undefined })} onClose={() => setSaving(false)} />
        )}
        {deleting && <DeleteView view={deleting} onClose={() => setDeleting(undefined)} />}
      </Suspense>
    </>
  );
}
