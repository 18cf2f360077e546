import { createContext, type ReactNode, useContext, useId } from "react";
import classes from "./order.module.css";

/** Which heading the order's own is: the first of a page, or the second beside the list. */
export const HeadingLevel = createContext<1 | 2>(1);

interface HeadingProps {
  /** How far below the order's own heading. */
  below: 1 | 2;
  id?: string;
  children: ReactNode;
}

/** A heading below the order's own, on the level that fits where the order is shown. */
export function Heading({ below, id, children }: HeadingProps) {
  const Tag = `h${useContext(HeadingLevel) + below}` as "h2" | "h3" | "h4";
  return (
    <Tag id={id} className={below === 2 ? classes.part : undefined}>
      {children}
    </Tag>
  );
}

/** A card of an order with its heading. */
export function Section({ title, children }: { title: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className={`card ${classes.section}`} aria-labelledby={id}>
      <Heading below={1} id={id}>
        {title}
      </Heading>
      {children}
    </section>
  );
}
