import { Button } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { useMay } from "../api/may";
import { useText } from "../text";
import { IconWarn } from "../ui/icons";
import { ActionFailed } from "../ui/states";
import classes from "./SettingsPage.module.css";
import type { Section } from "./section";

/** The sections of the settings, in their order. */
export const sections = [
  "schedule",
  "placing",
  "warnings",
  "carriers",
  "people",
  "keys",
  "webhooks",
  "privacy",
  "audit",
  "notifications",
  "display",
] as const;

interface CardProps {
  id: (typeof sections)[number];
  lead: ReactNode;
  children: ReactNode;
}

/** A section with its heading. */
export function SectionCard({ id, lead, children }: CardProps) {
  const t = useText();
  return (
    <section id={id} className={`card stack ${classes.section}`} aria-labelledby={`${id}-title`}>
      <div>
        <h2 id={`${id}-title`}>{t.settings.nav[id]}</h2>
        <p className="muted">{lead}</p>
      </div>
      {children}
    </section>
  );
}

/** The form of a section, with what becomes of saving it. */
export function SectionForm<D extends object>({ section, children }: { section: Section<D>; children: ReactNode }) {
  const t = useText();
  const may = useMay("settings:write");
  function submit(e: FormEvent) {
    e.preventDefault();
    void section.save();
  }
  return (
    <form className="stack" onSubmit={submit} noValidate>
      <fieldset className={`stack ${classes.plain}`} disabled={!may}>
        {children}
      </fieldset>
      <ActionFailed error={section.failed} what={t.do.save} />
      {section.theirs && (
        <div className="bar" data-tone="warn" role="alert">
          <IconWarn />
          <span className="grow">{t.settings.theirs}</span>
          <Button variant="default" size="compact-sm" onClick={section.reset}>
            {t.settings.takeTheirs}
          </Button>
        </div>
      )}
      {may && (
        <div className="row">
          <Button type="submit" loading={section.busy} disabled={!section.dirty}>
            {t.do.save}
          </Button>
          {section.dirty && (
            <>
              <Button variant="default" onClick={section.reset}>
                {t.settings.reset}
              </Button>
              <span className="pill" data-tone="warn">
                {t.settings.unsaved}
              </span>
            </>
          )}
        </div>
      )}
    </form>
  );
}
