import { Button, NativeSelect, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { estimateSync } from "../api/gen/sdk.gen";
import type { SyncJobRequest, SyncScope } from "../api/gen/types.gen";
import { useLooks } from "../api/may";
import { useText } from "../text";
import { clock, number, seconds } from "../text/format";
import { Dialog } from "../ui/Dialog";
import { ActionFailed, sentence } from "../ui/states";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import { scopeWords, startSync } from "./actions";

type Direction = NonNullable<SyncJobRequest["direction"]>;

/** Asks before a sync of many orders: which way, why, and what it will cost. */
export function SyncDialog({ scope, onClose }: { scope: SyncScope; onClose: () => void }) {
  const t = useText();
  const [direction, setDirection] = useState<Direction>("all");
  const [reason, setReason] = useState("");
  const looks = useLooks();
  const { busy, failed, act } = useAct();
  const estimate = useQuery({
    queryKey: ["estimate", scope, direction],
    queryFn: () => call(estimateSync({ body: { scope, direction } })),
    staleTime: 5000,
  });

  function start(e: FormEvent) {
    e.preventDefault();
    void act(async () => {
      const job = await startSync({ scope, direction, reason: reason.trim() || undefined });
      if (job.joined) toast({ title: t.sync.joined });
      onClose();
    });
  }

  return (
    <Dialog
      title={t.sync.now}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="sync" loading={busy} data-autofocus>
            {estimate.data?.running ? t.sync.join : t.sync.now}
          </Button>
        </>
      }
    >
      <form id="sync" className="stack" onSubmit={start}>
        <p>
          <strong>{scopeWords(scope)}</strong>
        </p>
        <div role="status">
          {estimate.data ? (
            <p className="muted">
              {t.sync.estimate(
                number(estimate.data.orders),
                number(estimate.data.store_calls),
                number(estimate.data.supplier_calls),
                seconds(Math.max(1, estimate.data.seconds)),
              )}
              {estimate.data.running && ` ${t.sync.alreadyRunning}`}
              {estimate.data.limited_until && ` ${t.sync.limitedUntil(clock(estimate.data.limited_until))}`}
            </p>
          ) : (
            <p className="muted">{estimate.error ? sentence(estimate.error) : t.sync.estimating}</p>
          )}
        </div>
        <NativeSelect
          label={t.sync.direction}
          value={direction}
          onChange={(e) => setDirection(e.currentTarget.value as Direction)}
          data={(["all", "from_store", "from_supplier", "to_store"] as const).map((value) => ({
            value,
            label: t.sync.directions[value],
          }))}
        />
        <Textarea
          label={looks ? t.order.reason : t.sync.reason}
          description={t.sync.reasonHint}
          required={looks}
          value={reason}
          maxLength={500}
          onChange={(e) => setReason(e.currentTarget.value)}
          autosize={false}
          rows={2}
        />
        <ActionFailed error={failed} what={t.sync.now} />
      </form>
    </Dialog>
  );
}
