import { type ReactNode, useEffect, useId, useRef } from "react";
import { useText } from "../text";
import classes from "./Dialog.module.css";
import { IconClose } from "./icons";
import { layersChanged } from "./toasts";

interface DialogProps {
  title: ReactNode;
  children: ReactNode;
  onClose: () => void;
  /** Buttons at the end, the main one last. */
  actions?: ReactNode;
  size?: "small" | "medium" | "large";
}

/**
 * A dialog over the page: the browser's own, which keeps the focus within, closes on Escape and gives the focus back to what
 * had it. It is open while it is rendered.
 */
export function Dialog({ title, children, onClose, actions, size = "medium" }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const name = useId();
  const t = useText();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    layersChanged();
    return () => {
      dialog?.close();
      layersChanged();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does what a click beside the dialog does
    <dialog
      ref={ref}
      className={classes.dialog}
      data-size={size}
      aria-labelledby={name}
      onCancel={(e) => {
        e.preventDefault();
        close.current();
      }}
      onClick={(e) => {
        if (e.target === ref.current) close.current();
      }}
    >
      <div className={classes.inner}>
        <div className={classes.head}>
          <h2 id={name}>{title}</h2>
          <button type="button" className="iconButton" aria-label={t.do.close} onClick={onClose}>
            <IconClose />
          </button>
        </div>
        <div className={classes.body}>{children}</div>
        {actions && <div className={classes.foot}>{actions}</div>}
      </div>
    </dialog>
  );
}
