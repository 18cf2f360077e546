import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { holdOrder, releaseOrder } from "../api/gen/sdk.gen";
import type { OrderSummary } from "../api/gen/types.gen";
import { queryClient } from "../api/queries";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { IconCheck, IconWarn } from "../ui/icons";
import { sentence } from "../ui/states";

type Result = { order: OrderSummary; failed?: unknown };

/** Holds several orders, or lets them go, one after the other, and says for each what became of it. */
export function HoldDialog({
  what,
  orders,
  onClose,
}: {
  what: "hold" | "release";
  orders: OrderSummary[];
  onClose: () => void;
}) {
  const t = useText();
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [results, setResults] = useState<Result[]>();
  const title = what === "hold" ? t.orders.hold(orders.length) : t.orders.release(orders.length);

  async function run(e: FormEvent) {
    e.preventDefault();
    setBusy(true);
    const done: Result[] = [];
    for (const order of orders) {
      try {
        const path = { id: order.id };
        const body = { reason: reason.trim() };
        await call(what === "hold" ? holdOrder({ path, body }) : releaseOrder({ path, body }));
        done.push({ order });
      } catch (failed) {
        done.push({ order, failed });
      }
      setResults([...done]);
    }
    void queryClient.invalidateQueries({ queryKey: ["order"] });
    setBusy(false);
  }

  const failed = results?.filter((r) => r.failed).length ?? 0;
  return (
    <Dialog
      title={title}
      size="small"
      onClose={onClose}
      actions={
        results && !busy ? (
          <Button onClick={onClose}>{t.do.close}</Button>
        ) : (
          <>
            <Button variant="default" onClick={onClose}>
              {t.do.cancel}
            </Button>
            <Button type="submit" form="hold" loading={busy}>
              {title}
            </Button>
          </>
        )
      }
    >
      <form id="hold" className="stack" onSubmit={run}>
        <p className="muted">{what === "hold" ? t.orders.holdHint : t.orders.releaseHint}</p>
        <TextInput
          label={t.orders.holdReason}
          value={reason}
          maxLength={500}
          required={what === "hold"}
          disabled={!!results}
          onChange={(e) => setReason(e.currentTarget.value)}
        />
        {results && (
          <div role="status" className="stack tight">
            <p>{t.orders.holdDone(results.length - failed, failed)}</p>
            <ul className="stack tight">
              {results.map(({ order, failed: why }) => (
                <li key={order.id} className="row">
                  {why ? <IconWarn /> : <IconCheck />} #{order.number} {why ? sentence(why) : ""}
                </li>
              ))}
            </ul>
          </div>
        )}
      </form>
    </Dialog>
  );
}
