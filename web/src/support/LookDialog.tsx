import { Button, Textarea } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { beginSupportView } from "../api/gen/sdk.gen";
import type { MerchantName } from "../api/gen/types.gen";
import { chooseMerchant } from "../api/session";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";

/** Goes to a merchant's orders, or to one of them, with a view that runs already. */
export function useEnter() {
  const go = useNavigate();
  return (merchant: string, order?: string) => {
    chooseMerchant(merchant);
    void (order ? go({ to: "/orders/$id", params: { id: order } }) : go({ to: "/orders" }));
  };
}

interface LookProps {
  merchant: MerchantName;
  /** The order that is opened then. */
  order?: string;
  onClose: () => void;
}

/** Asks why before somebody of the staff looks at a merchant. */
export function LookDialog({ merchant, order, onClose }: LookProps) {
  const t = useText();
  const enter = useEnter();
  const [reason, setReason] = useState("");
  const { busy, failed, act } = useAct();
  function begin(e: FormEvent) {
    e.preventDefault();
    void act(async () => {
      await call(beginSupportView({ body: { merchant_id: merchant.id, reason: reason.trim() } }));
      enter(merchant.id, order);
    });
  }
  return (
    <Dialog
      title={t.support.lookAt(merchant.name)}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="look" loading={busy}>
            {t.support.begin}
          </Button>
        </>
      }
    >
      <form id="look" className="stack" onSubmit={begin}>
        <p className="muted">{t.support.lookLead}</p>
        <Textarea
          label={t.support.reason}
          description={t.support.reasonHint}
          value={reason}
          maxLength={500}
          rows={2}
          onChange={(e) => setReason(e.currentTarget.value)}
          required
        />
        <ActionFailed error={failed} what={t.support.begin} />
      </form>
    </Dialog>
  );
}
