// Numbers, money, times and countries as the viewer's language and zone write them. Everything is the platform's Intl.

import { now } from "../api/clock";
import type { Money } from "../api/gen/types.gen";
import { locale, text } from "./index";

const made = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat | Intl.RelativeTimeFormat | Intl.DisplayNames>();

// Formatters are dear to make; a list makes thousands of calls.
function kept<T extends Intl.DateTimeFormat | Intl.NumberFormat | Intl.RelativeTimeFormat | Intl.DisplayNames>(
  name: string,
  make: (locale: string) => T,
): T {
  const key = `${locale()}/${name}`;
  const found = made.get(key);
  if (found) return found as T;
  const f = make(locale());
  made.set(key, f);
  return f;
}

const dates = (name: string, options: Intl.DateTimeFormatOptions) =>
  kept(name, (l) => new Intl.DateTimeFormat(l, options));

/** Money with its currency's own number of decimals. */
export function money(m: Money): string {
  try {
    const f = kept(`money ${m.currency}`, (l) => new Intl.NumberFormat(l, { style: "currency", currency: m.currency }));
    return f.format(m.minor / 10 ** (f.resolvedOptions().maximumFractionDigits ?? 2));
  } catch {
    return `${m.minor / 100} ${m.currency}`; // a currency that no browser knows is shown as it came
  }
}

/** How many decimals a currency's minor unit stands for. */
export function decimals(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** A whole number, exactly. */
export const number = (n: number) => kept("number", (l) => new Intl.NumberFormat(l)).format(n);

/** A count for a narrow place: exact up to 9,999, then short. */
export const count = (n: number) =>
  n < 10_000
    ? number(n)
    : kept("compact", (l) => new Intl.NumberFormat(l, { notation: "compact", maximumFractionDigits: 1 })).format(n);

/** A country's name by its code. */
export function country(code: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return code;
  return kept("regions", (l) => new Intl.DisplayNames(l, { type: "region", fallback: "code" })).of(code) ?? code;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** How long ago: just now, 3 min ago, 5 hr ago, 2 days ago. */
export function ago(at: string, at2 = now()): string {
  const passed = at2 - Date.parse(at);
  if (passed < minute) return text().time.justNow;
  const f = kept("ago", (l) => new Intl.RelativeTimeFormat(l, { numeric: "always", style: "short" }));
  if (passed < hour) return f.format(-Math.floor(passed / minute), "minute");
  if (passed < 2 * day) return f.format(-Math.floor(passed / hour), "hour");
  return f.format(-Math.floor(passed / day), "day");
}

/** How long until: in 3 min, in 5 hr, in 2 days; "now" once it has passed. */
export function until(at: string, at2 = now()): string {
  const left = Date.parse(at) - at2;
  if (left < minute) return text().time.now;
  const f = kept("ago", (l) => new Intl.RelativeTimeFormat(l, { numeric: "always", style: "short" }));
  if (left < hour) return f.format(Math.floor(left / minute), "minute");
  if (left < 2 * day) return f.format(Math.floor(left / hour), "hour");
  return f.format(Math.floor(left / day), "day");
}

/** A length of time in seconds: 0.4 s, 12 s, 3 min, 2 hr. */
export function seconds(s: number): string {
  const unit = (n: number, unit: string, digits = 0) =>
    kept(
      `unit ${unit} ${digits}`,
      (l) => new Intl.NumberFormat(l, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits }),
    ).format(n);
  if (s < 10) return unit(s > 0 ? Math.max(s, 0.1) : 0, "second", 1);
  if (s < 90) return unit(Math.round(s), "second");
  if (s < 5400) return unit(Math.round(s / 60), "minute");
  return unit(s / 3600, "hour", 1);
}

const dayOf = (ms: number) => dates("day", { year: "numeric", month: "2-digit", day: "2-digit" }).format(ms);

/** A moment near today: 14:00, or 26 Nov, 06:00 on another day. */
export function clock(at: string): string {
  const ms = Date.parse(at);
  if (dayOf(ms) === dayOf(now())) return dates("clock", { hour: "2-digit", minute: "2-digit" }).format(ms);
  return moment(at);
}

/** A day and time: 18 Nov, 01:18; with the year when it is another one. */
export function moment(at: string): string {
  const d = new Date(at);
  const sameYear = d.getFullYear() === new Date(now()).getFullYear();
  return sameYear
    ? dates("moment", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(d)
    : dates("moment year", {
        day: "numeric",
        month: "short",
        year: "numeric",
        hour: "2-digit",
        minute: "2-digit",
      }).format(d);
}

/** A day: 18 Nov. */
export const date = (at: string) => dates("date", { day: "numeric", month: "short" }).format(new Date(at));

/** The exact time with its zone, for hover and focus. */
export const exact = (at: string) => dates("exact", { dateStyle: "full", timeStyle: "long" }).format(new Date(at));

/** The viewer's time zone. */
export const zone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;
