import { Checkbox, NativeSelect, Textarea, TextInput } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useRef, useState } from "react";
import { asFailure } from "../api/call";
import { now } from "../api/clock";
import { orderQuery, queryClient } from "../api/queries";
import { useText } from "../text";
import { zone } from "../text/format";
import { FormDialog } from "../ui/FormDialog";
import { ActionFailed } from "../ui/states";
import { toast } from "../ui/toasts";
import { holdWords } from "./words";

type Make = (close: () => void) => ReactNode;

/** Shows a dialog above an order; it stays while the order changes beneath it. */
export const ShowDialog = createContext<(make: Make) => void>(() => {});

/** How a part of an order opens a dialog. */
export const useShow = () => useContext(ShowDialog);

/** Has everything that shows an order read it anew. */
export async function reread(id: string) {
  void queryClient.invalidateQueries({ queryKey: ["pay list"] });
  await queryClient.invalidateQueries({ queryKey: ["order", id] });
}

/** Says in a dialog that its order is no longer as it was when the dialog was opened. */
export function Meanwhile({ id }: { id: string }) {
  const t = useText();
  const { data } = useQuery(orderQuery(id));
  const first = useRef<number>(undefined);
  first.current ??= data?.version;
  return (
    <div role="status">
      {data && first.current !== undefined && data.version !== first.current && (
        <p className="bar" data-tone="info">
          <span>
            {t.order.changedMeanwhile} <strong>{[data.why, holdWords(data)].filter(Boolean).join(" ")}</strong>
          </span>
        </p>
      )}
    </div>
  );
}

/** A moment as a field for local date and time wants it. */
function localInput(at: Date): string {
  const d = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return d.toISOString().slice(0, 16);
}

/** Nine o'clock tomorrow: when most people look again. */
function tomorrow(at = now()): string {
  const d = new Date(at);
  d.setDate(d.getDate() + 1);
  d.setHours(9, 0, 0, 0);
  return localInput(d);
}

/** What a person has said in a dialog. */
export interface Said {
  reason: string;
  /** RFC 3339, empty when left empty. */
  until: string;
  number: string;
  choice: string;
  force: boolean;
}

interface ActProps {
  orderId: string;
  title: string;
  /** What happens, plainly. */
  words?: ReactNode;
  label: string;
  /** What is asked for: whether it must be said. */
  reason?: "must" | "may";
  /** What is asked for when it is not a reason. */
  reasonLabel?: string;
  until?: "must" | "may";
  number?: boolean;
  choice?: { label: string; options: { value: string; label: string }[]; first: string };
  /** Offered once the server has refused because of what it holds. */
  force?: string;
  run: (said: Said) => Promise<unknown>;
  done?: string;
  onDone?: () => void;
  onClose: () => void;
}

/** A dialog for one decision about an order: says what happens, asks why, and shows what the server answers. */
export function ActDialog(props: ActProps) {
  const { orderId, title, words, label, reason, until, number, choice, force, run, onClose } = props;
  const t = useText();
  const [why, setWhy] = useState("");
  const [when, setWhen] = useState(until === "must" ? tomorrow() : "");
  const [no, setNo] = useState("");
  const [chosen, choose] = useState(choice?.first ?? "");
  const [forced, setForced] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const [wrong, setWrong] = useState<{ reason?: string; until?: string; number?: string }>({});

  function check() {
    const found: typeof wrong = {};
    if (reason === "must" && !why.trim()) found.reason = t.order.reasonMissing;
    if (number && !/^\d{10,20}$/.test(no.trim())) found.number = t.order.numberWrong;
    const at = when ? Date.parse(when) : Number.NaN;
    if ((until === "must" || when) && !(at > now())) found.until = t.order.untilWrong;
    setWrong(found);
    return Object.keys(found).length === 0;
  }

  async function submit(form: HTMLFormElement) {
    if (!check()) {
      requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return;
    }
    setBusy(true);
    setFailed(undefined);
    try {
      await run({
        reason: why.trim(),
        until: when ? new Date(when).toISOString() : "",
        number: no.trim(),
        choice: chosen,
        force: forced,
      });
      await reread(orderId);
      if (props.done) toast({ title: props.done });
      onClose();
      props.onDone?.();
    } catch (error) {
      setFailed(error);
      setBusy(false);
      // Somebody else was faster: what is so now is shown beside the server's sentence.
      if (asFailure(error).status === 409) void reread(orderId);
    }
  }

  return (
    <FormDialog
      title={title}
      label={label}
      busy={busy}
      checked="by us"
      onSubmit={(form) => void submit(form)}
      onClose={onClose}
    >
      <Meanwhile id={orderId} />
      {words && <div className="muted">{words}</div>}
      {choice && (
        <NativeSelect
          label={choice.label}
          data={choice.options}
          value={chosen}
          onChange={(e) => choose(e.currentTarget.value)}
        />
      )}
      {number && (
        <TextInput
          label={t.order.aliNumber}
          description={t.order.aliNumberHint}
          inputMode="numeric"
          autoComplete="off"
          value={no}
          error={wrong.number}
          onChange={(e) => setNo(e.currentTarget.value)}
        />
      )}
      {until && (
        <TextInput
          type="datetime-local"
          label={until === "must" ? t.order.until : t.order.untilMay}
          description={until === "must" ? t.order.zone(zone()) : t.order.untilHint(zone())}
          value={when}
          error={wrong.until}
          onChange={(e) => setWhen(e.currentTarget.value)}
        />
      )}
      {reason && (
        <Textarea
          label={props.reasonLabel ?? (reason === "must" ? t.order.reason : t.order.reasonMay)}
          description={t.order.reasonHint}
          value={why}
          maxLength={500}
          rows={2}
          error={wrong.reason}
          onChange={(e) => setWhy(e.currentTarget.value)}
        />
      )}
      <ActionFailed error={failed} what={title} />
      {force && asFailure(failed ?? "").status === 409 && (
        <Checkbox label={force} checked={forced} onChange={(e) => setForced(e.currentTarget.checked)} />
      )}
    </FormDialog>
  );
}
