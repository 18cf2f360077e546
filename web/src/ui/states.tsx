import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { asFailure } from "../api/call";
import { text, useText } from "../text";
import { Copy } from "./Copy";
import { IconWarn } from "./icons";
import classes from "./states.module.css";

/** What a failure means, for people: the server's own sentence, or what we know when there is none. */
export function sentence(e: unknown): string {
  const f = asFailure(e);
  if (f.code === "offline") return text().state.offline;
  if (f.code === "unexpected") return text().state.unexpected;
  const fields = f.problem?.errors?.map((x) => `${x.pointer.replace(/^\//, "").replaceAll("/", " › ")} ${x.reason}`);
  return fields?.length ? `${f.message} (${fields.join("; ")})` : f.message;
}

/** A page or part that could not be loaded, with a way on. */
export function Failed({ error, onRetry, title }: { error: unknown; onRetry: () => void; title?: string }) {
  const t = useText();
  const f = asFailure(error);
  return (
    <div className={classes.state} role="alert">
      <IconWarn className={classes.bad} />
      <h2>{title ?? t.state.failedTitle}</h2>
      <p className="muted">{sentence(f)}</p>
      <Button onClick={onRetry}>{t.do.retry}</Button>
      {f.requestId && (
        <p className="small muted">
          {t.state.requestId} <Copy value={f.requestId} what={t.state.requestId} />
        </p>
      )}
    </div>
  );
}

/** Says that an action failed, why and what to do; beside what was typed, which stays. */
export function ActionFailed({ error, what }: { error: unknown; what: string }) {
  const t = useText();
  if (!error) return null;
  const f = asFailure(error);
  return (
    <div className="bar" data-tone="bad" role="alert">
      <IconWarn />
      <div className="grow">
        <strong>{t.state.actionFailed(what)}</strong>
        <div>{f.code === "offline" ? t.state.offlineAction : sentence(f)}</div>
      </div>
    </div>
  );
}

/** Nothing here, why, and what next. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={classes.state}>
      <h2>{title}</h2>
      {children && <p className="muted">{children}</p>}
      {action}
    </div>
  );
}

/** Placeholders while something is loaded; seen only when it takes longer than a moment. */
export function Loading({ rows = 6 }: { rows?: number }) {
  const t = useText();
  return (
    <div className={classes.loading} aria-busy="true">
      <span className="sr-only">{t.state.loading}</span>
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <div key={i} className={classes.bone} />
      ))}
    </div>
  );
}

/** What could not be read anew is shown with its age. */
export function Stale({ since, onRetry }: { since: string; onRetry: () => void }) {
  const t = useText();
  return (
    <div className="bar" data-tone="warn" role="status">
      <IconWarn />
      <span className="grow">{t.state.stale(since)}</span>
      <Button variant="default" size="compact-sm" onClick={onRetry}>
        {t.do.retry}
      </Button>
    </div>
  );
}
