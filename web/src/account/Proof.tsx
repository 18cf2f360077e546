import { Button, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";

interface StepsProps {
  title: string;
  label: string;
  busy: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog with one form. */
export function FormDialog({ title, label, busy, onSubmit, onClose, children }: StepsProps) {
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
        onSubmit={(e: FormEvent) => {
          e.preventDefault();
          onSubmit();
        }}
      >
        {children}
      </form>
    </Dialog>
  );
}

/** The field for one's present password. */
export function Proof({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useText();
  return (
    <TextInput
      type="password"
      name="password"
      autoComplete="current-password"
      label={t.account.proof}
      description={t.account.proofHint}
      value={value}
      maxLength={256}
      onChange={(e) => onChange(e.currentTarget.value)}
      required
    />
  );
}

interface ProvedProps {
  title: string;
  label: string;
  run: (password: string) => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}

/** Has the person show the password again before something is done that a browser left open must not do. */
export function ProvedDialog({ title, label, run, onClose, children }: ProvedProps) {
  const [password, setPassword] = useState("");
  const { busy, failed, act } = useAct();
  const submit = () =>
    act(async () => {
      await run(password);
      onClose();
    });
  return (
    <FormDialog title={title} label={label} busy={busy} onSubmit={() => void submit()} onClose={onClose}>
      {children}
      <Proof value={password} onChange={setPassword} />
      <ActionFailed error={failed} what={label} />
    </FormDialog>
  );
}
