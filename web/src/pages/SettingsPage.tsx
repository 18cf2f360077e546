import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useBlocker, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useMay } from "../api/may";
import { settingsQuery } from "../api/queries";
import { useText } from "../text";
import { clock } from "../text/format";
import { Dialog } from "../ui/Dialog";
import { May } from "../ui/May";
import { Failed, Loading, Stale } from "../ui/states";
import { Title } from "../ui/Title";
import { AuditSection } from "./AuditSection";
import { CarriersSection } from "./CarriersSection";
import { KeysSection } from "./KeysSection";
import { PeopleSection } from "./PeopleSection";
import { PlacingSection } from "./PlacingSection";
import { PrivacySection } from "./PrivacySection";
import { sections } from "./SettingsCard";
import { ScheduleSection, WarningsSection } from "./SettingsForms";
import { DisplaySection, NotificationsSection } from "./SettingsOfBrowser";
import classes from "./SettingsPage.module.css";
import { unsaved } from "./section";
import { WebhooksSection } from "./WebhooksSection";

/** What the merchant has decided, section by section. */
export function SettingsPage() {
  const t = useText();
  const { data, error, isPending, refetch, dataUpdatedAt } = useQuery(settingsQuery);
  const hash = useRouterState({ select: (s) => s.location.hash });
  const there = !!data;
  const mayKeys = useMay("keys:write");
  const mayAudit = useMay("audit:read");
  const shown = sections.filter((s) => (s === "keys" ? mayKeys : s === "audit" ? mayAudit : true));
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
            {shown.map((s) => (
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
          <PeopleSection />
          <May scope="keys:write">
            <KeysSection />
          </May>
          <WebhooksSection />
          <PrivacySection settings={data} />
          <May scope="audit:read">
            <AuditSection />
          </May>
          <NotificationsSection settings={data} />
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
