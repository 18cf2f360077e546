import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { Settings } from "../api/gen/types.gen";
import { healthQuery } from "../api/queries";
import { useText } from "../text";
import { IconClose, IconPlus } from "../ui/icons";
import { Time } from "../ui/Time";
import { SectionCard, SectionForm } from "./SettingsCard";
import classes from "./SettingsPage.module.css";
import { type Section, useSection } from "./section";
import { isZone, readHour, readWhole, zones } from "./settings";

interface ScheduleDraft {
  zone: string;
  hours: string[];
}

const scheduleDraft = (s: Settings): ScheduleDraft => ({ zone: s.zone, hours: [...(s.full_sweeps ?? [])].sort() });

/** The schedule as a section's form. */
function useSchedule(settings: Settings): Section<ScheduleDraft> {
  const t = useText();
  return useSection(settings, {
    name: t.settings.nav.schedule,
    keys: ["zone", "full_sweeps"],
    write: scheduleDraft,
    read: (d) => ({ zone: d.zone.trim(), full_sweeps: d.hours }),
    check: (d) => (isZone(d.zone.trim()) ? {} : { zone: t.settings.schedule.zoneWrong }),
  });
}

/** When everything open is looked at. */
export function ScheduleSection({ settings }: { settings: Settings }) {
  const t = useText();
  return (
    <SectionCard id="schedule" lead={t.settings.schedule.lead}>
      <ScheduleForm settings={settings} />
    </SectionCard>
  );
}

/** The zone and the hours of the full checks. */
export function ScheduleForm({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.schedule;
  const section = useSchedule(settings);
  const { data: health } = useQuery(healthQuery);
  const list = useId();
  return (
    <SectionForm section={section}>
      <TextInput
        label={words.zone}
        description={words.zoneHint}
        list={list}
        value={section.draft.zone}
        onChange={(e) => section.set({ zone: e.currentTarget.value })}
        error={section.wrong("zone", "/zone")}
        autoComplete="off"
        required
      />
      <datalist id={list}>
        {zones().map((z) => (
          <option key={z} value={z} />
        ))}
      </datalist>
      <Hours
        hours={section.draft.hours}
        onChange={(hours) => section.set({ hours })}
        wrong={section.wrong("hours", "/full_sweeps")}
      />
      {health && (
        <p className="muted small">
          {words.next}: {health.next_full_sweep_at ? <Time at={health.next_full_sweep_at} as="clock" /> : words.none} ·{" "}
          {words.last}: {health.last_full_sweep_at ? <Time at={health.last_full_sweep_at} as="ago" /> : words.never}
        </p>
      )}
    </SectionForm>
  );
}

function Hours({ hours, onChange, wrong }: { hours: string[]; onChange: (hours: string[]) => void; wrong?: string }) {
  const t = useText();
  const words = t.settings.schedule;
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState("");
  function add() {
    const hour = readHour(typed);
    if (!hour) setTried(t.settings.needed);
    else if (hours.includes(hour)) setTried(words.hourTwice);
    else if (hours.length >= 24) setTried(words.tooMany);
    else {
      onChange([...hours, hour].sort());
      setTyped("");
      setTried("");
    }
  }
  return (
    <fieldset className={`stack tight ${classes.plain}`}>
      <legend>{words.hours}</legend>
      <p className="small muted">{words.hoursHint}</p>
      {hours.length === 0 && <p>{words.noHours}</p>}
      <ul className={classes.chips}>
        {hours.map((h) => (
          <li key={h} className={`pill ${classes.chip}`}>
            {h}
            <button
              type="button"
              aria-label={words.removeHour(h)}
              onClick={() => onChange(hours.filter((x) => x !== h))}
            >
              <IconClose />
            </button>
          </li>
        ))}
      </ul>
      <div className={classes.adder}>
        <TextInput
          type="time"
          label={words.hour}
          value={typed}
          onChange={(e) => setTyped(e.currentTarget.value)}
          error={tried || wrong}
        />
        <Button variant="default" leftSection={<IconPlus />} onClick={add}>
          {words.addHour}
        </Button>
      </div>
    </fieldset>
  );
}

const warningDraft = (s: Settings) => ({
  pay: String(s.pay_warning_hours ?? 24),
  late: String(s.seller_late_days ?? 7),
  silent: String(s.tracking_silent_days ?? 10),
});

/** From when on something counts as trouble. */
export function WarningsSection({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.warnings;
  const bounds = { pay: 720, late: 90, silent: 90 };
  const section = useSection(settings, {
    name: t.settings.nav.warnings,
    keys: ["pay_warning_hours", "seller_late_days", "tracking_silent_days"],
    write: warningDraft,
    read: (d) => ({
      pay_warning_hours: readWhole(d.pay, 1, bounds.pay),
      seller_late_days: readWhole(d.late, 1, bounds.late),
      tracking_silent_days: readWhole(d.silent, 1, bounds.silent),
    }),
    check: (d) => {
      const wrong: Partial<Record<keyof typeof bounds, string>> = {};
      for (const k of ["pay", "late", "silent"] as const)
        if (readWhole(d[k], 1, bounds[k]) === undefined) wrong[k] = t.settings.wholeNumber(1, bounds[k]);
      return wrong;
    },
  });
  const fields = [
    ["pay", "/pay_warning_hours", words.payHint],
    ["late", "/seller_late_days", undefined],
    ["silent", "/tracking_silent_days", undefined],
  ] as const;
  return (
    <SectionCard id="warnings" lead={words.lead}>
      <SectionForm section={section}>
        {fields.map(([name, pointer, hint]) => (
          <TextInput
            key={name}
            classNames={{ wrapper: classes.number }}
            label={words[name]}
            description={hint}
            inputMode="numeric"
            value={section.draft[name]}
            onChange={(e) => section.set({ [name]: e.currentTarget.value })}
            error={section.wrong(name, pointer)}
            required
          />
        ))}
      </SectionForm>
    </SectionCard>
  );
}
