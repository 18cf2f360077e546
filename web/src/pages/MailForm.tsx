import { Checkbox, NativeSelect, Textarea, TextInput } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import { useQuery } from "@tanstack/react-query";
import type { FlagCode, Notifications, Settings } from "../api/gen/types.gen";
import { aboutQuery } from "../api/queries";
import { useText } from "../text";
import { IconWarn } from "../ui/icons";
import { SectionForm } from "./SettingsCard";
import classes from "./SettingsPage.module.css";
import { useSection } from "./section";
import { readAddresses, readHour } from "./settings";

interface MailDraft {
  addresses: string;
  some: boolean;
  codes: FlagCode[];
  mode: NonNullable<Notifications["mode"]>;
  hour: string;
  quietFrom: string;
  quietTo: string;
}

function mailDraft(s: Settings): MailDraft {
  const n = s.notifications ?? {};
  return {
    addresses: (n.addresses ?? []).join("\n"),
    some: (n.codes ?? []).length > 0,
    codes: [...(n.codes ?? [])].sort(),
    mode: n.mode ?? "at_once",
    hour: n.hour ?? "08:00",
    quietFrom: n.quiet_from ?? "",
    quietTo: n.quiet_to ?? "",
  };
}

function mailValues(d: MailDraft): { notifications: Notifications } {
  const from = readHour(d.quietFrom);
  const to = readHour(d.quietTo);
  return {
    notifications: {
      addresses: readAddresses(d.addresses) ?? [],
      codes: d.some ? d.codes : [],
      mode: d.mode,
      ...(d.mode === "daily" ? { hour: readHour(d.hour) } : {}),
      ...(from && to ? { quiet_from: from, quiet_to: to } : {}),
    },
  };
}

/** What is told by mail, to whom, and when. */
export function MailForm({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.notifications.mail;
  const { data: about } = useQuery(aboutQuery);
  const section = useSection(settings, {
    name: words.title,
    keys: ["notifications"],
    write: mailDraft,
    read: mailValues,
    check: (d) => {
      const wrong: Partial<Record<keyof MailDraft, string>> = {};
      if (!readAddresses(d.addresses)) wrong.addresses = words.addressesWrong;
      if (d.some && d.codes.length === 0) wrong.codes = words.codesNeeded;
      if (d.mode === "daily" && !readHour(d.hour)) wrong.hour = t.settings.needed;
      if (!readHour(d.quietFrom) !== !readHour(d.quietTo)) wrong.quietTo = words.quietWrong;
      return wrong;
    },
  });
  const { draft, set, wrong } = section;
  return (
    <SectionForm section={section}>
      {about && !about.mail && (
        <p className="bar" data-tone="warn">
          <IconWarn /> <span className="grow">{words.off}</span>
        </p>
      )}
      <Textarea
        label={words.addresses}
        description={words.addressesHint}
        value={draft.addresses}
        rows={2}
        autosize={false}
        onChange={(e) => set({ addresses: e.currentTarget.value })}
        error={wrong("addresses", "/notifications/addresses")}
        spellCheck={false}
      />
      <fieldset className={`stack tight ${classes.plain}`}>
        <legend>{words.what}</legend>
        <NativeSelect
          aria-label={words.what}
          value={draft.some ? "some" : "all"}
          onChange={(e) => set({ some: e.currentTarget.value === "some" })}
          data={[
            { value: "all", label: words.all },
            { value: "some", label: words.some },
          ]}
        />
        {draft.some && (
          <div className={classes.two}>
            {Object.entries(t.flags).map(([code, title]) => (
              <Checkbox
                key={code}
                label={title}
                checked={draft.codes.includes(code as FlagCode)}
                onChange={(e) =>
                  set({
                    codes: (e.currentTarget.checked
                      ? [...draft.codes, code as FlagCode]
                      : draft.codes.filter((c) => c !== code)
                    ).sort(),
                  })
                }
              />
            ))}
          </div>
        )}
        {wrong("codes", "/notifications/codes") && (
          <p className={`small ${classes.wrong}`} role="alert">
            {wrong("codes", "/notifications/codes")}
          </p>
        )}
      </fieldset>
      <div className={classes.two}>
        <NativeSelect
          label={words.when}
          value={draft.mode}
          onChange={(e) => set({ mode: e.currentTarget.value as MailDraft["mode"] })}
          data={(["at_once", "hourly", "daily"] as const).map((value) => ({ value, label: words.modes[value] }))}
        />
        {draft.mode === "daily" && (
          <TextInput
            type="time"
            label={words.hour}
            value={draft.hour}
            onChange={(e) => set({ hour: e.currentTarget.value })}
            error={wrong("hour", "/notifications/hour")}
          />
        )}
      </div>
      <div className={classes.two}>
        <TextInput
          type="time"
          label={words.quietFrom}
          value={draft.quietFrom}
          onChange={(e) => set({ quietFrom: e.currentTarget.value })}
          error={wrong("quietFrom", "/notifications/quiet_from")}
        />
        <TextInput
          type="time"
          label={words.quietTo}
          value={draft.quietTo}
          onChange={(e) => set({ quietTo: e.currentTarget.value })}
          error={wrong("quietTo", "/notifications/quiet_to")}
        />
      </div>
      <p className="small muted">{words.quietHint(settings.zone)}</p>
    </SectionForm>
  );
}
