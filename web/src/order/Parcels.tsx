import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { Order, Parcel, Push } from "../api/gen/types.gen";
import { useText } from "../text";
import { Copy } from "../ui/Copy";
import { IconCheck, IconOut, IconWarn } from "../ui/icons";
import { May } from "../ui/May";
import { Time } from "../ui/Time";
import { lostAct, retryPushAct } from "./acts";
import { useShow } from "./dialogs";
import classes from "./order.module.css";
import { Heading, Section } from "./Section";
import { StoreDialog } from "./StoreDialog";
import { type Tone, webLink } from "./words";

/** What the suppliers have shipped, and by what number. */
export function Parcels({ order }: { order: Order }) {
  const t = useText();
  if (order.parcels.length === 0) return null;
  return (
    <Section title={t.order.parcels(order.parcels.length)}>
      <ul className={classes.items}>
        {order.parcels.map((p) => (
          <OneParcel key={p.id} parcel={p} order={order} />
        ))}
      </ul>
    </Section>
  );
}

function OneParcel({ parcel: p, order }: { parcel: Parcel; order: Order }) {
  const t = useText();
  const show = useShow();
  const follow = webLink(order.tracking.find((x) => x.number === p.tracking_number)?.link);
  const contents = p.items.map(
    (i) => `${i.quantity} × ${order.lines.find((l) => l.id === i.line_id)?.name ?? i.line_id}`,
  );
  return (
    <li>
      <Heading below={2}>
        {p.tracking_number ? <Copy value={p.tracking_number} what={t.order.tracking} /> : t.order.noTracking}
      </Heading>
      <div className={classes.meta}>
        {p.carrier && <strong>{p.carrier}</strong>}
        <span>
          {p.last_event ? (
            <>
              {p.last_event} {p.last_event_at && <Time at={p.last_event_at} as="ago" />}
            </>
          ) : (
            t.order.noEvent
          )}
        </span>
      </div>
      {contents.length > 0 && <p className="small anywhere">{contents.join(", ")}</p>}
      {p.missing_since && (
        <Notice>
          {t.order.vanished} <Time at={p.missing_since} />
        </Notice>
      )}
      {p.shared_with.length > 0 && <Notice>{t.order.shared(p.shared_with.join(", "))}</Notice>}
      {p.lost_at && (
        <Notice>
          {t.order.lostSince} <Time at={p.lost_at} />
        </Notice>
      )}
      {p.voided_at && (
        <Notice>
          {t.order.voided} <Time at={p.voided_at} />
        </Notice>
      )}
      {p.previous_numbers.length > 0 && (
        <p className="small muted anywhere">
          {t.order.previousNumbers}: {p.previous_numbers.join(", ")}
        </p>
      )}
      <div className="row">
        {follow && (
          <Button
            component="a"
            href={follow}
            target="_blank"
            rel="noreferrer"
            size="compact-sm"
            variant="default"
            rightSection={<IconOut />}
          >
            {t.order.follow}
          </Button>
        )}
        {!p.lost_at && !p.voided_at && p.items.length > 0 && (
          <May scope="orders:write">
            <Button size="compact-sm" variant="subtle" onClick={() => show(lostAct(order.id, p.id))}>
              {t.order.lost}
            </Button>
          </May>
        )}
      </div>
    </li>
  );
}

function Notice({ children }: { children: ReactNode }) {
  return (
    <p className="bar" data-tone="warn">
      <IconWarn /> <span className="grow anywhere">{children}</span>
    </p>
  );
}

const tones: Record<Push["state"], Tone> = {
  waiting: "info",
  sent: "info",
  confirmed: "good",
  refused: "bad",
  retrying: "warn",
  accepted: undefined,
};

/** How far the store has been told of the parcels. */
export function Pushes({ order }: { order: Order }) {
  const t = useText();
  if (order.pushes.length === 0) return null;
  return (
    <Section title={t.order.pushes}>
      <ul className={classes.items}>
        {order.pushes.map((p) => (
          <OnePush key={p.id} push={p} order={order} />
        ))}
      </ul>
    </Section>
  );
}

function OnePush({ push: p, order }: { push: Push; order: Order }) {
  const t = useText();
  const show = useShow();
  const differs = order.flags.some((f) => f.subject === p.id && f.code === "mismatch");
  const settled = p.state === "confirmed" || p.state === "accepted" || p.state === "refused";
  return (
    <li>
      <Heading below={2}>
        <span className="mono anywhere">{p.tracking_number || t.order.noTracking}</span>
      </Heading>
      <div className="row">
        <span className="pill" data-tone={differs ? "warn" : tones[p.state]}>
          {p.state === "confirmed" && !differs && <IconCheck />}
          {p.state === "confirmed" && p.confirmed_at ? (
            <span>
              {t.order.push.confirmed}, <Time at={p.confirmed_at} as="clock" />
            </span>
          ) : (
            t.order.push[p.state]
          )}
        </span>
        {differs && (
          <span className="pill" data-tone="bad">
            {t.flags.mismatch}
          </span>
        )}
        {p.adopted && <span className="pill">{t.order.adopted}</span>}
      </div>
      <div className={classes.meta}>
        {p.attempts > 0 && <span>{t.order.attempts(p.attempts)}</span>}
        {p.next_try_at && (
          <span>
            {t.order.nextTry} <Time at={p.next_try_at} as="clock" />
          </span>
        )}
        {p.carrier && <span>{p.carrier}</span>}
      </div>
      {p.error_detail && p.state !== "confirmed" && <p className={classes.error}>{p.error_detail}</p>}
      <div className="row">
        {settled ? (
          <May scope="orders:place">
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => show((close) => <StoreDialog id={order.id} push={p.id} onClose={close} />)}
            >
              {t.order.compare}
            </Button>
          </May>
        ) : (
          <May scope="pushes:retry">
            <Button size="compact-sm" variant="default" onClick={() => show(retryPushAct(order.id, p.id))}>
              {t.order.retryPush}
            </Button>
          </May>
        )}
      </div>
    </li>
  );
}
