import { type ReactNode, useEffect } from "react";

/** The heading of a page, which also names the browser's tab. */
export function Title({ children, after }: { children: string; after?: ReactNode }) {
  useEffect(() => {
    document.title = `${children} · Waybill`;
  }, [children]);
  return (
    <h1>
      {children}
      {after}
    </h1>
  );
}
