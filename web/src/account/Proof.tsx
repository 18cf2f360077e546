import { TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useText } from "../text";
import { FormDialog } from "../ui/FormDialog";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";

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
