import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { call } from "../api/call";
import { createProductMapping, deleteProductMapping } from "../api/gen/sdk.gen";
import type { Connection, ProductMapping, WantedMapping } from "../api/gen/types.gen";
import { connectionsQuery, mappingsQuery, queryClient, wantedMappingsQuery } from "../api/queries";
import { useText } from "../text";
import { clock, money, number } from "../text/format";
import { Confirm } from "../ui/Confirm";
import { IconEdit, IconOut, IconPlus, IconTrash } from "../ui/icons";
import { May } from "../ui/May";
import { Empty, Failed, Loading, Stale, sentence } from "../ui/states";
import { Time } from "../ui/Time";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import { MappingEditor, type MappingTarget } from "./MappingEditor";
import classes from "./MappingsPage.module.css";
import { asItWas, byVariant, type MappedVariant, matches } from "./mappings";

/** Where variants are bought: those that orders wait for, and those that are decided. */
export function MappingsPage() {
  const t = useText();
  const go = useNavigate();
  const { store, variant } = useSearch({ from: "/mappings" });
  const { data } = useQuery(connectionsQuery);
  const stores = data?.connections.filter((c) => c.platform === "wix" && c.state !== "removed") ?? [];
  const [target, setTarget] = useState<MappingTarget>();
  const [removing, setRemoving] = useState<ProductMapping>();
  const chosen = useVariant(store, variant, stores);
  const shown = target ?? chosen;
  function close() {
    setTarget(undefined);
    if (variant) void go({ to: "/mappings", search: (s) => ({ ...s, variant: undefined }), replace: true });
  }
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.mappings.title}</Title>
          <p className="muted">{t.mappings.lead}</p>
        </div>
        <div className="row">
          {stores.length > 1 && (
            <NativeSelect
              aria-label={t.mappings.store}
              value={store ?? ""}
              onChange={(e) =>
                void go({ to: "/mappings", search: (s) => ({ ...s, store: e.currentTarget.value || undefined }) })
              }
              data={[{ value: "", label: t.frame.allStores }, ...stores.map((s) => ({ value: s.id, label: s.name }))]}
            />
          )}
          <May scope="settings:write">
            <Button
              variant="default"
              leftSection={<IconPlus />}
              onClick={() => setTarget({ storeId: store ?? stores[0]?.id ?? "", variantKey: "", name: "", rank: 0 })}
            >
              {t.mappings.addOther}
            </Button>
          </May>
        </div>
      </div>
      <Waiting store={store} stores={stores} onChoose={setTarget} />
      <Mapped store={store} onEdit={setTarget} onRemove={setRemoving} />
      {shown && <MappingEditor key={shown.variantKey + shown.rank} target={shown} onClose={close} />}
      {removing && <RemoveDialog mapping={removing} onClose={() => setRemoving(undefined)} />}
    </div>
  );
}

/** The variant that the address names, once it is known what it is: mapped already, waited for, or neither. */
function useVariant(store: string | undefined, variant: string | undefined, stores: Connection[]) {
  const wanted = useInfiniteQuery(wantedMappingsQuery(store));
  const mapped = useInfiniteQuery({ ...mappingsQuery(store, variant), enabled: !!variant });
  if (!variant || (mapped.isPending && !mapped.error) || (wanted.isPending && !wanted.error)) return undefined;
  const mapping = mapped.data?.pages.flatMap((p) => p.product_mappings).find((m) => m.rank === 0);
  if (mapping) return targetOf(mapping);
  const found = wanted.data?.pages.flatMap((p) => p.wanted_mappings).find((w) => w.variant_key === variant);
  if (!found && wanted.isFetching) return undefined; // what is kept from before may not know it yet
  if (found) return wantedTarget(found);
  const storeId = store ?? stores[0]?.id ?? "";
  return { storeId, variantKey: variant, name: "", rank: 0 } satisfies MappingTarget;
}

const targetOf = (m: ProductMapping): MappingTarget => ({
  storeId: m.store_id,
  variantKey: m.variant_key,
  name: m.title || m.variant_key,
  rank: m.rank === 1 ? 1 : 0,
  mapping: m,
});

const nameOf = (w: WantedMapping) => (w.options ? `${w.name}, ${w.options}` : w.name);

const wantedTarget = (w: WantedMapping): MappingTarget => ({
  storeId: w.store_id,
  variantKey: w.variant_key,
  name: nameOf(w),
  rank: 0,
  orders: w.orders,
});

interface WaitingProps {
  store?: string;
  stores: Connection[];
  onChoose: (target: MappingTarget) => void;
}

function Waiting({ store, stores, onChoose }: WaitingProps) {
  const t = useText();
  const words = t.mappings;
  const { data, error, isPending, refetch, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(wantedMappingsQuery(store));
  const list = data?.pages.flatMap((p) => p.wanted_mappings) ?? [];
  return (
    <section className="stack tight" aria-labelledby="waiting">
      <h2 id="waiting">
        {words.waiting}
        {list.length > 0 && (
          <>
            {" "}
            <span className="pill" data-tone="warn">
              {number(list.length)}
              {hasNextPage && "+"}
            </span>
          </>
        )}
      </h2>
      {list.length > 0 && <p className="muted">{words.waitingLead}</p>}
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={3} />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && list.length === 0 && (
        <div className="card">
          <Empty title={words.waitingNone}>{words.waitingNoneHint}</Empty>
        </div>
      )}
      {list.length > 0 && (
        <div className={`card ${classes.flush}`}>
          <table className="table" aria-labelledby="waiting">
            <thead>
              <tr>
                <th scope="col">{words.column.variant}</th>
                <th scope="col">{words.column.orders}</th>
                <th scope="col" className="num">
                  <span className="sr-only">{words.column.actions}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((w) => (
                <tr key={w.store_id + w.variant_key}>
                  <th scope="row" className={classes.rowHead}>
                    <span>
                      <strong>{w.name}</strong> {w.options}
                      <span className={`small muted anywhere ${classes.block}`}>
                        {[w.sku && words.sku(w.sku), stores.length > 1 && stores.find((s) => s.id === w.store_id)?.name]
                          .filter(Boolean)
                          .join(" · ")}
                      </span>
                    </span>
                  </th>
                  <td data-label={words.column.orders}>
                    <span>
                      {words.orders(number(w.orders), w.orders === 1)}
                      <span className={`small muted ${classes.block}`}>
                        {words.since} <Time at={w.oldest_placed_at} />
                      </span>
                    </span>
                  </td>
                  <td className="num">
                    <May scope="settings:write">
                      <Button size="compact-sm" onClick={() => onChoose(wantedTarget(w))}>
                        {words.choose}
                        <span className="sr-only">: {nameOf(w)}</span>
                      </Button>
                    </May>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hasNextPage && (
        <div>
          <Button variant="default" size="compact-sm" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t.do.loadMore(100)}
          </Button>
        </div>
      )}
    </section>
  );
}

interface MappedProps {
  store?: string;
  onEdit: (target: MappingTarget) => void;
  onRemove: (mapping: ProductMapping) => void;
}

function Mapped({ store, onEdit, onRemove }: MappedProps) {
  const t = useText();
  const words = t.mappings;
  const { data, error, isPending, refetch, dataUpdatedAt, hasNextPage, fetchNextPage, isFetchingNextPage } =
    useInfiniteQuery(mappingsQuery(store));
  const [q, setQ] = useState("");
  // Who searches means all of them: what is left is loaded, page by page.
  useEffect(() => {
    if (q && hasNextPage && !isFetchingNextPage && !error) void fetchNextPage();
  }, [q, hasNextPage, isFetchingNextPage, fetchNextPage, error]);
  const all = byVariant(data?.pages.flatMap((p) => p.product_mappings) ?? []);
  const shown = all.filter((v) => matches(v, q.trim()));
  return (
    <section className="stack tight" aria-labelledby="mapped">
      <h2 id="mapped">{words.mapped}</h2>
      {all.length > 0 && (
        <TextInput
          className={classes.search}
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          value={q}
          onChange={(e) => setQ(e.currentTarget.value)}
        />
      )}
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && all.length === 0 && (
        <div className="card">
          <Empty title={words.mappedNone}>{words.mappedNoneHint}</Empty>
        </div>
      )}
      {all.length > 0 && shown.length === 0 && !isFetchingNextPage && (
        <Empty
          title={words.noHit(q)}
          action={
            <Button variant="default" onClick={() => setQ("")}>
              {t.do.clear}
            </Button>
          }
        />
      )}
      {shown.length > 0 && (
        <div className={`card ${classes.flush}`}>
          <table className="table" aria-labelledby="mapped">
            <thead>
              <tr>
                <th scope="col">{words.column.variant}</th>
                <th scope="col">{words.column.supplier}</th>
                <th scope="col" className="num">
                  {words.column.cap}
                </th>
                <th scope="col">{words.column.shipping}</th>
                <th scope="col" className="num">
                  <span className="sr-only">{words.column.actions}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.flatMap((v) =>
                [v.main, v.fallback].map(
                  (m) => m && <Row key={m.id} mapping={m} variant={v} onEdit={onEdit} onRemove={onRemove} />,
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
      {all.length > 0 && (
        <div className="row">
          <span className="muted small">{words.loaded(number(all.length))}</span>
          {hasNextPage && (
            <Button
              variant="default"
              size="compact-sm"
              loading={isFetchingNextPage}
              onClick={() => void fetchNextPage()}
            >
              {t.do.loadMore(100)}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

interface RowProps {
  mapping: ProductMapping;
  variant: MappedVariant;
  onEdit: (target: MappingTarget) => void;
  onRemove: (mapping: ProductMapping) => void;
}

function Row({ mapping: m, variant, onEdit, onRemove }: RowProps) {
  const t = useText();
  const words = t.mappings;
  const main = m.rank === 0;
  const title = m.title || variant.main?.title || m.variant_key;
  const name = main ? title : words.fallbackOf(title);
  return (
    <tr>
      <th scope="row" className={classes.rowHead}>
        <span className={main ? "" : classes.sub}>
          {main ? <strong>{title}</strong> : <span className="pill">{words.fallback}</span>}
          {main && <span className={`small muted anywhere ${classes.block}`}>{m.variant_key}</span>}
        </span>
      </th>
      <td data-label={words.column.supplier}>
        {m.role === "own" ? (
          <span>
            {words.own} <span className="small muted">{words.ownHint}</span>
          </span>
        ) : (
          <span className="anywhere">
            {m.supplier_store_name || words.product}{" "}
            <a
              href={`https://www.aliexpress.com/item/${encodeURIComponent(m.supplier_product_id ?? "")}.html`}
              target="_blank"
              rel="noreferrer"
              className={`mono ${classes.link}`}
            >
              {m.supplier_product_id} <IconOut />
            </a>
            <span className={`small muted ${classes.block}`}>{m.supplier_sku_attr || m.supplier_sku_id}</span>
          </span>
        )}
      </td>
      <td data-label={words.column.cap} className="num">
        {m.price_cap ? money(m.price_cap) : <span className="muted">{words.noCap}</span>}
      </td>
      <td data-label={words.column.shipping}>
        {m.shipping_service || <span className="muted">{words.anyShipping}</span>}
      </td>
      <td>
        <May scope="settings:write">
          <span className={classes.actions}>
            {main && !variant.fallback && m.role === "dropship" && (
              <button
                type="button"
                className="iconButton"
                title={words.addFallback}
                aria-label={words.addFallbackFor(name)}
                onClick={() => onEdit({ storeId: m.store_id, variantKey: m.variant_key, name: title, rank: 1 })}
              >
                <IconPlus />
              </button>
            )}
            <button
              type="button"
              className="iconButton"
              title={t.do.edit}
              aria-label={words.editOf(name)}
              onClick={() => onEdit(targetOf(m))}
            >
              <IconEdit />
            </button>
            <button
              type="button"
              className="iconButton"
              title={t.do.remove}
              aria-label={words.removeOf(name)}
              onClick={() => onRemove(m)}
            >
              <IconTrash />
            </button>
          </span>
        </May>
      </td>
    </tr>
  );
}

function RemoveDialog({ mapping, onClose }: { mapping: ProductMapping; onClose: () => void }) {
  const t = useText();
  const words = t.mappings.remove;
  async function remove() {
    await call(deleteProductMapping({ path: { id: mapping.id } }));
    await queryClient.invalidateQueries({ queryKey: ["mappings"] });
    toast({ title: t.mappings.removed, action: { label: t.do.undo, run: () => void again() } });
  }
  async function again() {
    try {
      await call(createProductMapping({ body: asItWas(mapping) }));
      toast({ title: t.mappings.back });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.do.undo), detail: sentence(e), tone: "bad" });
    }
    await queryClient.invalidateQueries({ queryKey: ["mappings"] });
  }
  return (
    <Confirm
      title={words.title(mapping.title || mapping.variant_key)}
      label={t.do.remove}
      run={remove}
      onClose={onClose}
    >
      <p>{words.lead}</p>
    </Confirm>
  );
}
