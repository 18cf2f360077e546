import { Button, Checkbox, NativeSelect, Switch, Textarea, TextInput } from "@mantine/core";
import { May } from "../ui/May";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Checkbox.css";
import "@mantine/core/styles/Switch.css";
import { useQuery } from "@tanstack/react-query";
import { useId, useMemo, useState } from "react";
import { call } from "../api/call";
import { getSettings, resumePlacing } from "../api/gen/sdk.gen";
import type { Settings } from "../api/gen/types.gen";
import { connectionsQuery, queryClient, settingsQuery } from "../api/queries";
import { useText } from "../text";
import { countryCodes } from "../text/countries";
import { country } from "../text/format";
import { IconClose, IconPause, IconPlus, IconWarn } from "../ui/icons";
import { ActionFailed } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { readAmount } from "./mappings";
import { SectionCard, SectionForm } from "./SettingsCard";
import classes from "./SettingsPage.module.css";
import { saveSettings, useSection } from "./section";
import { type RuleDraft, readWhole, ruleDraft, ruleValues, ruleWords } from "./settings";

/** When orders are placed without a person, and how everything is stopped. */
export function PlacingSection({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.placing;
  const { data } = useQuery(connectionsQuery);
  const stores = data?.connections.filter((c) => c.platform === "wix" && c.state !== "removed") ?? [];
  const accounts = data?.connections.filter((c) => c.platform === "aliexpress" && c.state !== "removed") ?? [];
  const section = useSection<RuleDraft>(settings, {
    name: t.settings.nav.placing,
    keys: ["auto_place", "hold_minutes", "seller_note"],
    write: ruleDraft,
    read: ruleValues,
    check: (d) => {
      const wrong: Partial<Record<keyof RuleDraft, string>> = {};
      if (d.max.trim() && !/^[A-Z]{3}$/.test(d.currency)) wrong.currency = words.currencyWrong;
      else if (d.max.trim() && readAmount(d.max, d.currency) === undefined) wrong.max = words.maxWrong;
      if (readWhole(d.hold, 0, 10080) === undefined) wrong.hold = t.settings.wholeNumber(0, 10080);
      if (d.note.length > 500) wrong.note = words.noteLong;
      if (d.enabled && accounts.length > 1 && !d.account) wrong.account = words.accountNeeded;
      return wrong;
    },
  });
  const { draft, set, wrong } = section;
  const storeName = (id: string) => stores.find((s) => s.id === id)?.name ?? id;
  return (
    <SectionCard id="placing" lead={words.lead}>
      <Tripped settings={settings} />
      <EmergencyStop settings={settings} />
      <SectionForm section={section}>
        <Switch
          label={words.enabled}
          description={words.enabledHint}
          checked={draft.enabled}
          onChange={(e) => set({ enabled: e.currentTarget.checked })}
        />
        <div className={classes.rule} role="status">
          <h3 className="small muted">{words.rule}</h3>
          <p>{ruleWords(draft, storeName)}</p>
        </div>
        {draft.enabled && (
          <>
            {stores.length > 1 && (
              <fieldset className={`stack tight ${classes.plain}`}>
                <legend>{words.stores}</legend>
                <p className="small muted">{words.storesHint}</p>
                {stores.map((s) => (
                  <Checkbox
                    key={s.id}
                    label={s.name}
                    checked={draft.stores.includes(s.id)}
                    onChange={(e) =>
                      set({
                        stores: e.currentTarget.checked
                          ? [...draft.stores, s.id]
                          : draft.stores.filter((x) => x !== s.id),
                      })
                    }
                  />
                ))}
              </fieldset>
            )}
            <Countries chosen={draft.countries} onChange={(countries) => set({ countries })} />
            <div className={classes.two}>
              <TextInput
                label={words.max}
                inputWrapperOrder={["label", "input", "description", "error"]}
                description={words.maxHint}
                inputMode="decimal"
                value={draft.max}
                onChange={(e) => set({ max: e.currentTarget.value })}
                error={wrong("max", "/auto_place/max_total")}
              />
              <TextInput
                label={words.currency}
                maxLength={3}
                value={draft.currency}
                onChange={(e) => set({ currency: e.currentTarget.value.toUpperCase() })}
                error={wrong("currency")}
              />
            </div>
            {(accounts.length > 1 || wrong("account", "/auto_place/account_id")) && (
              <NativeSelect
                label={words.account}
                value={draft.account}
                onChange={(e) => set({ account: e.currentTarget.value })}
                error={wrong("account", "/auto_place/account_id")}
                data={[
                  { value: "", label: accounts.length > 1 ? words.accountChoose : words.accountAny },
                  ...accounts.map((a) => ({ value: a.id, label: a.name })),
                ]}
              />
            )}
            <TextInput
              classNames={{ wrapper: classes.number }}
              label={words.hold}
              description={words.holdHint}
              inputMode="numeric"
              value={draft.hold}
              onChange={(e) => set({ hold: e.currentTarget.value })}
              error={wrong("hold", "/hold_minutes")}
              required
            />
          </>
        )}
        <Textarea
          label={words.note}
          description={words.noteHint}
          value={draft.note}
          onChange={(e) => set({ note: e.currentTarget.value })}
          error={wrong("note", "/seller_note")}
          rows={3}
          autosize={false}
        />
      </SectionForm>
    </SectionCard>
  );
}

/** Why placing has stopped by itself, and how it goes on. */
function Tripped({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.placing;
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const { placing_tripped: stop } = settings;
  if (!stop) return null;
  async function resume() {
    setBusy(true);
    setFailed(undefined);
    try {
      queryClient.setQueryData(settingsQuery.queryKey, await call(resumePlacing()));
      toast({ title: words.resumed });
    } catch (e) {
      setFailed(e);
      void queryClient.invalidateQueries({ queryKey: ["settings"] });
    } finally {
      setBusy(false);
    }
  }
  return (
    <div className="stack tight">
      <div className="bar" data-tone="bad" role="alert">
        <IconWarn />
        <div className="grow">
          <strong>
            {words.tripped}
            {stop.at && (
              <>
                , {words.trippedSince} <Time at={stop.at} />
              </>
            )}
          </strong>
          <div>
            {stop.why} {words.trippedDo}
          </div>
        </div>
        <May scope="orders:place">
          <Button variant="default" loading={busy} onClick={() => void resume()}>
            {words.resume}
          </Button>
        </May>
      </div>
      <ActionFailed error={failed} what={words.goOn} />
    </div>
  );
}

/** Stops every purchase at once. It is saved by itself, whatever is typed below. */
function EmergencyStop({ settings }: { settings: Settings }) {
  const t = useText();
  const words = t.settings.placing;
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const stopped = settings.placing_stopped ?? false;
  async function toggle() {
    setBusy(true);
    setFailed(undefined);
    try {
      await saveSettings(await call(getSettings()), { placing_stopped: !stopped });
    } catch (e) {
      setFailed(e);
    } finally {
      setBusy(false);
    }
  }
  const what = stopped ? words.goOn : words.stop;
  return (
    <div className="stack tight">
      <div className={stopped ? "bar" : "row"} data-tone={stopped ? "bad" : undefined}>
        <span className={stopped ? classes.hint : `small muted ${classes.hint}`}>
          {stopped ? words.stopped : words.stopHint}
        </span>
        <May scope="settings:write">
          <Button
            variant={stopped ? "filled" : "default"}
            className={stopped ? undefined : classes.stop}
            leftSection={stopped ? undefined : <IconPause />}
            loading={busy}
            onClick={() => void toggle()}
          >
            {what}
          </Button>
        </May>
      </div>
      <ActionFailed error={failed} what={what} />
    </div>
  );
}

function Countries({ chosen, onChange }: { chosen: string[]; onChange: (codes: string[]) => void }) {
  const t = useText();
  const words = t.settings.placing;
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState("");
  const list = useId();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the names follow the language
  const names = useMemo(
    () => countryCodes.map((code) => ({ code, name: country(code) })).sort((a, b) => a.name.localeCompare(b.name)),
    [t],
  );
  function add() {
    const wished = typed.trim().toLowerCase();
    const found = names.find((c) => c.name.toLowerCase() === wished || c.code.toLowerCase() === wished);
    setWrong(found ? "" : words.countryWrong);
    if (!found) return;
    if (!chosen.includes(found.code)) onChange([...chosen, found.code]);
    setTyped("");
  }
  return (
    <fieldset className={`stack tight ${classes.plain}`}>
      <legend>{words.countries}</legend>
      <p className="small muted">{words.countriesHint}</p>
      {chosen.length > 0 && (
        <ul className={classes.chips}>
          {chosen.map((code) => (
            <li key={code} className={`pill ${classes.chip}`}>
              {country(code)}
              <button
                type="button"
                aria-label={words.removeCountry(country(code))}
                onClick={() => onChange(chosen.filter((c) => c !== code))}
              >
                <IconClose />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className={classes.adder}>
        <TextInput
          label={words.country}
          list={list}
          value={typed}
          onChange={(e) => setTyped(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== "Enter") return;
            e.preventDefault();
            add();
          }}
          error={wrong}
          autoComplete="off"
        />
        <Button variant="default" leftSection={<IconPlus />} onClick={add}>
          {words.addCountry}
        </Button>
      </div>
      <datalist id={list}>
        {names.map((c) => (
          <option key={c.code} value={c.name} />
        ))}
      </datalist>
    </fieldset>
  );
}
