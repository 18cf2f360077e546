import { useMediaQuery } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { orderQuery } from "../api/queries";
import { useShortcuts } from "../app/keyboard";
import { useText } from "../text";
import { Copy } from "../ui/Copy";
import { IconClose, IconLeft, IconOut, IconRight } from "../ui/icons";
import { layersChanged } from "../ui/toasts";
import { knownOrder } from "./known";
import { OrderView } from "./OrderView";
import classes from "./order.module.css";

interface OrderDrawerProps {
  id: string;
  onClose: () => void;
  /** Absent where there is none. */
  onPrevious?: () => void;
  onNext?: () => void;
}

/** One order beside the list, which stays usable; where there is no room for both it covers the screen. */
export function OrderDrawer(props: OrderDrawerProps) {
  const wide = useMediaQuery("(min-width: 1200px)", undefined, { getInitialValueInEffect: false });
  return wide ? <Panel {...props} /> : <Sheet {...props} />;
}

function Panel(props: OrderDrawerProps) {
  const name = useId();
  // Wherever the focus is; what lies above it, a menu or a dialog, is closed first, by itself.
  useShortcuts({ Escape: props.onClose });
  return (
    <div className={classes.panel} role="dialog" aria-labelledby={name}>
      <Inner {...props} name={name} />
    </div>
  );
}

function Sheet(props: OrderDrawerProps) {
  const name = useId();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const sheet = ref.current;
    sheet?.showModal();
    layersChanged();
    return () => {
      sheet?.close();
      layersChanged();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      className={classes.sheet}
      aria-labelledby={name}
      onCancel={(e) => {
        e.preventDefault();
        props.onClose();
      }}
    >
      <Inner {...props} name={name} />
    </dialog>
  );
}

function Inner({ id, onClose, onPrevious, onNext, name }: OrderDrawerProps & { name: string }) {
  const t = useText();
  const heading = useRef<HTMLHeadingElement>(null);
  const scroll = useRef<HTMLDivElement>(null);
  const { data } = useQuery(orderQuery(id));
  const number = (data ?? knownOrder(id))?.number;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each order that is opened has the focus at its heading
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    if (scroll.current) scroll.current.scrollTop = 0;
  }, [id]);
  return (
    <>
      <div className={classes.top}>
        <div className={classes.head}>
          <h2 id={name} ref={heading} tabIndex={-1} className={classes.heading}>
            {number ? t.order.title(number) : t.order.unnamed}
          </h2>
          {number && <Copy value={number} what={t.order.number} plain />}
        </div>
        <div className={classes.head}>
          <Step label={t.order.previous} shortcut="k" onClick={onPrevious} icon={<IconLeft />} />
          <Step label={t.order.following} shortcut="j" onClick={onNext} icon={<IconRight />} />
          <Link
            to="/orders/$id"
            params={{ id }}
            className="iconButton"
            aria-label={t.order.openPage}
            title={t.order.openPage}
          >
            <IconOut />
          </Link>
          <button
            type="button"
            className="iconButton"
            aria-label={t.do.close}
            title={`${t.do.close} (Esc)`}
            onClick={onClose}
          >
            <IconClose />
          </button>
        </div>
      </div>
      <div className={classes.scroll} ref={scroll}>
        <OrderView key={id} id={id} level={2} />
      </div>
    </>
  );
}

interface StepProps {
  label: string;
  shortcut: string;
  onClick?: () => void;
  icon: ReactNode;
}

/** A step to a neighbour; it keeps its place and the focus where there is none. */
function Step({ label, shortcut, onClick, icon }: StepProps) {
  return (
    <button
      type="button"
      className="iconButton"
      aria-label={label}
      title={`${label} (${shortcut})`}
      aria-disabled={!onClick || undefined}
      onClick={onClick}
    >
      {icon}
    </button>
  );
}
