import { useEffect, useState, useSyncExternalStore } from "react";
import { createPortal } from "react-dom";
import { useText } from "../text";
import { IconCheck, IconClose, IconWarn } from "./icons";
import classes from "./toasts.module.css";

/** A short message in the corner. Everything it says also stands on the page. */
interface Toast {
  title: string;
  detail?: string;
  tone?: "good" | "bad";
  action?: { label: string; run: () => void };
}

interface Shown extends Toast {
  id: number;
}

let toasts: Shown[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(list: Shown[]) {
  toasts = list;
  for (const l of listeners) l();
}

/** Shows a toast for 8 seconds; one that tells of a failure stays until it is dismissed. */
export function toast(t: Toast) {
  set([...toasts.slice(-3), { ...t, id: next++ }]);
}

const dismiss = (id: number) => set(toasts.filter((t) => t.id !== id));

/** Tells that a modal dialog has come or gone: what lies behind one can be neither read nor reached. */
export function layersChanged() {
  set([...toasts]);
}

/** The corner where toasts are shown, in the order of their coming: over the page, or within the dialog that covers it. */
export function Toasts() {
  const list = useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => toasts,
  );
  const t = useText();
  const over = [...document.querySelectorAll("dialog:modal")].at(-1);
  return createPortal(
    <section className={classes.corner} aria-label={t.frame.messages}>
      {list.map((one) => (
        <One key={one.id} toast={one} />
      ))}
    </section>,
    over ?? document.body,
  );
}

function One({ toast: one }: { toast: Shown }) {
  const t = useText();
  const [held, hold] = useState(false);
  useEffect(() => {
    if (held || one.tone === "bad") return;
    const timer = setTimeout(() => dismiss(one.id), 8000);
    return () => clearTimeout(timer);
  }, [held, one]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at it or focusing within it only stops the clock
    <div
      className={classes.toast}
      data-tone={one.tone ?? "good"}
      role={one.tone === "bad" ? "alert" : "status"}
      onMouseEnter={() => hold(true)}
      onMouseLeave={() => hold(false)}
      onFocus={() => hold(true)}
      onBlur={() => hold(false)}
    >
      {one.tone === "bad" ? <IconWarn className={classes.icon} /> : <IconCheck className={classes.icon} />}
      <div className={classes.words}>
        <strong>{one.title}</strong>
        {one.detail && <div>{one.detail}</div>}
        {one.action && (
          <button
            type="button"
            className="link"
            onClick={() => {
              one.action?.run();
              dismiss(one.id);
            }}
          >
            {one.action.label}
          </button>
        )}
      </div>
      <button type="button" className="iconButton" aria-label={t.do.dismiss} onClick={() => dismiss(one.id)}>
        <IconClose />
      </button>
    </div>
  );
}
