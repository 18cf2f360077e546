import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { createProductMapping, replaceProductMapping } from "../api/gen/sdk.gen";
import type { Connection, Money, ProductMapping, ProductMappingFields, SupplierSku } from "../api/gen/types.gen";
import { connectionsQuery, queryClient, supplierProductQuery } from "../api/queries";
import { type Texts, useText } from "../text";
import { money, number } from "../text/format";
import { Dialog } from "../ui/Dialog";
import { ActionFailed, sentence } from "../ui/states";
import { toast } from "../ui/toasts";
import classes from "./MappingsPage.module.css";
import { isShortLink, readAmount, readProductId, suggestedCap, writeAmount } from "./mappings";

/** What is to be mapped: a variant of a store, or a mapping that there is. */
export interface MappingTarget {
  storeId: string;
  variantKey: string;
  name: string;
  rank: 0 | 1;
  /** How many open orders wait for it, where that is known. */
  orders?: number;
  mapping?: ProductMapping;
}

interface Draft {
  variantKey: string;
  storeId: string;
  role: "dropship" | "own";
  title: string;
  productId: string;
  skuId: string;
  skuAttr: string;
  supplierStoreId: string;
  supplierStoreName: string;
  cap: string;
  currency: string;
  shipping: string;
}

function draftOf(target: MappingTarget): Draft {
  const m = target.mapping;
  return {
    variantKey: target.variantKey,
    storeId: target.storeId,
    role: m?.role === "own" ? "own" : "dropship",
    title: m?.title || target.name,
    productId: m?.supplier_product_id ?? "",
    skuId: m?.supplier_sku_id ?? "",
    skuAttr: m?.supplier_sku_attr ?? "",
    supplierStoreId: m?.supplier_store_id ?? "",
    supplierStoreName: m?.supplier_store_name ?? "",
    cap: m?.price_cap ? writeAmount(m.price_cap) : "",
    currency: m?.price_cap?.currency ?? "USD",
    shipping: m?.shipping_service ?? "",
  };
}

type Wrong = Partial<Record<keyof Draft, string>>;

function check(d: Draft, t: Texts): Wrong {
  const words = t.mappings.edit;
  const wrong: Wrong = {};
  if (!d.variantKey.trim()) wrong.variantKey = words.needed;
  if (!d.storeId) wrong.storeId = words.needed;
  if (d.role === "own") return wrong;
  if (!d.productId.trim()) wrong.productId = words.needed;
  else if (!/^\d+$/.test(d.productId.trim())) wrong.productId = words.digits;
  if (!d.skuId.trim()) wrong.skuId = words.needed;
  else if (!/^\d+$/.test(d.skuId.trim())) wrong.skuId = words.digits;
  if (!/^[A-Z]{3}$/.test(d.currency)) wrong.currency = words.currencyWrong;
  else if (d.cap.trim() && readAmount(d.cap, d.currency) === undefined) wrong.cap = words.capWrong;
  return wrong;
}

function fieldsOf(d: Draft): ProductMappingFields {
  const title = d.title.trim();
  if (d.role === "own") return { role: "own", title };
  const minor = d.cap.trim() ? readAmount(d.cap, d.currency) : undefined;
  return {
    role: "dropship",
    title,
    supplier_product_id: d.productId.trim(),
    supplier_sku_id: d.skuId.trim(),
    supplier_sku_attr: d.skuAttr.trim(),
    supplier_store_id: d.supplierStoreId.trim(),
    supplier_store_name: d.supplierStoreName.trim(),
    price_cap: minor ? { minor, currency: d.currency } : undefined,
    shipping_service: d.shipping.trim() || undefined,
  };
}

/** Says where a variant is bought. */
export function MappingEditor({ target, onClose }: { target: MappingTarget; onClose: () => void }) {
  const t = useText();
  const words = t.mappings.edit;
  const [draft, setDraft] = useState(() => draftOf(target));
  const [tried, setTried] = useState(false);
  const [byHand, setByHand] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const { data } = useQuery(connectionsQuery);
  const stores = data?.connections.filter((c) => c.platform === "wix" && c.state !== "removed") ?? [];
  const accounts = data?.connections.filter((c) => c.platform === "aliexpress" && c.state === "active") ?? [];
  const wrong = tried ? check(draft, t) : {};
  const set = (change: Partial<Draft>) => setDraft((d) => ({ ...d, ...change }));

  async function save(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    const found = check(draft, t);
    if (found.productId || found.skuId) setByHand(byHand || !!draft.productId);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    setFailed(undefined);
    try {
      const fields = fieldsOf(draft);
      await call(
        target.mapping
          ? replaceProductMapping({ path: { id: target.mapping.id }, body: fields })
          : createProductMapping({
              body: { ...fields, store_id: draft.storeId, variant_key: draft.variantKey.trim(), rank: target.rank },
            }),
      );
      await queryClient.invalidateQueries({ queryKey: ["mappings"] });
      toast({
        title: t.mappings.saved,
        detail: target.orders ? t.mappings.takenOver(target.orders) : t.mappings.takenOverNone,
      });
      onClose();
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  }

  const title = target.mapping
    ? words.change(target.name)
    : target.rank === 1
      ? words.fallback(target.name)
      : words.create(target.name);
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="mapping" loading={busy}>
            {words.save}
          </Button>
        </>
      }
    >
      <form id="mapping" className="stack" onSubmit={(e) => void save(e)} noValidate>
        {!target.variantKey && (
          <>
            {stores.length > 1 && (
              <NativeSelect
                label={t.mappings.store}
                value={draft.storeId}
                onChange={(e) => set({ storeId: e.currentTarget.value })}
                error={wrong.storeId}
                data={[{ value: "", label: "" }, ...stores.map((s) => ({ value: s.id, label: s.name }))]}
              />
            )}
            <TextInput
              label={t.mappings.variantKey}
              description={t.mappings.variantKeyHint}
              value={draft.variantKey}
              onChange={(e) => set({ variantKey: e.currentTarget.value })}
              error={wrong.variantKey}
              required
            />
          </>
        )}
        <NativeSelect
          label={words.role}
          description={draft.role === "own" ? words.ownHint : undefined}
          value={draft.role}
          onChange={(e) => set({ role: e.currentTarget.value as Draft["role"] })}
          data={(["dropship", "own"] as const).map((value) => ({ value, label: words.roles[value] }))}
        />
        {draft.role === "dropship" && (
          <>
            <Lookup
              draft={draft}
              set={set}
              accounts={accounts}
              missing={tried && !draft.skuId && !byHand ? words.chooseVariant : undefined}
            />
            <details open={byHand} onToggle={(e) => setByHand(e.currentTarget.open)}>
              <summary className="link">{words.byHand}</summary>
              <ByHand draft={draft} set={set} wrong={wrong} />
            </details>
            <div className={classes.two}>
              <TextInput
                label={words.cap}
                inputWrapperOrder={["label", "input", "description", "error"]}
                description={words.capHint}
                inputMode="decimal"
                value={draft.cap}
                onChange={(e) => set({ cap: e.currentTarget.value })}
                error={wrong.cap}
              />
              <TextInput
                label={words.currency}
                value={draft.currency}
                maxLength={3}
                onChange={(e) => set({ currency: e.currentTarget.value.toUpperCase() })}
                error={wrong.currency}
              />
            </div>
            <TextInput
              label={words.shipping}
              description={words.shippingHint}
              value={draft.shipping}
              maxLength={100}
              onChange={(e) => set({ shipping: e.currentTarget.value })}
            />
          </>
        )}
        <TextInput
          label={words.title}
          description={words.titleHint}
          value={draft.title}
          maxLength={300}
          onChange={(e) => set({ title: e.currentTarget.value })}
        />
        <ActionFailed error={failed} what={words.save} />
      </form>
    </Dialog>
  );
}

interface PartProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
}

function Lookup({ draft, set, accounts, missing }: PartProps & { accounts: Connection[]; missing?: string }) {
  const t = useText();
  const words = t.mappings.edit;
  const [pasted, setPasted] = useState(draft.productId);
  const [asked, setAsked] = useState(draft.productId);
  const [account, setAccount] = useState("");
  const [wrong, setWrong] = useState("");
  const who = account || (accounts.length > 1 ? accounts[0]?.id : undefined);
  const product = useQuery({ ...supplierProductQuery(asked, who), enabled: asked !== "" });

  function look() {
    const id = readProductId(pasted);
    setWrong(id ? "" : isShortLink(pasted) ? words.linkShort : words.linkWrong);
    if (!id) return;
    if (id === asked) void product.refetch();
    else set({ productId: id, skuId: "", skuAttr: "", supplierStoreId: "", supplierStoreName: "" });
    setAsked(id);
  }

  function choose(sku: SupplierSku) {
    const store = product.data?.store;
    set({
      productId: asked,
      skuId: sku.sku_id,
      skuAttr: sku.sku_attr,
      supplierStoreId: store?.id ?? "",
      supplierStoreName: store?.name ?? "",
      currency: draft.cap ? draft.currency : sku.price.currency,
    });
  }

  const chosen = product.data?.skus.find((s) => s.sku_id === draft.skuId);
  return (
    <div className="stack tight">
      {accounts.length > 1 && (
        <NativeSelect
          label={words.account}
          value={who}
          onChange={(e) => setAccount(e.currentTarget.value)}
          data={accounts.map((a) => ({ value: a.id, label: a.name }))}
        />
      )}
      <div className={classes.look}>
        <TextInput
          label={words.link}
          description={words.linkHint}
          value={pasted}
          onChange={(e) => setPasted(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== "Enter") return;
            e.preventDefault();
            look();
          }}
          error={wrong}
          data-autofocus
        />
        <Button variant="default" onClick={look} loading={product.isFetching}>
          {words.look}
        </Button>
      </div>
      <div role="status">
        {product.isFetching && <p className="muted">{words.looking}</p>}
        {product.error && !product.isFetching && (
          <p className="bar" data-tone="warn">
            <span className="grow">{sentence(product.error)}</span>
          </p>
        )}
      </div>
      {product.data && !product.isFetching && (
        <fieldset className={classes.plain}>
          <legend className={classes.legend}>
            {words.variant}: {product.data.title} <span className="muted">{words.by(product.data.store.name)}</span>
          </legend>
          <div className={classes.skus}>
            {product.data.skus.map((sku) => (
              <Sku key={sku.sku_id} sku={sku} chosen={sku.sku_id === draft.skuId} onChoose={() => choose(sku)} />
            ))}
          </div>
        </fieldset>
      )}
      {missing && (
        <p className="small" role="alert">
          <span className="pill" data-tone="bad">
            {missing}
          </span>
        </p>
      )}
      {chosen && <Suggestion price={chosen.price} cap={draft.cap} set={set} />}
    </div>
  );
}

function Sku({ sku, chosen, onChoose }: { sku: SupplierSku; chosen: boolean; onChoose: () => void }) {
  const t = useText();
  const words = t.mappings.edit;
  return (
    <label className={classes.sku}>
      <input type="radio" name="sku" checked={chosen} onChange={onChoose} />
      <span className="grow">{sku.text || words.only}</span>
      <strong>{money(sku.price)}</strong>
      {sku.stock > 0 ? (
        <span className="muted small">{words.stock(number(sku.stock))}</span>
      ) : (
        <span className="pill" data-tone="warn">
          {words.noStock}
        </span>
      )}
    </label>
  );
}

function Suggestion({ price, cap, set }: { price: Money; cap: string; set: PartProps["set"] }) {
  const t = useText();
  const words = t.mappings.edit;
  const suggested = suggestedCap(price);
  if (cap === writeAmount(suggested)) return null;
  return (
    <p className="small muted">
      {words.suggest(money(suggested))}{" "}
      <button
        type="button"
        className="link"
        onClick={() => set({ cap: writeAmount(suggested), currency: suggested.currency })}
      >
        {words.useSuggestion}
      </button>
    </p>
  );
}

function ByHand({ draft, set, wrong }: PartProps & { wrong: Wrong }) {
  const t = useText();
  const words = t.mappings.edit;
  return (
    <div className={classes.two}>
      <TextInput
        label={words.productId}
        inputMode="numeric"
        value={draft.productId}
        maxLength={20}
        onChange={(e) => set({ productId: e.currentTarget.value })}
        error={wrong.productId}
        required
      />
      <TextInput
        label={words.skuId}
        inputMode="numeric"
        value={draft.skuId}
        maxLength={20}
        onChange={(e) => set({ skuId: e.currentTarget.value })}
        error={wrong.skuId}
        required
      />
      <TextInput
        label={words.skuAttr}
        description={words.skuAttrHint}
        value={draft.skuAttr}
        maxLength={500}
        onChange={(e) => set({ skuAttr: e.currentTarget.value })}
      />
      <TextInput
        label={words.supplierStore}
        value={draft.supplierStoreId}
        maxLength={40}
        onChange={(e) => set({ supplierStoreId: e.currentTarget.value })}
      />
      <TextInput
        label={words.supplierName}
        value={draft.supplierStoreName}
        maxLength={200}
        onChange={(e) => set({ supplierStoreName: e.currentTarget.value })}
      />
    </div>
  );
}
