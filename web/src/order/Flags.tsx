import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { Flag, Order } from "../api/gen/types.gen";
import { useText } from "../text";
import { IconOut } from "../ui/icons";
import { May } from "../ui/May";
import { sentence } from "../ui/states";
import { Time, useNow } from "../ui/Time";
import { toast } from "../ui/toasts";
import { AddressDialog } from "./AddressDialog";
import {
  closeFlagAct,
  closeOrderAct,
  liftAct,
  linkAct,
  lostAct,
  releaseAct,
  renumberAct,
  reopen,
  retryPushAct,
  roleAct,
  snoozeAct,
  unlinkAct,
  withoutNumberAct,
} from "./acts";
import { useShow } from "./dialogs";
import { type Fix, fixesOf, wants } from "./fixes";
import { aliExpressOrders } from "./links";
import classes from "./order.module.css";
import { usePlace, useSync } from "./place";
import { ResolveDialog } from "./ResolveDialog";
import { Heading, Section } from "./Section";
import { StoreDialog } from "./StoreDialog";
import { webLink, whoWords } from "./words";

const isPutOff = (f: Flag, at: number) => !!f.snoozed_until && Date.parse(f.snoozed_until) > at;

/** What about an order needs somebody: why, what to do, until when, and the way there. */
export function Flags({ order }: { order: Order }) {
  const t = useText();
  const at = useNow();
  const open = order.flags.filter((f) => !isPutOff(f, at));
  const putOff = order.flags.filter((f) => isPutOff(f, at));
  const yours = open.filter((f) => f.owner === "merchant").length;
  if (order.flags.length === 0) return null;
  const title =
    yours > 0
      ? t.order.flags(yours)
      : open.length > 0
        ? t.order.flagsOthers(open.length)
        : t.order.putOff(putOff.length);
  return (
    <Section title={title}>
      {open.length > 0 && (
        <ul className={classes.items}>
          {open.map((f) => (
            <OneFlag key={f.id} flag={f} order={order} />
          ))}
        </ul>
      )}
      {putOff.length > 0 && (
        <details className={classes.details} open={open.length === 0}>
          <summary>{t.order.putOff(putOff.length)}</summary>
          <ul className={classes.items}>
            {putOff.map((f) => (
              <PutOff key={f.id} flag={f} order={order} />
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}

function OneFlag({ flag, order }: { flag: Flag; order: Order }) {
  const t = useText();
  const show = useShow();
  const at = useNow();
  const fixes = fixesOf(flag, order);
  return (
    <li>
      <div className={classes.flag} data-tone={flag.owner === "merchant" ? "bad" : "calm"}>
        <div className="stack tight">
          <Heading below={2}>{t.flags[flag.code] ?? flag.code}</Heading>
          <p className="anywhere">{flag.detail}</p>
          <p className="anywhere muted">{flag.next_action}</p>
          <div className={classes.meta}>
            {flag.deadline && (
              <span>
                {Date.parse(flag.deadline) > at ? t.order.due : t.order.overdueBy}{" "}
                <strong>
                  {Date.parse(flag.deadline) > at && (
                    <>
                      <Time at={flag.deadline} as="until" /> ·{" "}
                    </>
                  )}
                  <Time at={flag.deadline} />
                </strong>
              </span>
            )}
            <span>
              {t.order.owner}: <strong>{t.order.owners[flag.owner] ?? flag.owner}</strong>
            </span>
            <span>
              {t.order.since} <Time at={flag.opened_at} />
            </span>
          </div>
          <div className="row">
            {fixes.map((fix, i) => (
              <FixButton key={fix.kind} fix={fix} flag={flag} order={order} main={i === 0} />
            ))}
            <May scope="orders:write">
              <Button variant="subtle" size="compact-sm" onClick={() => show(snoozeAct(order.id, flag))}>
                {t.order.snooze}
              </Button>
              {!fixes.some((f) => f.kind === "seen") && (
                <Button variant="subtle" size="compact-sm" onClick={() => show(closeFlagAct(order.id, flag))}>
                  {t.order.closeFlag}
                </Button>
              )}
            </May>
          </div>
        </div>
      </div>
    </li>
  );
}

function PutOff({ flag, order }: { flag: Flag; order: Order }) {
  const t = useText();
  const [busy, setBusy] = useState(false);
  return (
    <li>
      <Heading below={2}>{t.flags[flag.code] ?? flag.code}</Heading>
      <p className="anywhere">{flag.detail}</p>
      <p className="small muted anywhere">
        {t.order.putOffUntil} {flag.snoozed_until && <Time at={flag.snoozed_until} />},{" "}
        {t.order.whyPutOff(whoWords(flag.snoozed_by ?? ""), flag.snoozed_why ?? "")}
      </p>
      <May scope="orders:write">
        <Button
          variant="default"
          size="compact-sm"
          loading={busy}
          onClick={async () => {
            setBusy(true);
            try {
              await reopen(order.id, flag.id);
            } catch (e) {
              toast({ title: t.state.actionFailed(t.order.reopen), detail: sentence(e), tone: "bad" });
            }
            setBusy(false);
          }}
        >
          {t.order.reopen}
        </Button>
      </May>
    </li>
  );
}

interface FixButtonProps {
  fix: Fix;
  flag: Flag;
  order: Order;
  main: boolean;
}

function FixButton({ fix, flag, order, main }: FixButtonProps) {
  const t = useText();
  const show = useShow();
  const place = usePlace();
  const sync = useSync();
  const { id } = order;
  const label = t.order.fix[fix.kind];
  const look = { variant: main ? "filled" : "default", size: "compact-sm" } as const;
  const scope = wants[fix.kind];
  const button = (run: () => void): ReactNode => (
    <May scope={scope}>
      <Button {...look} onClick={run}>
        {label}
      </Button>
    </May>
  );
  const out = (url?: string) =>
    webLink(url) && (
      <Button {...look} component="a" href={url} target="_blank" rel="noreferrer" rightSection={<IconOut />}>
        {label}
      </Button>
    );
  switch (fix.kind) {
    case "address":
      return button(() =>
        show((close) => (
          <AddressDialog
            id={id}
            refused={fix.fields}
            onPlace={fix.place ? () => place([id]) : undefined}
            onClose={close}
          />
        )),
      );
    case "map":
      return (
        <Button {...look} renderRoot={(props) => <Link {...props} to="/mappings" search={{ variant: fix.variant }} />}>
          {label}
        </Button>
      );
    case "ownStock": {
      const line = order.lines.find((l) => l.id === fix.line) ?? { id: fix.line, name: fix.line };
      return button(() => show(roleAct(id, line, "own")));
    }
    case "place":
      return button(() => place([id]));
    case "resolve":
      return button(() => show((close) => <ResolveDialog id={id} supplierOrder={fix.supplierOrder} onClose={close} />));
    case "renumber":
      return button(() => show(renumberAct(id, fix.supplierOrder)));
    case "unlink":
      return button(() => show(unlinkAct(id, fix.supplierOrder)));
    case "pay":
    case "aliexpress":
      return out(fix.url);
    case "aliexpressList":
      return out(aliExpressOrders);
    case "store":
      return button(() => show((close) => <StoreDialog id={id} push={fix.push} onClose={close} />));
    case "retry":
      return button(() => show(retryPushAct(id, fix.push)));
    case "connections":
    case "settings":
      return (
        <Button
          {...look}
          renderRoot={(props) => <Link {...props} to={fix.kind === "settings" ? "/settings" : "/connections"} />}
        >
          {label}
        </Button>
      );
    case "release":
      return button(() => show(releaseAct(id)));
    case "withoutNumber":
      return button(() => show(withoutNumberAct(id)));
    case "lost":
      return button(() => show(lostAct(id, fix.parcel)));
    case "close":
      return button(() => show(closeOrderAct(id)));
    case "seen":
      return button(() => show(closeFlagAct(id, flag)));
    case "lift":
      return button(() => show(liftAct(id, fix.override)));
    case "link":
      return button(() => show(linkAct(id)));
    case "sync":
      return button(() => sync(id));
  }
}
