import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { deleteCarrier, putCarrier, testCarrier } from "../api/gen/sdk.gen";
import type { Carrier, TestCarrierAnswer } from "../api/gen/types.gen";
import { carriersQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { IconEdit, IconOut, IconPlus, IconTrash } from "../ui/icons";
import { May } from "../ui/May";
import { ActionFailed, Failed, Loading, sentence } from "../ui/states";
import { toast } from "../ui/toasts";
import { isWebAddress } from "./connect";
import { SectionCard } from "./SettingsCard";
import classes from "./SettingsPage.module.css";
import { isTrackingPage } from "./settings";

interface CarrierDraft {
  name: string;
  provider: string;
  link: string;
  /** Whether the name is given: the rule of a carrier that there is. */
  fixed: boolean;
}

/** How stores are told of carriers. */
export function CarriersSection() {
  const t = useText();
  const words = t.settings.carriers;
  const { data, error, isPending, refetch } = useQuery(carriersQuery);
  const [editing, setEditing] = useState<CarrierDraft>();

  async function remove(c: Carrier) {
    const again = () => void put({ name: c.name, provider: c.provider, link: c.link });
    try {
      await call(deleteCarrier({ query: { name: c.name } }));
      await queryClient.invalidateQueries({ queryKey: ["carriers"] });
      toast({ title: words.removed(nameOf(c.name, words.every)), action: { label: t.do.undo, run: again } });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.do.remove), detail: sentence(e), tone: "bad" });
    }
  }

  async function put(rule: { name: string; provider: string; link: string }) {
    try {
      await call(putCarrier({ body: rule }));
      await queryClient.invalidateQueries({ queryKey: ["carriers"] });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.do.undo), detail: sentence(e), tone: "bad" });
    }
  }

  return (
    <SectionCard id="carriers" lead={words.lead}>
      {isPending && <Loading rows={4} />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && (
        <table className="table" aria-labelledby="carriers-title">
          <thead>
            <tr>
              <th scope="col">{words.column.name}</th>
              <th scope="col">{words.column.provider}</th>
              <th scope="col">{words.column.link}</th>
              <th scope="col">{words.column.source}</th>
              <th scope="col">
                <span className="sr-only">{words.column.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.carriers.map((c) => (
              <Row
                key={c.source + c.name}
                carrier={c}
                onEdit={() => setEditing({ name: c.name, provider: c.provider, link: c.link, fixed: true })}
                onRemove={() => void remove(c)}
              />
            ))}
          </tbody>
        </table>
      )}
      <May scope="settings:write">
        <div>
          <Button
            variant="default"
            leftSection={<IconPlus />}
            onClick={() => setEditing({ name: "", provider: "", link: "", fixed: false })}
          >
            {words.add}
          </Button>
        </div>
      </May>
      <Try />
      {editing && <CarrierDialog start={editing} onClose={() => setEditing(undefined)} />}
    </SectionCard>
  );
}

const nameOf = (name: string, every: string) => (name === "*" ? every : name);

function Row({ carrier: c, onEdit, onRemove }: { carrier: Carrier; onEdit: () => void; onRemove: () => void }) {
  const t = useText();
  const words = t.settings.carriers;
  const name = nameOf(c.name, words.every);
  const own = c.source === "own";
  return (
    <tr>
      <td data-label={words.column.name}>
        <strong className="anywhere">{name}</strong>
      </td>
      <td data-label={words.column.provider} className="anywhere">
        {c.provider || <span className="muted">{words.sameName}</span>}
      </td>
      <td data-label={words.column.link} className={`anywhere ${classes.link}`}>
        {c.link || <span className="muted">{words.byStore}</span>}
      </td>
      <td data-label={words.column.source}>
        <span className="pill" data-tone={own ? "info" : undefined}>
          {own ? words.own : c.wins ? words.builtIn : words.overruled}
        </span>
      </td>
      <td>
        <May scope="settings:write">
          <span className={classes.actions}>
            {(own || c.wins) && (
              <button
                type="button"
                className="iconButton"
                title={own ? t.do.edit : words.override(name)}
                aria-label={own ? words.edit(name) : words.override(name)}
                onClick={onEdit}
              >
                <IconEdit />
              </button>
            )}
            {own && (
              <button
                type="button"
                className="iconButton"
                title={t.do.remove}
                aria-label={words.remove(name)}
                onClick={onRemove}
              >
                <IconTrash />
              </button>
            )}
          </span>
        </May>
      </td>
    </tr>
  );
}

function CarrierDialog({ start, onClose }: { start: CarrierDraft; onClose: () => void }) {
  const t = useText();
  const words = t.settings.carriers;
  const [draft, setDraft] = useState(start);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const link = draft.link.trim();
  const noName = draft.name.trim() === "";

  async function save(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    if (noName || !isTrackingPage(link)) return;
    setBusy(true);
    setFailed(undefined);
    try {
      await call(putCarrier({ body: { name: draft.name.trim(), provider: draft.provider.trim(), link } }));
      await queryClient.invalidateQueries({ queryKey: ["carriers"] });
      toast({ title: words.saved(nameOf(draft.name.trim(), words.every)) });
      onClose();
    } catch (error) {
      setFailed(error);
      setBusy(false);
    }
  }

  return (
    <Dialog
      title={start.fixed ? words.edit(nameOf(start.name, words.every)) : words.add}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="carrier" loading={busy}>
            {t.do.save}
          </Button>
        </>
      }
    >
      <form id="carrier" className="stack" onSubmit={(e) => void save(e)} noValidate>
        <TextInput
          label={words.name}
          description={words.nameHint}
          value={draft.name}
          maxLength={100}
          disabled={start.fixed}
          onChange={(e) => setDraft({ ...draft, name: e.currentTarget.value })}
          error={tried && noName ? t.settings.needed : undefined}
          required
        />
        <TextInput
          label={words.provider}
          description={words.providerHint}
          value={draft.provider}
          maxLength={100}
          onChange={(e) => setDraft({ ...draft, provider: e.currentTarget.value })}
        />
        <TextInput
          label={words.link}
          description={words.linkHint}
          value={draft.link}
          maxLength={2000}
          onChange={(e) => setDraft({ ...draft, link: e.currentTarget.value })}
          error={tried && !isTrackingPage(link) ? words.linkWrong : undefined}
        />
        <p className="small muted">{words.after}</p>
        <ActionFailed error={failed} what={t.do.save} />
      </form>
    </Dialog>
  );
}

function Try() {
  const t = useText();
  const words = t.settings.carriers;
  const [name, setName] = useState("");
  const [number, setNumber] = useState("");
  const [answer, setAnswer] = useState<TestCarrierAnswer>();
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();

  async function ask(e: FormEvent) {
    e.preventDefault();
    setTried(true);
    setFailed(undefined);
    if (!number.trim()) return;
    setBusy(true);
    try {
      setAnswer(await call(testCarrier({ body: { name: name.trim(), number: number.trim() } })));
    } catch (error) {
      setAnswer(undefined);
      setFailed(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className="stack tight" onSubmit={(e) => void ask(e)} noValidate aria-labelledby="try">
      <div>
        <h3 id="try">{words.try}</h3>
        <p className="small muted">{words.tryLead}</p>
      </div>
      <div className={classes.two}>
        <TextInput label={words.name} value={name} maxLength={100} onChange={(e) => setName(e.currentTarget.value)} />
        <TextInput
          label={words.number}
          value={number}
          maxLength={100}
          onChange={(e) => setNumber(e.currentTarget.value)}
          error={tried && !number.trim() ? t.settings.needed : undefined}
          required
        />
      </div>
      <div>
        <Button type="submit" variant="default" loading={busy}>
          {words.tryGo}
        </Button>
      </div>
      <ActionFailed error={failed} what={words.try} />
      <div role="status">
        {answer && (
          <dl className="facts">
            <dt>{words.told}</dt>
            <dd>{answer.provider || words.sameName}</dd>
            <dt>{words.page}</dt>
            <dd>
              {isWebAddress(answer.link) ? (
                <a href={answer.link} target="_blank" rel="noreferrer">
                  {answer.link} <IconOut />
                </a>
              ) : (
                words.noLink
              )}
              {answer.built_by_store && <span className="muted"> ({words.byStore})</span>}
            </dd>
            <dt>{words.rule}</dt>
            <dd>
              {nameOf(answer.rule, words.every)} ({answer.source === "own" ? words.own : words.builtIn})
            </dd>
          </dl>
        )}
      </div>
    </form>
  );
}
