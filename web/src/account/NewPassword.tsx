import { TextInput } from "@mantine/core";
import { useText } from "../text";

/** The field for a new password, with what is asked of it. */
export function NewPassword({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useText();
  return (
    <TextInput
      type="password"
      name="new-password"
      autoComplete="new-password"
      label={t.signIn.newPassword}
      description={t.signIn.newPasswordHint}
      value={value}
      maxLength={256}
      onChange={(e) => onChange(e.currentTarget.value)}
      required
    />
  );
}
