// The decisions that a person can take about an order, each as a dialog.

import type { ReactNode } from "react";
import { call } from "../api/call";
import {
  addNote,
  closeFlag,
  createOverride,
  deleteOverride,
  dropPurchaseAddress,
  eraseBuyer,
  fulfilWithoutNumber,
  holdOrder,
  holdSupplierOrder,
  linkSupplierOrder,
  placeSupplierOrderNow,
  releaseOrder,
  renumberSupplierOrder,
  reopenFlag,
  retryPush,
  snoozeFlag,
  unlinkSupplierOrder,
  withdrawSupplierOrder,
} from "../api/gen/sdk.gen";
import type { Flag, OrderLine, SupplierOrder } from "../api/gen/types.gen";
import { looks } from "../api/may";
import { text } from "../text";
import { toast } from "../ui/toasts";
import { ActDialog, reread } from "./dialogs";

type Close = () => void;

/** An act about one order, as a dialog. */
type Act = (close: Close) => ReactNode;

// A button that opens a dialog ends in three dots; the one that does it does not.
const plain = (label: string) => label.replace("…", "");

export const holdAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.holdTitle}
        words={t.holdWords}
        label={t.hold}
        until="may"
        reason="must"
        run={({ reason, until }) => call(holdOrder({ path: { id }, body: { reason, until: until || undefined } }))}
        onClose={onClose}
      />
    );
  };

export const releaseAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.releaseTitle}
        words={t.releaseWords}
        label={t.release}
        reason="may"
        run={({ reason }) => call(releaseOrder({ path: { id }, body: { reason } }))}
        onClose={onClose}
      />
    );
  };

export const linkAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.linkTitle}
        words={t.linkWords}
        label={plain(t.fix.link)}
        number
        reason="may"
        force={t.linkForce}
        run={async ({ number, reason, force }) => {
          const linked = await call(linkSupplierOrder({ path: { id }, body: { number, reason, force } }));
          // How it differs is told and stays until it is dismissed: it may be the wrong order.
          const warnings = linked.warnings.map((w) => w.detail).join(" ");
          toast({ title: t.linked, detail: warnings || undefined, tone: warnings ? "bad" : "good" });
        }}
        onClose={onClose}
      />
    );
  };

export const withoutNumberAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.withoutNumberTitle}
        words={t.withoutNumberWords}
        label={plain(t.withoutNumber)}
        reason="must"
        run={({ reason }) => call(fulfilWithoutNumber({ path: { id }, body: { reason } }))}
        done={t.told}
        onClose={onClose}
      />
    );
  };

export const closeOrderAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.closeOrderTitle}
        words={t.closeOrderWords}
        label={plain(t.closeOrder)}
        reason="must"
        run={({ reason }) => call(createOverride({ path: { id }, body: { kind: "closed", reason } }))}
        onClose={onClose}
      />
    );
  };

export const eraseAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.eraseTitle}
        words={t.eraseWords}
        label={plain(t.erase)}
        reason="may"
        run={async ({ reason }) => {
          const erasure = await call(eraseBuyer({ path: { id }, body: { reason } }));
          toast({ title: erasure.state === "done" ? t.erasedNow : t.eraseWaits });
        }}
        onClose={onClose}
      />
    );
  };

export const lostAct =
  (id: string, parcel: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.lostTitle}
        words={t.lostWords}
        label={plain(t.lost)}
        reason="must"
        run={({ reason }) =>
          call(createOverride({ path: { id }, body: { kind: "parcel_lost", parcel_id: parcel, reason } }))
        }
        onClose={onClose}
      />
    );
  };

/** Has a line count as something else for this order; first is what the dialog proposes. */
export const roleAct =
  (id: string, line: Pick<OrderLine, "id" | "name">, first: "dropship" | "own" | "ignore"): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.roleTitle}
        words={
          <>
            <strong>{line.name}</strong>. {t.roleWords}
          </>
        }
        label={text().do.save}
        choice={{
          label: t.roleChoice,
          first,
          options: (["dropship", "own", "ignore"] as const).map((value) => ({ value, label: t.roles[value] })),
        }}
        reason="must"
        run={({ reason, choice }) =>
          call(
            createOverride({
              path: { id },
              body: { kind: "line_role", line_id: line.id, role: choice as typeof first, reason },
            }),
          )
        }
        onClose={onClose}
      />
    );
  };

export const liftAct =
  (id: string, override: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.liftTitle}
        words={t.liftWords}
        label={plain(t.lift)}
        reason="may"
        run={({ reason }) =>
          call(deleteOverride({ path: { id, oid: override }, query: { reason: reason || undefined } }))
        }
        onClose={onClose}
      />
    );
  };

export const dropAddressAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.dropTitle}
        words={t.dropWords}
        label={t.dropTitle}
        run={() => call(dropPurchaseAddress({ path: { id } }))}
        onClose={onClose}
      />
    );
  };

/** Brings a flag back that was put off or closed. */
export async function reopen(id: string, flag: string) {
  await call(reopenFlag({ path: { id: flag }, body: {} }));
  await reread(id);
}

export const snoozeAct =
  (id: string, flag: Flag): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.snoozeTitle}
        words={
          <>
            <strong>{text().flags[flag.code] ?? flag.code}</strong>. {t.snoozeWords}
          </>
        }
        label={plain(t.snooze)}
        until="must"
        reason="must"
        run={({ reason, until }) => call(snoozeFlag({ path: { id: flag.id }, body: { reason, until } }))}
        onClose={onClose}
      />
    );
  };

export const closeFlagAct =
  (id: string, flag: Flag): Act =>
  (onClose) => {
    const t = text().order;
    const name = text().flags[flag.code] ?? flag.code;
    return (
      <ActDialog
        orderId={id}
        title={t.closeFlagTitle}
        words={
          <>
            <strong>{name}</strong>. {t.closeFlagWords}
          </>
        }
        label={plain(t.closeFlag)}
        reason="must"
        run={({ reason }) => call(closeFlag({ path: { id: flag.id }, body: { reason } }))}
        onDone={() =>
          toast({
            title: t.flagClosed,
            detail: name,
            action: { label: text().do.undo, run: () => void reopen(id, flag.id).catch(() => reread(id)) },
          })
        }
        onClose={onClose}
      />
    );
  };

export const placeNowAct =
  (id: string, s: SupplierOrder): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.placeNowTitle}
        words={t.placeNowWords}
        label={t.placeNowTitle}
        reason="may"
        run={({ reason }) => call(placeSupplierOrderNow({ path: { id: s.id }, body: { reason } }))}
        onClose={onClose}
      />
    );
  };

export const holdPurchaseAct =
  (id: string, s: SupplierOrder): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.holdPurchaseTitle}
        words={t.holdPurchaseWords}
        label={t.hold}
        until="must"
        reason="may"
        run={({ reason, until }) => call(holdSupplierOrder({ path: { id: s.id }, body: { reason, until } }))}
        onClose={onClose}
      />
    );
  };

export const withdrawAct =
  (id: string, s: SupplierOrder): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.withdrawTitle}
        words={t.withdrawWords}
        label={plain(t.withdraw)}
        reason="may"
        run={({ reason }) => call(withdrawSupplierOrder({ path: { id: s.id }, body: { reason } }))}
        onClose={onClose}
      />
    );
  };

export const renumberAct =
  (id: string, supplierOrder: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.renumberTitle}
        words={t.renumberWords}
        label={t.renumberTitle}
        number
        reason="must"
        force={t.renumberForce}
        run={({ number, reason, force }) =>
          call(renumberSupplierOrder({ path: { id: supplierOrder }, body: { number, reason, force } }))
        }
        onClose={onClose}
      />
    );
  };

export const unlinkAct =
  (id: string, supplierOrder: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.unlinkTitle}
        words={t.unlinkWords}
        label={plain(t.unlink)}
        reason="must"
        force={t.unlinkForce}
        run={({ reason, force }) => call(unlinkSupplierOrder({ path: { id: supplierOrder }, body: { reason, force } }))}
        onClose={onClose}
      />
    );
  };

export const retryPushAct =
  (id: string, push: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={t.retryPush}
        words={t.retryWords}
        label={t.retryPush}
        reason={looks() ? "must" : "may"}
        run={({ reason }) => call(retryPush({ path: { id: push }, body: { reason } }))}
        done={t.told}
        onClose={onClose}
      />
    );
  };

export const noteAct =
  (id: string): Act =>
  (onClose) => {
    const t = text().order;
    return (
      <ActDialog
        orderId={id}
        title={plain(t.addNote)}
        words={t.noteWords}
        label={plain(t.addNote)}
        reason="must"
        reasonLabel={t.noteText}
        run={({ reason }) => call(addNote({ path: { id }, body: { text: reason } }))}
        done={t.noted}
        onClose={onClose}
      />
    );
  };
