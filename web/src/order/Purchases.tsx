import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Order, SupplierOrder } from "../api/gen/types.gen";
import { connectionsQuery } from "../api/queries";
import { useText } from "../text";
import { money } from "../text/format";
import { Copy } from "../ui/Copy";
import { DropMenu } from "../ui/DropMenu";
import { IconMore, IconOut } from "../ui/icons";
import { May } from "../ui/May";
import { Time } from "../ui/Time";
import { holdPurchaseAct, placeNowAct, renumberAct, unlinkAct, withdrawAct } from "./acts";
import { useShow } from "./dialogs";
import classes from "./order.module.css";
import { PayBy } from "./PayBy";
import { ResolveDialog } from "./ResolveDialog";
import { Heading, Section } from "./Section";
import { isLiving, purchaseTone, purchaseWords, webLink } from "./words";

/** What was bought at AliExpress, and what is about to be. */
export function Purchases({ order }: { order: Order }) {
  const t = useText();
  const flagged = new Set(order.flags.map((f) => f.subject));
  const now = order.supplier_orders.filter((s) => isLiving(s) || flagged.has(s.id));
  const before = order.supplier_orders.filter((s) => !now.includes(s));
  return (
    <Section title={now.length > 0 ? t.order.purchases(now.length) : t.order.purchasesNone}>
      {now.length > 0 ? (
        <ul className={classes.items}>
          {now.map((s) => (
            <Purchase key={s.id} purchase={s} order={order} />
          ))}
        </ul>
      ) : (
        <p className="muted">{t.order.noPurchases}</p>
      )}
      {before.length > 0 && (
        <details className={classes.details}>
          <summary>{t.order.earlierPurchases(before.length)}</summary>
          <ul className={classes.items}>
            {before.map((s) => (
              <Purchase key={s.id} purchase={s} order={order} />
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}

function Purchase({ purchase: s, order }: { purchase: SupplierOrder; order: Order }) {
  const t = useText();
  const { data } = useQuery(connectionsQuery);
  const accounts = data?.connections.filter((c) => c.platform === "aliexpress") ?? [];
  const unpaid = s.state === "placed" && s.stage === "unpaid";
  const replaced = order.supplier_orders.find((x) => x.id === s.replaces_id);
  return (
    <li>
      <div className={classes.lined}>
        <Heading below={2}>
          {s.number ? (
            <Copy value={s.number} what={t.order.aliNumber} />
          ) : s.state === "rejected" ? (
            t.order.noPurchase
          ) : (
            t.order.noNumber
          )}
        </Heading>
        <span>
          {s.amount ? money(s.amount) : s.number && <span className="muted small">{t.order.amountUnknown}</span>}
        </span>
      </div>
      <div className="row">
        <span className="pill" data-tone={purchaseTone(s)}>
          {purchaseWords(s)}
        </span>
        {unpaid && s.pay_by && <PayBy at={s.pay_by} />}
        {s.auto && <span className="pill">{t.order.byRule}</span>}
        {s.origin === "linked" && <span className="pill">{t.order.byHand}</span>}
        {s.replaces_id && <span className="pill">{t.order.replaces}</span>}
      </div>
      {s.error_detail && s.state !== "placed" && <p className={classes.error}>{s.error_detail}</p>}
      {s.stray_numbers && s.stray_numbers.length > 0 && (
        <div>
          {t.order.strayNumbers}:{" "}
          {s.stray_numbers.map((n) => (
            <Copy key={n} value={n} what={t.order.aliNumber} />
          ))}
        </div>
      )}
      <dl className={`facts small ${classes.facts}`}>
        {s.supplier_store_name && (
          <>
            <dt>{t.order.role.dropship}</dt>
            <dd>{s.supplier_store_name}</dd>
          </>
        )}
        <dt>{t.order.contents}</dt>
        <dd>
          {s.lines
            .filter((l) => l.part === 0 || l.quantity > 0)
            .map((l) => `${l.quantity} × ${order.lines.find((x) => x.id === l.line_id)?.name ?? l.product_id}`)
            .join(", ")}
        </dd>
        {accounts.length > 1 && (
          <>
            <dt>{t.pay.account}</dt>
            <dd>{accounts.find((a) => a.id === s.account_id)?.name ?? s.account_id}</dd>
          </>
        )}
        {unpaid && s.pay_by && (
          <>
            <dt>{t.order.payBy}</dt>
            <dd>
              <Time at={s.pay_by} />
            </dd>
          </>
        )}
        {s.state === "planned" && s.hold_until && (
          <>
            <dt>{t.order.holdEnds}</dt>
            <dd>
              <Time at={s.hold_until} />
            </dd>
          </>
        )}
        {s.status && (
          <>
            <dt>{t.order.aliWords}</dt>
            <dd className="mono">{[s.status, s.logistics_status, s.end_reason].filter(Boolean).join(" · ")}</dd>
          </>
        )}
        {s.last_checked_at && (
          <>
            <dt>{t.order.asked}</dt>
            <dd>
              <Time at={s.last_checked_at} as="ago" />
              {s.next_check_at && (
                <>
                  {" "}
                  · {t.order.nextAsked} <Time at={s.next_check_at} as="clock" />
                </>
              )}
            </dd>
          </>
        )}
        {replaced?.number && (
          <>
            <dt>{t.order.replaces}</dt>
            <dd className="mono">{replaced.number}</dd>
          </>
        )}
        {s.previous_numbers && s.previous_numbers.length > 0 && (
          <>
            <dt>{t.order.previousNumbers}</dt>
            <dd className="mono">{s.previous_numbers.join(", ")}</dd>
          </>
        )}
      </dl>
      <PurchaseActions purchase={s} order={order} unpaid={unpaid} />
    </li>
  );
}

interface ActionsProps {
  purchase: SupplierOrder;
  order: Order;
  unpaid: boolean;
}

function PurchaseActions({ purchase: s, order, unpaid }: ActionsProps) {
  const t = useText();
  const show = useShow();
  const url = webLink(s.order_url);
  const planned = s.state === "planned" || s.state === "approved";
  const numbered = s.state === "placed" && !!s.number;
  if (!url && !planned && !numbered && s.state !== "unknown") return null;
  return (
    <div className="row">
      {url && (
        <Button
          component="a"
          href={url}
          target="_blank"
          rel="noreferrer"
          size="compact-sm"
          variant={unpaid ? "filled" : "default"}
          rightSection={<IconOut />}
        >
          {unpaid ? t.order.payNow : t.order.openAli}
        </Button>
      )}
      {s.state === "unknown" && (
        <May scope="orders:place">
          <Button
            size="compact-sm"
            onClick={() => show((close) => <ResolveDialog id={order.id} supplierOrder={s.id} onClose={close} />)}
          >
            {t.order.resolve}
          </Button>
        </May>
      )}
      {planned && (
        <May scope="orders:write">
          {s.waiting_for === "hold_window" && (
            <May scope="orders:place">
              <Button size="compact-sm" variant="default" onClick={() => show(placeNowAct(order.id, s))}>
                {t.order.placeNow}
              </Button>
            </May>
          )}
          <Button size="compact-sm" variant="default" onClick={() => show(holdPurchaseAct(order.id, s))}>
            {t.order.holdPurchase}
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => show(withdrawAct(order.id, s))}>
            {t.order.withdraw}
          </Button>
        </May>
      )}
      {numbered && (
        <May scope="orders:write">
          <DropMenu
            position="bottom-start"
            width={240}
            button={
              <button type="button" className="iconButton" aria-label={t.order.purchaseMore(s.number ?? "")}>
                <IconMore />
              </button>
            }
            lines={[
              { do: t.order.renumber, run: () => show(renumberAct(order.id, s.id)) },
              { do: t.order.unlink, run: () => show(unlinkAct(order.id, s.id)) },
            ]}
          />
        </May>
      )}
    </div>
  );
}
