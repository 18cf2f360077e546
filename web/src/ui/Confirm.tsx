import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useText } from "../text";
import { Dialog } from "./Dialog";
import { ActionFailed } from "./states";
import { useAct } from "./useAct";

interface ConfirmProps {
  title: string;
  /** What happens then. */
  children?: ReactNode;
  /** The word on the button. */
  label: string;
  run: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is gone, does it, and says when it did not work. */
export function Confirm({ title, children, label, run, onClose }: ConfirmProps) {
  const t = useText();
  const { busy, failed, act } = useAct();

  const confirm = () =>
    act(async () => {
      await run();
      onClose();
    });

  return (
    <Dialog
      title={title}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose} data-autofocus>
            {t.do.cancel}
          </Button>
          <Button color="red" loading={busy} onClick={() => void confirm()}>
            {label}
          </Button>
        </>
      }
    >
      <div className="stack">
        {children}
        <ActionFailed error={failed} what={label} />
      </div>
    </Dialog>
  );
}
