import { Button } from "@mantine/core";
import { type FormEvent, type ReactNode, useId } from "react";
import { useText } from "../text";
import { Dialog } from "./Dialog";

interface FormDialogProps {
  title: string;
  label: string;
  busy: boolean;
  /** Whoever looks at the fields himself says what is wrong with them; else the browser does. */
  checked?: "by browser" | "by us";
  onSubmit: (form: HTMLFormElement) => void;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog with one form. */
export function FormDialog({ title, label, busy, checked, onSubmit, onClose, children }: FormDialogProps) {
  const t = useText();
  const form = useId();
  return (
    <Dialog
      title={title}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form={form} loading={busy}>
            {label}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="stack"
        noValidate={checked === "by us"}
        onSubmit={(e: FormEvent<HTMLFormElement>) => {
          e.preventDefault();
          onSubmit(e.currentTarget);
        }}
      >
        {children}
      </form>
    </Dialog>
  );
}
