import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useBlocker, useRouterState } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useEffect } from "react";
import { settingsQuery } from "../api/queries";
import { useText } from "../text";
import { clock } from "../text/format";
import { Dialog } from "../ui/Dialog";
import { IconWarn } from "../ui/icons";
import { ActionFailed, Failed, Loading, Stale } from "../ui/states";
import { Title } from "../ui/Title";
import { CarriersSection } from "./CarriersSection";
import { KeysSection } from "./KeysSection";
import { PlacingSection } from "./PlacingSection";
import { ScheduleSection, WarningsSection } from "./SettingsForms";
import { DisplaySection, NotificationsSection } from "./SettingsOfBrowser";
import classes from "./SettingsPage.module.css";
import { type Section, unsaved } from "./section";

const sections = ["schedule", "placing", "warnings", "carriers", "keys", "notifications", "display"] as const;

/** What the merchant has decided, section by section. */
export function SettingsPage() {
  const t = useText();
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(settingsQuery);
  const hash = useRouterState({ select: (s) => s.location.hash });
  const there = !!data;
  // The sections come after the settings; who came for one of them is taken there.
  useEffect(() => {
    if (there && hash) document.getElementById(hash)?.scrollIntoView();
  }, [there, hash]);
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{t.settings.title}</Title>
          <p className="muted">{t.settings.lead}</p>
        </div>
      </div>
      <div className={classes.page}>
        <nav className={classes.nav} aria-label={t.settings.sections}>
          <ul>
            {sections.map((s) => (
              <li key={s}>
                <a href={`#${s}`} data-here={hash === s || undefined}>
                  {t.settings.nav[s]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div className="stack">
          {error && data && (
            <Stale since={clock(new Date(dataUpdatedAt).toISOString())} onRetry={() => void refetch()} />
          )}
          {isPending && <Loading />}
          {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
          {data && (
            <>
              <ScheduleSection settings={data} />
              <PlacingSection settings={data} />
              <WarningsSection settings={data} />
            </>
          )}
          <CarriersSection />
          <KeysSection />
          <NotificationsSection />
          <DisplaySection />
        </div>
      </div>
      <Guard />
    </div>
  );
}

/** Asks before what was typed is lost. */
function Guard() {
  const t = useText();
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => unsaved.size > 0 && current.pathname !== next.pathname,
    enableBeforeUnload: () => unsaved.size > 0,
    withResolver: true,
  });
  if (blocker.status !== "blocked") return null;
  return (
    <Dialog
      title={t.settings.leave.title}
      size="small"
      onClose={blocker.reset}
      actions={
        <>
          <Button variant="default" onClick={blocker.proceed}>
            {t.settings.leave.go}
          </Button>
          <Button onClick={blocker.reset} data-autofocus>
            {t.settings.leave.stay}
          </Button>
        </>
      }
    >
      <p>{t.settings.leave.lead([...unsaved].join(", "))}</p>
    </Dialog>
  );
}

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
  function submit(e: FormEvent) {
    e.preventDefault();
    void section.save();
  }
  return (
    <form className="stack" onSubmit={submit} noValidate>
      {children}
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
    </form>
  );
}
