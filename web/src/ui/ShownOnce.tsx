import { Button } from "@mantine/core";
import { useText } from "../text";
import { Dialog } from "./Dialog";
import classes from "./ShownOnce.module.css";
import { toast } from "./toasts";

interface ShownOnceProps {
  title: string;
  /** What is shown. */
  value: string;
  /** Why it has to be kept now. */
  lead: string;
  /** The word on the button that copies it. */
  copy: string;
  /** What is said when it is copied: not the value itself, because messages stay on the screen. */
  copied: string;
  onClose: () => void;
}

/** Shows a secret that cannot be read again. */
export function ShownOnce({ title, value, lead, copy, copied, onClose }: ShownOnceProps) {
  const t = useText();

  async function take() {
    try {
      await navigator.clipboard.writeText(value);
      toast({ title: copied });
    } catch {
      // Without permission it can still be marked by hand.
    }
  }

  return (
    <Dialog
      title={title}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={() => void take()}>
            {copy}
          </Button>
          <Button onClick={onClose}>{t.settings.keys.kept}</Button>
        </>
      }
    >
      <div className="stack">
        <p>{lead}</p>
        <p className={`mono anywhere ${classes.value}`}>{value}</p>
      </div>
    </Dialog>
  );
}
