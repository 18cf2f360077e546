import { type FormEvent, type ReactNode, useEffect } from "react";
import { Logo } from "../app/Logo";
import classes from "./door.module.css";

interface DoorProps {
  title: string;
  /** What sending the form does; absent where there is nothing to send. */
  submit?: () => void;
  children: ReactNode;
}

/** A page for who is not in yet: a card with one form. */
export function Door({ title, submit, children }: DoorProps) {
  useEffect(() => {
    document.title = `${title} · Waybill`;
  }, [title]);
  const inner = (
    <>
      <Logo />
      <h1>{title}</h1>
      {children}
    </>
  );
  return (
    <main className={classes.page}>
      {submit ? (
        <form
          className={`card ${classes.form}`}
          onSubmit={(e: FormEvent) => {
            e.preventDefault();
            submit();
          }}
        >
          {inner}
        </form>
      ) : (
        <div className={`card ${classes.form}`}>{inner}</div>
      )}
    </main>
  );
}

/** What a link brought. It stands behind the #, which browsers send to nobody. */
export const linkToken = () => location.hash.slice(1);
