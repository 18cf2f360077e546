import { Button, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Connection, SyncScope } from "../api/gen/types.gen";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { dayStart, readIds } from "./activity";

interface ScopeProps {
  stores: Connection[];
  onClose: () => void;
  onScope: (scope: SyncScope) => void;
}

/** Asks for a range of days, and gives it as a scope. */
export function RangeDialog({ stores, onClose, onScope }: ScopeProps) {
  const t = useText();
  const words = t.activity.range;
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [store, setStore] = useState("");
  const [tried, setTried] = useState(false);
  const noFrom = from === "" ? words.needFrom : "";
  const wrongTo = to !== "" && from !== "" && to < from ? words.order : "";

  function submit(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    if (noFrom || wrongTo) return;
    onScope({
      kind: "range",
      placed_from: dayStart(from),
      placed_to: to ? dayStart(to, 1) : undefined,
      store_id: store || undefined,
    });
  }

  return (
    <Dialog
      title={words.title}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="range">
            {words.next}
          </Button>
        </>
      }
    >
      <form id="range" className="stack" onSubmit={submit} noValidate>
        <p className="muted">{words.lead}</p>
        <TextInput
          type="date"
          label={words.from}
          value={from}
          onChange={(e) => setFrom(e.currentTarget.value)}
          error={tried && noFrom}
          required
        />
        <TextInput
          type="date"
          label={words.to}
          description={words.toHint}
          value={to}
          onChange={(e) => setTo(e.currentTarget.value)}
          error={tried && wrongTo}
        />
        {stores.length > 1 && (
          <NativeSelect
            label={words.store}
            value={store}
            onChange={(e) => setStore(e.currentTarget.value)}
            data={[{ value: "", label: t.frame.allStores }, ...stores.map((s) => ({ value: s.id, label: s.name }))]}
          />
        )}
      </form>
    </Dialog>
  );
}

/** Asks for orders by the store's own ids, and gives them as a scope. */
export function NumbersDialog({ stores, onClose, onScope }: ScopeProps) {
  const t = useText();
  const words = t.activity.numbers;
  const [pasted, setPasted] = useState("");
  const [store, setStore] = useState(stores[0]?.id ?? "");
  const [tried, setTried] = useState(false);
  const ids = readIds(pasted);
  const wrong = ids.length === 0 ? words.none : ids.length > 100 ? words.many(ids.length) : "";

  function submit(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    if (!wrong && store) onScope({ kind: "external", external_ids: ids, store_id: store });
  }

  return (
    <Dialog
      title={words.title}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="numbers">
            {words.next}
          </Button>
        </>
      }
    >
      <form id="numbers" className="stack" onSubmit={submit} noValidate>
        <p className="muted">{words.lead}</p>
        {stores.length === 0 && (
          <p className="bar" data-tone="warn">
            {words.noStore}
          </p>
        )}
        <Textarea
          label={words.field}
          description={words.hint}
          value={pasted}
          onChange={(e) => setPasted(e.currentTarget.value)}
          error={tried && wrong}
          rows={5}
          autosize={false}
          required
        />
        {stores.length > 1 && (
          <NativeSelect
            label={words.store}
            value={store}
            onChange={(e) => setStore(e.currentTarget.value)}
            data={stores.map((s) => ({ value: s.id, label: s.name }))}
          />
        )}
      </form>
    </Dialog>
  );
}
