import { Button, NativeSelect, Switch } from "@mantine/core";
import { useMay } from "../api/may";
import { May } from "../ui/May";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Switch.css";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { call } from "../api/call";
import { closeFlag, deleteConnection, replaceStoreSettings } from "../api/gen/sdk.gen";
import type { Connection, FlagRow, Platform, StoreSettings } from "../api/gen/types.gen";
import { aboutQuery, connectionFlagsQuery, connectionsQuery, healthQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { clock, number } from "../text/format";
import { Confirm } from "../ui/Confirm";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { IconCheck, IconPlus, IconWarn } from "../ui/icons";
import { ActionFailed, Empty, Failed, Loading, Stale, sentence } from "../ui/states";
import { Time } from "../ui/Time";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import { ConnectDialog } from "./ConnectDialog";
import classes from "./ConnectionsPage.module.css";
import { begun, connectFailure, type Outcome, readOutcome } from "./connect";
import { OwnAppDialog } from "./OwnAppDialog";

type Open =
  | { kind: "connect"; platform: Platform }
  | { kind: "own" }
  | { kind: "settings"; connection: Connection }
  | { kind: "remove"; connection: Connection };

/** The stores and the supplier accounts, and how they are connected. */
export function ConnectionsPage() {
  const t = useText();
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(connectionsQuery);
  const { data: about } = useQuery(aboutQuery);
  const [open, setOpen] = useState<Open>();
  const outcome = useOutcome();
  const close = () => setOpen(undefined);
  const again = (platform: Platform) => setOpen({ kind: "connect", platform });
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.connections.title}</Title>
          <p className="muted">{t.connections.lead}</p>
        </div>
      </div>
      {outcome && <OutcomeBar outcome={outcome} onAgain={again} />}
      {about?.simulators && (
        <p className="bar" data-tone="info">
          {t.connections.simulated}
        </p>
      )}
      {error && data && <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />}
      {isPending && <Loading />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data &&
        (["wix", "aliexpress"] as const).map((platform) => (
          <Group
            key={platform}
            platform={platform}
            list={data.connections.filter((c) => c.platform === platform)}
            ready={about?.platforms[platform] ?? true}
            onOpen={setOpen}
          />
        ))}
      {open?.kind === "connect" && (
        <ConnectDialog
          platform={open.platform}
          from="/connections"
          onClose={close}
          onOwnApp={open.platform === "aliexpress" ? () => setOpen({ kind: "own" }) : undefined}
        />
      )}
      {open?.kind === "own" && <OwnAppDialog onClose={close} />}
      {open?.kind === "settings" && <StoreSettingsDialog connection={open.connection} onClose={close} />}
      {open?.kind === "remove" && <RemoveDialog connection={open.connection} onClose={close} />}
    </div>
  );
}

/** What became of a consent. It is taken out of the address, so that reloading does not tell it again. */
function useOutcome(): Outcome | undefined {
  const search = useSearch({ from: "/connections" });
  const go = useNavigate();
  const [outcome, setOutcome] = useState<Outcome>();
  useEffect(() => {
    const read = readOutcome(search);
    if (!read) return;
    if (begun()?.from === "/welcome") {
      void go({ to: "/welcome", search, replace: true });
      return;
    }
    setOutcome(read);
    void queryClient.invalidateQueries({ queryKey: ["connections"] });
    void go({ to: "/connections", search: {}, replace: true });
  }, [search, go]);
  return outcome;
}

/** Tells what became of a consent, and the way on. */
export function OutcomeBar({ outcome, onAgain }: { outcome: Outcome; onAgain?: (platform: Platform) => void }) {
  const t = useText();
  if (outcome.connected)
    return (
      <p className="bar" data-tone="good" role="status">
        <IconCheck /> {t.connections.done[outcome.connected]}
      </p>
    );
  const platform = begun()?.platform;
  return (
    <div className="bar" data-tone="bad" role="alert">
      <IconWarn />
      <span className="grow">{connectFailure(outcome.failed ?? "")}</span>
      {platform && onAgain && (
        <Button variant="default" size="compact-sm" onClick={() => onAgain(platform)}>
          {t.connections.retry[platform]}
        </Button>
      )}
    </div>
  );
}

interface GroupProps {
  platform: Platform;
  list: Connection[];
  ready: boolean;
  onOpen: (open: Open) => void;
}

function Group({ platform, list, ready, onOpen }: GroupProps) {
  const t = useText();
  const words = t.connections;
  const wix = platform === "wix";
  const shown = list.filter((c) => c.state !== "removed");
  const removed = list.filter((c) => c.state === "removed");
  const first = wix ? words.connectStore : words.connectSupplier;
  const may = useMay("connections:write");
  const button =
    ready && may ? (
      <Button
        variant={shown.length > 0 ? "default" : "filled"}
        leftSection={<IconPlus />}
        onClick={() => onOpen({ kind: "connect", platform })}
      >
        {shown.length > 0 ? words.another[platform] : first}
      </Button>
    ) : undefined;
  return (
    <section className="stack" aria-labelledby={platform}>
      <div className="spread">
        <h2 id={platform}>{wix ? words.stores : words.suppliers}</h2>
        {shown.length > 0 && button}
      </div>
      {!ready && (
        <p className="bar" data-tone="warn">
          <IconWarn /> <span className="grow">{words.notSetUp(words.platforms[platform])}</span>
        </p>
      )}
      {shown.length === 0 && (
        <div className="card">
          <Empty title={wix ? words.noStores : words.noSuppliers} action={button}>
            {wix ? words.noStoresHint : words.noSuppliersHint}
          </Empty>
        </div>
      )}
      <div className={classes.grid}>
        {shown.map((c) => (
          <Card key={c.id} connection={c} ready={ready} onOpen={onOpen} />
        ))}
      </div>
      {removed.length > 0 && (
        <details className={classes.removed}>
          <summary>{words.showRemoved(removed.length)}</summary>
          <div className={classes.grid}>
            {removed.map((c) => (
              <Card key={c.id} connection={c} ready={ready} onOpen={onOpen} />
            ))}
          </div>
        </details>
      )}
    </section>
  );
}

function Card({
  connection: c,
  ready,
  onOpen,
}: {
  connection: Connection;
  ready: boolean;
  onOpen: (open: Open) => void;
}) {
  const t = useText();
  const words = t.connections;
  const may = useMay("connections:write");
  const mayDecide = useMay("settings:write");
  const { data: flags } = useQuery(connectionFlagsQuery);
  const about = flags?.filter((f) => f.connection_id === c.id) ?? [];
  const again = c.app_key ? () => onOpen({ kind: "own" }) : () => onOpen({ kind: "connect", platform: c.platform });
  return (
    <article className="card stack" aria-label={c.name}>
      <div className="spread">
        <h3 className="anywhere">{c.name}</h3>
        <span className="pill" data-tone={c.state === "active" ? "good" : c.state === "removed" ? undefined : "bad"}>
          {words.states[c.state]}
        </span>
      </div>
      {c.state !== "active" && c.last_error_detail && (
        <p className="bar" data-tone="bad">
          <span className="grow">{c.last_error_detail}</span>
        </p>
      )}
      {about.map((f) => (
        <ConnectionFlag key={f.id} flag={f} />
      ))}
      <Facts connection={c} />
      {c.buyer_mails && (
        <details className={classes.removed}>
          <summary>{words.facts.mails}</summary>
          <p className="small">{c.buyer_mails}</p>
        </details>
      )}
      <div className="row">
        {may && ready && (c.state !== "active" || c.platform === "aliexpress") && (
          <Button variant={c.state === "active" ? "default" : "filled"} onClick={again}>
            {c.state === "active" ? words.renew : words.again}
            <span className="sr-only"> {c.name}</span>
          </Button>
        )}
        {mayDecide && c.platform === "wix" && c.state !== "removed" && (
          <Button variant="default" onClick={() => onOpen({ kind: "settings", connection: c })}>
            {words.settings}
            <span className="sr-only"> {c.name}</span>
          </Button>
        )}
        {may && c.state !== "removed" && (
          <Button
            variant="default"
            onClick={() => onOpen({ kind: "remove", connection: c })}
            aria-label={words.disconnectOf(c.name)}
          >
            {words.disconnect}…
          </Button>
        )}
      </div>
    </article>
  );
}

function ConnectionFlag({ flag }: { flag: FlagRow }) {
  const t = useText();
  const [busy, setBusy] = useState(false);
  async function accept() {
    setBusy(true);
    try {
      await call(closeFlag({ path: { id: flag.id }, body: { reason: t.connections.acceptReason } }));
      await queryClient.invalidateQueries({ queryKey: ["connections"] });
      toast({ title: t.connections.accepted });
    } catch (e) {
      toast({ title: t.state.actionFailed(t.connections.accept), detail: sentence(e), tone: "bad" });
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className="bar" data-tone="warn">
      <IconWarn />
      <div className="grow">
        <strong>{t.flags[flag.code] ?? flag.code}</strong>
        <div>
          {flag.detail} {flag.next_action}
        </div>
      </div>
      {flag.code === "same_site_twice" && (
        <May scope="orders:write">
          <Button variant="default" size="compact-sm" loading={busy} onClick={() => void accept()}>
            {t.connections.accept}
          </Button>
        </May>
      )}
    </div>
  );
}

function Facts({ connection: c }: { connection: Connection }) {
  const t = useText();
  const words = t.connections.facts;
  const wix = c.platform === "wix";
  const { data: health } = useQuery(healthQuery);
  const hop = health?.connections
    .find((h) => h.id === c.id)
    ?.hops.find((h) => h.hop === (wix ? "store_to_waybill" : "supplier_to_waybill"));
  return (
    <dl className={`facts ${classes.facts}`}>
      <dt>{wix ? words.instance : words.account}</dt>
      <dd>
        <Copy value={c.external_id} what={wix ? words.instance : words.account} />
      </dd>
      <dt>{words.since}</dt>
      <dd>
        <Time at={c.created_at} />
      </dd>
      <dt>{words.success}</dt>
      <dd>{c.last_success_at ? <Time at={c.last_success_at} as="ago" /> : t.connections.never}</dd>
      {c.last_error_at && (
        <>
          <dt>{words.error}</dt>
          <dd>
            <Time at={c.last_error_at} as="ago" />: {c.last_error_detail || c.last_error_code}
          </dd>
        </>
      )}
      {wix && health && c.state === "active" && (
        <>
          <dt>{words.messages}</dt>
          <dd>
            {hop?.count ? t.connections.received(number(hop.count), hop.count === 1) : t.connections.receivedNone}
          </dd>
        </>
      )}
      {c.next_sweep_at && c.state === "active" && (
        <>
          <dt>{words.search}</dt>
          <dd>
            <Time at={c.next_sweep_at} as="until" />
          </dd>
        </>
      )}
      {wix && c.settings && (
        <>
          <dt>{words.pushWhen}</dt>
          <dd>{t.connections.pushWhens[c.settings.push_when ?? "number"]}</dd>
          <dt>{words.partial}</dt>
          <dd>{c.settings.partial_payment_opens ? words.partialOpens : words.partialWaits}</dd>
        </>
      )}
      {c.state === "active" && c.refresh_expires_at && (
        <>
          <dt>{words.again}</dt>
          <dd>
            <strong>
              <Time at={c.refresh_expires_at} />
            </strong>{" "}
            (<Time at={c.refresh_expires_at} as="until" />)
          </dd>
        </>
      )}
      {c.state === "active" && c.token_expires_at && (
        <>
          <dt>{words.access}</dt>
          <dd>
            <Time at={c.token_expires_at} />, {words.accessHint}
          </dd>
        </>
      )}
      {!wix && (
        <>
          <dt>{words.ownApp}</dt>
          <dd>{c.app_key ? words.ownAppKey(c.app_key) : words.waybillApp}</dd>
        </>
      )}
    </dl>
  );
}

function RemoveDialog({ connection: c, onClose }: { connection: Connection; onClose: () => void }) {
  const t = useText();
  const words = t.connections.remove;
  async function remove() {
    await call(deleteConnection({ path: { id: c.id } }));
    await queryClient.invalidateQueries({ queryKey: ["connections"] });
    void queryClient.invalidateQueries({ queryKey: ["health"] });
    toast({ title: words.done(c.name) });
  }
  return (
    <Confirm title={words.title(c.name)} label={t.connections.disconnect} run={remove} onClose={onClose}>
      <p>{words[c.platform]}</p>
      <p>{words.kept}</p>
    </Confirm>
  );
}

function StoreSettingsDialog({ connection: c, onClose }: { connection: Connection; onClose: () => void }) {
  const t = useText();
  const words = t.connections.store;
  const [pushWhen, setPushWhen] = useState<NonNullable<StoreSettings["push_when"]>>(c.settings?.push_when ?? "number");
  const [partial, setPartial] = useState(c.settings?.partial_payment_opens ?? false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  async function save(e: FormEvent) {
    e.preventDefault();
    setBusy(true);
    setFailed(undefined);
    try {
      await call(
        replaceStoreSettings({ path: { id: c.id }, body: { push_when: pushWhen, partial_payment_opens: partial } }),
      );
      await queryClient.invalidateQueries({ queryKey: ["connections"] });
      toast({ title: words.saved });
      onClose();
    } catch (error) {
      setFailed(error);
      setBusy(false);
    }
  }
  return (
    <Dialog
      title={words.title(c.name)}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="store" loading={busy}>
            {t.do.save}
          </Button>
        </>
      }
    >
      <form id="store" className="stack" onSubmit={(e) => void save(e)}>
        <NativeSelect
          label={words.pushWhen}
          description={words.pushHint}
          value={pushWhen}
          onChange={(e) => setPushWhen(e.currentTarget.value as typeof pushWhen)}
          data={(["number", "first_scan"] as const).map((value) => ({ value, label: t.connections.pushWhens[value] }))}
        />
        <Switch
          label={words.partial}
          description={words.partialHint}
          checked={partial}
          onChange={(e) => setPartial(e.currentTarget.checked)}
        />
        <p className="muted small">{words.after}</p>
        <ActionFailed error={failed} what={t.do.save} />
      </form>
    </Dialog>
  );
}
