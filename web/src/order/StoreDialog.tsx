import { Button, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { asFailure, call } from "../api/call";
import { acceptPush, fixPush, overwritePush, retryPush } from "../api/gen/sdk.gen";
import type { LineQuantity, Order, Push, StoreFulfillment } from "../api/gen/types.gen";
import { orderQuery } from "../api/queries";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { ActionFailed } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { Meanwhile, reread } from "./dialogs";
import classes from "./order.module.css";

type StoreWay = "retry" | "fix" | "overwrite" | "accept";

/** What can be done about a push, the likeliest first. */
export function waysOf(p: Pick<Push, "state" | "error_code">): StoreWay[] {
  if (p.state === "refused")
    return p.error_code === "store_fulfilled_otherwise" ? ["overwrite", "accept"] : ["retry", "accept"];
  if (p.state === "confirmed" || p.state === "accepted") return ["fix", "accept"];
  return ["retry"];
}

/** What the store shows of the goods of a push: the same fulfillment, or another one of the same lines. */
export function shownOf(p: Push, shown: StoreFulfillment[]): StoreFulfillment | undefined {
  return (
    shown.find((f) => f.fulfillment_id === p.fulfillment_id) ??
    shown.find((f) => f.lines.some((a) => p.lines.some((b) => a.line_id === b.line_id)))
  );
}

const does = { retry: retryPush, fix: fixPush, overwrite: overwritePush, accept: acceptPush };

/** Sets what the store shows of a parcel beside what it should show, and lets a person decide. */
export function StoreDialog({ id, push: pushId, onClose }: { id: string; push: string; onClose: () => void }) {
  const t = useText();
  const form = useId();
  const { data: order } = useQuery(orderQuery(id));
  const push = order?.pushes.find((p) => p.id === pushId);
  const ways = push ? waysOf(push) : [];
  const [chosen, choose] = useState<StoreWay>();
  const way = chosen && ways.includes(chosen) ? chosen : ways[0];
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();

  async function submit(e: FormEvent) {
    e.preventDefault();
    if (!way) return;
    if (way === "accept" && !reason.trim()) {
      setWrong(t.order.reasonMissing);
      return;
    }
    setWrong("");
    setBusy(true);
    setFailed(undefined);
    try {
      await call(does[way]({ path: { id: pushId }, body: { reason: reason.trim() } }));
      await reread(id);
      toast({ title: way === "accept" ? t.order.push.accepted : t.order.told });
      onClose();
    } catch (error) {
      setFailed(error);
      setBusy(false);
      if (asFailure(error).status === 409) void reread(id);
    }
  }

  const labels: Record<StoreWay, [string, string]> = {
    retry: [t.order.retryPush, t.order.retryWords],
    fix: [t.order.fixPush, t.order.fixWords],
    overwrite: [t.order.overwritePush, t.order.overwriteWords],
    accept: [t.order.acceptPush, t.order.acceptWords],
  };

  return (
    <Dialog
      title={t.order.compareTitle}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          {way && (
            <Button type="submit" form={form} loading={busy}>
              {labels[way][0]}
            </Button>
          )}
        </>
      }
    >
      <form id={form} className="stack" onSubmit={submit} noValidate>
        <Meanwhile id={id} />
        {order && push && <Compared order={order} push={push} />}
        {push?.error_detail && <p className="anywhere">{push.error_detail}</p>}
        <fieldset className={classes.choices}>
          <legend className="sr-only">{t.order.pushChoice}</legend>
          {ways.map((w) => (
            <label key={w} className={classes.choice}>
              <input
                type="radio"
                name={form}
                value={w}
                checked={way === w}
                onChange={() => choose(w)}
                aria-describedby={`${form}-${w}`}
              />
              <span>
                <strong>{labels[w][0]}</strong>
                <span id={`${form}-${w}`} className="muted small">
                  {labels[w][1]}
                </span>
              </span>
            </label>
          ))}
        </fieldset>
        <Textarea
          label={way === "accept" ? t.order.reason : t.order.reasonMay}
          description={t.order.reasonHint}
          rows={2}
          maxLength={500}
          value={reason}
          error={wrong}
          onChange={(e) => setReason(e.currentTarget.value)}
        />
        <ActionFailed error={failed} what={way ? labels[way][0] : t.order.compareTitle} />
      </form>
    </Dialog>
  );
}

function Compared({ order, push }: { order: Order; push: Push }) {
  const t = useText();
  const shown = shownOf(push, order.store_fulfillments);
  const goods = (lines: LineQuantity[]) =>
    lines.map((l) => `${l.quantity} × ${order.lines.find((x) => x.id === l.line_id)?.name ?? l.line_id}`).join(", ");
  const rows: [string, string, string | undefined][] = [
    [t.order.trackingNumber, push.tracking_number || "–", shown && (shown.tracking_number || "–")],
    [t.order.carrier, push.carrier || "–", shown && (shown.carrier || "–")],
    [t.order.goods, goods(push.lines), shown && goods(shown.lines)],
  ];
  return (
    <>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t.order.compareRow}</th>
            <th scope="col">{t.order.shouldShow}</th>
            <th scope="col">{t.order.shows}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([what, should, is]) => (
            <tr key={what} data-differs={should !== is || undefined} className={classes.compared}>
              <th scope="row">{what}</th>
              <td data-label={t.order.shouldShow} className="anywhere">
                {should}
              </td>
              <td data-label={t.order.shows} className="anywhere">
                {should !== is ? <strong>{is ?? t.order.showsNothing}</strong> : is}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {order.store_shown_at && (
        <p className="muted small">
          {t.order.readAt} <Time at={order.store_shown_at} as="ago" />
        </p>
      )}
    </>
  );
}
