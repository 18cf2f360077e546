import { Button, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import { asFailure, call } from "../api/call";
import { setPurchaseAddress } from "../api/gen/sdk.gen";
import type { Address, AddressRequest, FieldProblem } from "../api/gen/types.gen";
import { orderQuery } from "../api/queries";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { ActionFailed } from "../ui/states";
import { toast } from "../ui/toasts";
import { Meanwhile, reread } from "./dialogs";
import classes from "./order.module.css";

const fields = [
  ["first_name", "given-name"],
  ["last_name", "family-name"],
  ["company", "organization"],
  ["line1", "address-line1"],
  ["line2", "address-line2"],
  ["postal_code", "postal-code"],
  ["city", "address-level2"],
  ["subdivision", "off"],
  ["region", "address-level1"],
  ["country", "country"],
  ["phone", "tel"],
  ["tax_id", "off"],
] as const;
type Field = (typeof fields)[number][0];

const required: Field[] = ["line1", "city", "country", "phone"];
const wide: Field[] = ["company", "line1", "line2"];

/** The problems of an address by field, whatever their pointers begin with. */
export function problemsByField(problems: FieldProblem[]): Partial<Record<Field | "reason", string>> {
  const out: Partial<Record<Field | "reason", string>> = {};
  for (const p of problems) {
    const name = p.pointer.split("/").at(-1) as Field;
    out[name] ??= p.reason;
  }
  return out;
}

interface AddressDialogProps {
  id: string;
  /** What AliExpress refused, each with its reason; the first has the focus. */
  refused: FieldProblem[];
  /** Opens the review of the purchase afterwards. */
  onPlace?: () => void;
  onClose: () => void;
}

/** An address for the purchase only: beginning with the one that is used now. */
export function AddressDialog({ id, refused, onPlace, onClose }: AddressDialogProps) {
  const t = useText();
  const form = useId();
  const { data: order } = useQuery(orderQuery(id));
  const [address, setAddress] = useState<Address>(() => order?.purchase_address?.address ?? order?.recipient ?? {});
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState(() => problemsByField(refused));
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const element = useRef<HTMLFormElement>(null);

  // What is wrong has the focus: at the start what AliExpress refused, later what the server did.
  const focusWrong = useCallback(() => {
    requestAnimationFrame(() => element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
  }, []);
  useEffect(focusWrong, [focusWrong]);

  async function submit(e: FormEvent) {
    e.preventDefault();
    if (!reason.trim()) {
      setWrong({ reason: t.order.reasonMissing });
      focusWrong();
      return;
    }
    setBusy(true);
    setFailed(undefined);
    try {
      await call(
        setPurchaseAddress({ path: { id }, body: { address: address as AddressRequest, reason: reason.trim() } }),
      );
      await reread(id);
      toast({ title: t.order.addressSaved });
      onClose();
      onPlace?.();
    } catch (error) {
      const problems = asFailure(error).problem?.errors ?? [];
      setWrong(problemsByField(problems));
      setFailed(error);
      setBusy(false);
      focusWrong();
    }
  }

  return (
    <Dialog
      title={t.order.addressTitle}
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form={form} loading={busy}>
            {onPlace ? t.order.addressSavePlace : t.order.addressSave}
          </Button>
        </>
      }
    >
      <form id={form} ref={element} className="stack" onSubmit={submit} noValidate>
        <Meanwhile id={id} />
        <p className="muted">{t.order.addressWords}</p>
        <div className={classes.address}>
          {fields.map(([name, auto]) => (
            <TextInput
              key={name}
              className={wide.includes(name) ? classes.wideField : undefined}
              label={t.order.fields[name]}
              autoComplete={auto === "off" ? "off" : `shipping ${auto}`}
              required={required.includes(name)}
              maxLength={name === "country" ? 2 : 256}
              value={address[name] ?? ""}
              error={wrong[name]}
              onChange={(e) => {
                const { value } = e.currentTarget;
                setAddress((a) => ({ ...a, [name]: name === "country" ? value.toUpperCase() : value }));
                setWrong((w) => ({ ...w, [name]: undefined }));
              }}
            />
          ))}
        </div>
        <Textarea
          label={t.order.reason}
          description={t.order.reasonHint}
          required
          rows={2}
          maxLength={500}
          value={reason}
          error={wrong.reason}
          onChange={(e) => setReason(e.currentTarget.value)}
        />
        <ActionFailed error={failed} what={t.order.addressSave} />
      </form>
    </Dialog>
  );
}
