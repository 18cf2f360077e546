import { Button, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { asFailure, call } from "../api/call";
import { resolveSupplierOrder } from "../api/gen/sdk.gen";
import { orderQuery } from "../api/queries";
import { useText } from "../text";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { IconOut } from "../ui/icons";
import { ActionFailed } from "../ui/states";
import { toast } from "../ui/toasts";
import { Meanwhile, reread } from "./dialogs";
import { aliExpressOrders } from "./links";
import classes from "./order.module.css";

/** Asks a person what became of a purchase that AliExpress gave no clear answer to. */
export function ResolveDialog({
  id,
  supplierOrder,
  onClose,
}: {
  id: string;
  supplierOrder: string;
  onClose: () => void;
}) {
  const t = useText();
  const form = useId();
  const { data: order } = useQuery(orderQuery(id));
  const stray = order?.supplier_orders.find((s) => s.id === supplierOrder)?.stray_numbers ?? [];
  const [outcome, setOutcome] = useState<"found" | "absent">("found");
  const [number, setNumber] = useState("");
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();

  async function submit(e: FormEvent) {
    e.preventDefault();
    if (outcome === "found" && !/^\d{10,20}$/.test(number.trim())) {
      setWrong(t.order.numberWrong);
      return;
    }
    setWrong("");
    setBusy(true);
    setFailed(undefined);
    try {
      await call(
        resolveSupplierOrder({
          path: { id: supplierOrder },
          body: { outcome, number: outcome === "found" ? number.trim() : undefined, reason: reason.trim() },
        }),
      );
      await reread(id);
      toast({ title: t.order.resolved });
      onClose();
    } catch (error) {
      setFailed(error);
      setBusy(false);
      if (asFailure(error).status === 409) void reread(id);
    }
  }

  const choice = (value: typeof outcome, label: string, hint: string) => (
    <label className={classes.choice}>
      <input
        type="radio"
        name={form}
        value={value}
        checked={outcome === value}
        onChange={() => setOutcome(value)}
        aria-describedby={`${form}-${value}`}
      />
      <span>
        <strong>{label}</strong>
        <span id={`${form}-${value}`} className="muted small">
          {hint}
        </span>
      </span>
    </label>
  );

  return (
    <Dialog
      title={t.order.resolveTitle}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form={form} loading={busy}>
            {outcome === "found" ? t.order.resolveFoundDo : t.order.resolveAbsentDo}
          </Button>
        </>
      }
    >
      <form id={form} className="stack" onSubmit={submit} noValidate>
        <Meanwhile id={id} />
        <p className="muted">{t.order.resolveWords}</p>
        <a href={aliExpressOrders} target="_blank" rel="noreferrer">
          {t.order.fix.aliexpressList} <IconOut />
        </a>
        {stray.length > 0 && (
          <div>
            {t.order.strayNumbers}:{" "}
            {stray.map((n) => (
              <Copy key={n} value={n} what={t.order.aliNumber} />
            ))}
          </div>
        )}
        <fieldset className={classes.choices}>
          <legend className="sr-only">{t.order.resolveTitle}</legend>
          {choice("found", t.order.resolveFound, t.order.resolveFoundHint)}
          {outcome === "found" && (
            <TextInput
              label={t.order.aliNumber}
              description={t.order.aliNumberHint}
              inputMode="numeric"
              autoComplete="off"
              value={number}
              error={wrong}
              onChange={(e) => setNumber(e.currentTarget.value)}
            />
          )}
          {choice("absent", t.order.resolveAbsent, t.order.resolveAbsentHint)}
        </fieldset>
        <Textarea
          label={t.order.reasonMay}
          description={t.order.reasonHint}
          rows={2}
          maxLength={500}
          value={reason}
          onChange={(e) => setReason(e.currentTarget.value)}
        />
        <ActionFailed error={failed} what={outcome === "found" ? t.order.resolveFoundDo : t.order.resolveAbsentDo} />
      </form>
    </Dialog>
  );
}
