import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { call } from "../api/call";
import { showAddress } from "../api/gen/sdk.gen";
import type { Address, Order, OrderLine, ShownAddress } from "../api/gen/types.gen";
import { useMay } from "../api/may";
import { useText } from "../text";
import { country, money } from "../text/format";
import { Copy } from "../ui/Copy";
import { IconWarn } from "../ui/icons";
import { May } from "../ui/May";
import { ActionFailed } from "../ui/states";
import { Time } from "../ui/Time";
import { useAct } from "../ui/useAct";
import { AddressDialog } from "./AddressDialog";
import { dropAddressAct, roleAct } from "./acts";
import { reread, useShow } from "./dialogs";
import classes from "./order.module.css";
import { Heading, Section } from "./Section";
import { whoWords } from "./words";

/** Who bought, where it goes, and the money. What is masked for support is shown here when it was asked for. */
export function Facts({ order: given }: { order: Order }) {
  const t = useText();
  const [shown, setShown] = useState<ShownAddress>();
  const order = shown ? unmasked(given, shown) : given;
  return (
    <Section title={t.order.facts}>
      {order.buyer_erased_at && (
        <p className="bar">
          <span className="grow">
            {t.order.erased} <Time at={order.buyer_erased_at} />
          </span>
        </p>
      )}
      {order.erase_requested_at && (
        <p className="bar">
          <span className="grow">
            {t.order.toErase} <Time at={order.erase_requested_at} />
          </span>
        </p>
      )}
      {order.masked && !shown && !order.buyer_erased_at && <ShowAddress id={order.id} onShown={setShown} />}
      <FactList order={order} />
    </Section>
  );
}

/** An order with what is masked in it. */
function unmasked(order: Order, shown: ShownAddress): Order {
  const { purchase_address: instead, ...buyer } = shown;
  const given = order.purchase_address;
  return { ...order, ...buyer, purchase_address: given && instead ? { ...given, address: instead } : given };
}

function ShowAddress({ id, onShown }: { id: string; onShown: (shown: ShownAddress) => void }) {
  const t = useText();
  const { busy, failed, act } = useAct();
  const show = () =>
    act(async () => {
      onShown(await call(showAddress({ path: { id } })));
      await reread(id); // it stands in the timeline
    });
  return (
    <div className="stack tight">
      <div className="row">
        <Button variant="default" size="compact-sm" loading={busy} onClick={() => void show()}>
          {t.order.showAddress}
        </Button>
        <span className="small muted">{t.order.showAddressHint}</span>
      </div>
      <ActionFailed error={failed} what={t.order.showAddress} />
    </div>
  );
}

function FactList({ order }: { order: Order }) {
  const t = useText();
  const show = useShow();
  const given = order.purchase_address;
  const edit = (
    <May scope="orders:write">
      <Button
        variant="default"
        size="compact-sm"
        onClick={() => show((close) => <AddressDialog id={order.id} refused={[]} onClose={close} />)}
      >
        {t.order.editAddress}
      </Button>
    </May>
  );
  return (
    <dl className={`facts ${classes.facts}`}>
      <dt>{t.order.placedAt}</dt>
      <dd>
        <Time at={order.placed_at} />
      </dd>
      <dt>{t.order.buyer}</dt>
      <dd>
        {order.buyer_name || "–"}
        {order.staff && ` (${t.order.staff})`}
      </dd>
      {order.buyer_email && (
        <>
          <dt>{t.order.email}</dt>
          <dd>
            <Copy value={order.buyer_email} what={t.order.email} />
          </dd>
        </>
      )}
      <dt>{t.order.country}</dt>
      <dd>{country(order.country) || "–"}</dd>
      {given && (
        <>
          <dt>{t.order.purchaseAddress}</dt>
          <dd className="stack tight">
            <AddressLines address={given.address} />
            <span className="small muted">
              {t.order.addressGiven(whoWords(given.given_by), given.reason)} · <Time at={given.given_at} />
            </span>
            {given.conflict && (
              <span className="bar" data-tone="warn">
                <IconWarn /> <span className="grow">{t.order.addressConflict}</span>
              </span>
            )}
            <span className="row">
              {edit}
              <May scope="orders:write">
                <Button variant="default" size="compact-sm" onClick={() => show(dropAddressAct(order.id))}>
                  {t.order.dropAddress}
                </Button>
              </May>
            </span>
          </dd>
        </>
      )}
      <dt>{given ? t.order.storeAddress : t.order.address}</dt>
      <dd className="stack tight">
        <AddressLines address={order.recipient} />
        {!given && !order.buyer_erased_at && <span>{edit}</span>}
      </dd>
      {order.buyer_note && (
        <>
          <dt>{t.order.note}</dt>
          <dd>{order.buyer_note}</dd>
        </>
      )}
      <dt>{t.order.total}</dt>
      <dd>{money(order.total)}</dd>
      <dt>{t.order.paid}</dt>
      <dd>{money(order.paid)}</dd>
      <dt>{t.order.cost}</dt>
      <dd>{order.cost ? money(order.cost) : t.order.costUnknown}</dd>
      <dt>{t.order.store}</dt>
      <dd className="mono">
        {t.order.storeWords(order.store_status || "–", order.payment_status || "–", order.fulfillment_status || "–")}
      </dd>
      {order.closed_reason && (
        <>
          <dt>{t.order.closedReason}</dt>
          <dd>{order.closed_reason}</dd>
        </>
      )}
    </dl>
  );
}

/** An address as it is written on a parcel. */
export function AddressLines({ address: a }: { address: Address }) {
  const lines = [
    [a.first_name, a.last_name].filter(Boolean).join(" "),
    a.company,
    a.line1,
    a.line2,
    [a.postal_code, a.city].filter(Boolean).join(" "),
    a.region || a.subdivision,
    a.country && country(a.country),
    a.phone,
    a.tax_id,
  ].filter(Boolean);
  if (lines.length === 0) return <span>–</span>;
  return (
    <address className={classes.plainAddress}>
      {lines.map((line) => (
        <div key={line}>{line}</div>
      ))}
    </address>
  );
}

/** What was bought in the store. */
export function Lines({ order }: { order: Order }) {
  const t = useText();
  return (
    <Section title={t.order.lines(order.lines.length)}>
      <ul className={classes.items}>
        {order.lines.map((l) => (
          <Line key={l.id} line={l} order={order} />
        ))}
      </ul>
    </Section>
  );
}

function Line({ line: l, order }: { line: OrderLine; order: Order }) {
  const t = useText();
  const show = useShow();
  const mayWrite = useMay("orders:write");
  const decided = order.overrides.some((o) => o.kind === "line_role" && o.subject === l.id);
  const first = l.role === "dropship" ? "own" : "dropship";
  return (
    <li>
      <div className={classes.lined}>
        <Heading below={2}>
          <span className="muted">{t.order.quantity(l.quantity)}</span> {l.name}
        </Heading>
        <span>{money(l.price)}</span>
      </div>
      <div className={classes.meta}>
        {l.options && <span className="anywhere">{l.options}</span>}
        {l.sku && <Copy value={l.sku} what="SKU" />}
      </div>
      {l.custom_text && (
        <p className="anywhere">
          <span className="muted">{t.order.customText}:</span> {l.custom_text}
        </p>
      )}
      <div className="row">
        <span className="pill">{t.order.role[l.role] ?? l.role}</span>
        {l.role === "dropship" &&
          (l.mapped ? (
            <span className="pill" data-tone="good">
              {t.order.mapped}
            </span>
          ) : (
            <span className="pill" data-tone="bad">
              {t.order.unmapped}
            </span>
          ))}
        {l.removed && <span className="pill">{t.order.removed}</span>}
        {l.refunded > 0 && <span className="pill">{t.order.refunded(l.refunded)}</span>}
        {l.live !== l.quantity && <span className="pill">{t.order.live(l.live)}</span>}
      </div>
      <div className="row">
        {l.role === "dropship" && (
          <Link className="small" to="/mappings" search={{ variant: l.variant_key }}>
            {l.mapped ? t.frame.nav.mappings : t.order.mapIt}
            <span className="sr-only">: {l.name}</span>
          </Link>
        )}
        {!decided && mayWrite && (
          <button
            type="button"
            className="link small"
            aria-label={t.order.changeRoleOf(l.name)}
            onClick={() => show(roleAct(order.id, l, first))}
          >
            {t.order.changeRole}
          </button>
        )}
      </div>
    </li>
  );
}
