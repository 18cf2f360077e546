import { text, useText } from "../text";
import { IconCopy } from "./icons";
import { toast } from "./toasts";

/** Copies a text and says so. */
export async function copy(value: string) {
  try {
    await navigator.clipboard.writeText(value);
    toast({ title: text().do.copied(value) });
  } catch {
    // Without permission the text can still be marked by hand.
  }
}

/** A value with a button that copies it. */
export function Copy({ value, what, plain = false }: { value: string; what: string; plain?: boolean }) {
  const t = useText();
  return (
    <span className="copy">
      {!plain && <span className="mono anywhere">{value}</span>}
      <button
        type="button"
        className="iconButton"
        title={`${t.do.copy}: ${what}`}
        aria-label={`${t.do.copy}: ${what} ${value}`}
        onClick={(e) => {
          e.stopPropagation();
          void copy(value);
        }}
      >
        <IconCopy />
      </button>
    </span>
  );
}
