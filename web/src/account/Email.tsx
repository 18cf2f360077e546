import { TextInput } from "@mantine/core";
import { useText } from "../text";

/** The field for one's own address, which password managers fill in. */
export function Email({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useText();
  return (
    <TextInput
      type="email"
      name="email"
      autoComplete="username"
      label={t.signIn.email}
      value={value}
      onChange={(e) => onChange(e.currentTarget.value)}
      required
    />
  );
}
