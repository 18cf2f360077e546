// The rules of the settings' page.

import type { Settings } from "../api/gen/types.gen";
import { text } from "../text";
import { country, money, number } from "../text/format";
import { readAmount, writeAmount } from "./mappings";

export type Values = Partial<Settings>;
type Key = keyof Settings;

const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** Whether somebody else has changed one of a section's settings to something else than what is to be saved. */
export function changedMeanwhile(base: Settings, fresh: Settings, mine: Values, keys: readonly Key[]): boolean {
  return keys.some((k) => !same(base[k], fresh[k]) && !same(fresh[k], mine[k]));
}

/** What is sent: everything as it is now, with this section changed. What only the server decides is left out. */
export function withSection(fresh: Settings, mine: Values): Settings {
  const { placing_tripped: _, ...rest } = { ...fresh, ...mine };
  return rest;
}

/** A whole number within bounds; undefined for anything else. */
export function readWhole(typed: string, min: number, max: number): number | undefined {
  const n = /^\d+$/.test(typed.trim()) ? Number(typed.trim()) : Number.NaN;
  return n >= min && n <= max ? n : undefined;
}

/** An hour as the API has it; a browser may add seconds. */
export const readHour = (typed: string) => /^([01]\d|2[0-3]):[0-5]\d/.exec(typed)?.[0] ?? "";

/** Mail addresses, one a line or comma separated; undefined where something is none, or there are more than five. */
export function readAddresses(typed: string): string[] | undefined {
  const all = [...new Set(typed.split(/[\s,;]+/).filter(Boolean))];
  return all.length <= 5 && all.every((a) => /^[^@<>"\\()]+@[^@<>"\\()]+\.[^@<>"\\()]+$/.test(a)) ? all : undefined;
}

/** The time zones of this browser, with UTC, which some leave out. */
export function zones(): string[] {
  const known = Intl.supportedValuesOf("timeZone");
  return known.includes("UTC") ? known : ["UTC", ...known];
}

/** Whether there is such a zone; its old names count as well. */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** The rule of automatic placing as a form holds it. */
export interface RuleDraft {
  enabled: boolean;
  stores: string[];
  countries: string[];
  max: string;
  currency: string;
  account: string;
  hold: string;
  note: string;
}

export function ruleDraft(s: Settings): RuleDraft {
  const rule = s.auto_place ?? {};
  return {
    enabled: rule.enabled ?? false,
    stores: rule.store_ids ?? [],
    countries: rule.countries ?? [],
    max: rule.max_total ? writeAmount(rule.max_total) : "",
    currency: rule.max_total?.currency ?? "USD",
    account: rule.account_id ?? "",
    hold: String(s.hold_minutes ?? 30),
    note: s.seller_note ?? "",
  };
}

/** The settings that a rule's form means. */
export function ruleValues(d: RuleDraft): Values {
  const minor = d.max.trim() ? readAmount(d.max, d.currency) : undefined;
  return {
    auto_place: {
      enabled: d.enabled,
      store_ids: d.stores,
      countries: d.countries,
      ...(minor ? { max_total: { minor, currency: d.currency } } : {}),
      ...(d.account ? { account_id: d.account } : {}),
    },
    hold_minutes: readWhole(d.hold, 0, 10080),
    seller_note: d.note,
  };
}

/** The rule in one sentence. */
export function ruleWords(d: RuleDraft, storeName: (id: string) => string): string {
  const t = text().settings.placing;
  if (!d.enabled) return t.off;
  const minor = d.max.trim() ? readAmount(d.max, d.currency) : undefined;
  const conditions = [
    t.when,
    d.stores.length > 0 && t.ofStores(d.stores.map(storeName).join(t.or)),
    d.countries.length > 0 && t.goesTo(d.countries.map(country).join(t.or)),
    minor && t.upTo(money({ minor, currency: d.currency })),
  ].filter(Boolean);
  const hold = readWhole(d.hold, 0, 10080) ?? 0;
  const then = hold === 0 ? t.thenNow : t.waits(t.minutes(number(hold), hold === 1));
  return `${conditions.join(t.and)}: ${then}`;
}

/** Whether a tracking page can be kept: https with the number's place, or none at all. */
export const isTrackingPage = (link: string) =>
  link === "" || (/^https:\/\/[^\s/]+/.test(link) && link.includes("{number}"));
