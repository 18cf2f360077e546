import { cloneElement, lazy, type ReactElement, type ReactNode, Suspense, useState } from "react";

const load = () => import("./DropMenuOpen");
const Open = lazy(load);

/** A line of a menu: something to do, a heading, or a line between. */
type MenuLine =
  | { do: string; run: () => void; icon?: ReactNode; lang?: string; off?: boolean }
  | { heading: string }
  | "line";

export interface DropMenuProps {
  /** The button that opens it. */
  button: ReactElement<Record<string, unknown>>;
  lines: MenuLine[];
  position?: "bottom-start" | "bottom-end" | "top-end";
  width?: number;
}

/** A button with a menu. What draws the menu is loaded when somebody comes near the button: no first page needs it. */
export function DropMenu(props: DropMenuProps) {
  const [wanted, want] = useState(false);
  const button = cloneElement(props.button, {
    "aria-haspopup": "menu",
    "aria-expanded": false,
    onPointerEnter: load,
    onFocus: load,
    onClick: () => want(true),
  });
  if (!wanted) return button;
  return (
    <Suspense fallback={button}>
      <Open {...props} />
    </Suspense>
  );
}
