import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import classes from "./Segments.module.css";

interface SegmentsProps {
  label: string;
  /** The page whose address the choice stands in. */
  to: "/activity" | "/health" | "/mappings";
  /** What each choice writes into the address, beside what stands there. */
  choices: readonly { search: Record<string, string | undefined>; chosen: boolean; children: ReactNode }[];
}

/** A few ways to see one page, each with an address of its own. */
export function Segments({ label, to, choices }: SegmentsProps) {
  return (
    <nav className={classes.segments} aria-label={label}>
      {choices.map((c) => (
        <Link
          key={JSON.stringify(c.search)}
          to={to}
          search={(old: Record<string, string | undefined>) => ({ ...old, ...c.search })}
          className={classes.segment}
          activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
          data-chosen={c.chosen || undefined}
        >
          {c.children}
        </Link>
      ))}
    </nav>
  );
}
