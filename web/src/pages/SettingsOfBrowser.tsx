import { Button, NativeSelect, Switch } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Switch.css";
import { useState } from "react";
import type { Settings } from "../api/gen/types.gen";
import { setShortcuts, shortcutsOn } from "../app/keyboard";
import { chooseNotices, chosenNotices, type Notice, notices, permission, show } from "../app/notify";
import { type Scheme, setScheme, useScheme } from "../app/theme";
import { currentLanguage, type Language, languages, setLanguage, useText } from "../text";
import { IconCheck, IconWarn } from "../ui/icons";
import { MailForm } from "./MailForm";
import { SectionCard } from "./SettingsCard";
import classes from "./SettingsPage.module.css";

/** What is told by mail, and what this browser tells while the dashboard is open. */
export function NotificationsSection({ settings }: { settings?: Settings }) {
  const words = useText().settings.notifications;
  return (
    <SectionCard id="notifications" lead={words.lead}>
      <h3>{words.mail.title}</h3>
      {settings && <MailForm settings={settings} />}
      <h3>{words.browser}</h3>
      <BrowserNotices />
    </SectionCard>
  );
}

function BrowserNotices() {
  const t = useText();
  const words = t.settings.notifications;
  const [allowed, setAllowed] = useState(permission);
  const [chosen, setChosen] = useState(chosenNotices);

  async function allow() {
    await Notification.requestPermission();
    setAllowed(permission());
    // Who allows it wants to be told; what was chosen before stays.
    if (permission() === "granted" && chosenNotices().length === 0) choose([...notices]);
  }

  function choose(next: Notice[]) {
    chooseNotices(next);
    setChosen(next);
  }

  return (
    <>
      <p className="muted">{words.browserLead}</p>
      {allowed === "unsupported" && (
        <p className="bar" data-tone="warn">
          {words.unsupported}
        </p>
      )}
      {allowed === "insecure" && (
        <p className="bar" data-tone="warn">
          {words.insecure}
        </p>
      )}
      {allowed === "denied" && (
        <p className="bar" data-tone="warn">
          <IconWarn /> <span className="grow">{words.denied}</span>
        </p>
      )}
      {allowed === "default" && (
        <div className="row">
          <Button onClick={() => void allow()}>{words.allow}</Button>
          <span className="small muted">{words.allowHint}</span>
        </div>
      )}
      {allowed === "granted" && (
        <p className="row">
          <IconCheck /> {words.granted}
        </p>
      )}
      <div className="stack tight">
        {notices.map((n) => (
          <Switch
            key={n}
            label={words.kinds[n]}
            checked={chosen.includes(n)}
            disabled={allowed !== "granted"}
            onChange={(e) => choose(e.currentTarget.checked ? [...chosen, n] : chosen.filter((x) => x !== n))}
          />
        ))}
      </div>
      {allowed === "granted" && (
        <div>
          <Button
            variant="default"
            onClick={() => show(words.exampleTitle, words.exampleBody, "waybill-example", "/settings")}
          >
            {words.example}
          </Button>
        </div>
      )}
    </>
  );
}

/** How the dashboard looks and is worked in this browser. */
export function DisplaySection() {
  const t = useText();
  const words = t.settings.display;
  const scheme = useScheme();
  const [keys, setKeys] = useState(shortcutsOn);
  return (
    <SectionCard id="display" lead={words.lead}>
      <div className={classes.two}>
        <NativeSelect
          label={words.language}
          value={currentLanguage()}
          onChange={(e) => void setLanguage(e.currentTarget.value as Language)}
          data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
        />
        <NativeSelect
          label={words.theme}
          value={scheme}
          onChange={(e) => setScheme(e.currentTarget.value as Scheme)}
          data={(["light", "dark"] as const).map((value) => ({ value, label: words.themes[value] }))}
        />
      </div>
      <Switch
        label={t.keys.on}
        description={t.keys.onHint}
        checked={keys}
        onChange={(e) => {
          setShortcuts(e.currentTarget.checked);
          setKeys(e.currentTarget.checked);
        }}
      />
    </SectionCard>
  );
}
