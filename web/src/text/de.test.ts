import { describe, expect, it } from "vitest";
import { de } from "./de";
import { en } from "./en";

type Text = string | ((...parts: never[]) => string);

// Names, signs, and words that are the same in both languages.
const same = new Set([
  "do.details",
  "frame.nav.support",
  "signIn.code",
  "people.roles.support",
  "people.person",
  "account.name",
  "account.passkeys.title",
  "support.title",
  "orders.column.status",
  "orders.noTracking",
  "order.status",
  "order.quantity",
  "order.decidedBy",
  "order.from.store",
  "order.from.supplier",
  "order.from.waybill",
  "order.copyJson",
  "activity.job.column.status",
  "health.errorOf",
  "connections.platforms.wix",
  "connections.platforms.aliexpress",
  "connections.facts.ownApp",
  "mappings.sku",
  "settings.nav.webhooks",
  "settings.webhooks.took",
]);

/** Every text of a catalogue by its path; the paths are in the catalogue's order. */
function texts(of: object, path = ""): [string, Text][] {
  return Object.entries(of).flatMap(([key, value]): [string, Text][] => {
    const at = path ? `${path}.${key}` : key;
    return value !== null && typeof value === "object" ? texts(value, at) : [[at, value as Text]];
  });
}

// Parts are counts, words and flags; which, only the function knows. So each is called with all of them.
const samples: unknown[][] = [
  [1, 1, 1, 1],
  [2, 3, 4, 5],
  [1000, 0, 0, 0],
  ["1", "Muster", "Muster", "Muster"],
  ["Muster", true, "Muster", 2],
  ["12", false, "x", 1],
];

const said = (t: Text) => (typeof t === "string" ? [t] : samples.map((parts) => t(...(parts as never[]))));

const english = texts(en);
const german = texts(de);
const germanAt = new Map(german);

describe("the German texts", () => {
  it("are those of the English catalogue, in its order", () => {
    expect(german.map(([at]) => at)).toEqual(english.map(([at]) => at));
  });

  it("take the same parts", () => {
    const parts = (t?: Text) => (typeof t === "function" ? t.length : -1);
    for (const [at, t] of english) expect([at, parts(germanAt.get(at))]).toEqual([at, parts(t)]);
  });

  it("always say something", () => {
    for (const [at, t] of german)
      for (const words of said(t)) {
        expect([at, words]).toEqual([at, expect.stringMatching(/\S/)]);
        expect([at, words]).not.toEqual([at, expect.stringMatching(/undefined|null|NaN|\[object/)]);
      }
  });

  it("differ from the English ones, but for names and signs", () => {
    const untranslated = english.filter(([at, t]) => {
      const other = germanAt.get(at);
      return other !== undefined && said(t).join("\n") === said(other).join("\n");
    });
    expect(untranslated.map(([at]) => at)).toEqual([...same]);
  });

  it("are written the German way", () => {
    for (const [at, t] of german)
      for (const words of said(t)) {
        expect([at, words]).not.toEqual([at, expect.stringMatching(/[!”’"]|\.\.\./)]);
        expect([at, words.split("„").length]).toEqual([at, words.split("“").length]);
      }
  });

  it("keep what is put into a template", () => {
    const marks = (t: Text) => (typeof t === "string" ? (t.match(/\{\w+\}/g) ?? []) : []);
    for (const [at, t] of english) expect([at, marks(germanAt.get(at) ?? "")]).toEqual([at, marks(t)]);
  });

  it("count in the singular and the plural", () => {
    expect([de.tabCount("Versendet", 1), de.tabCount("Versendet", 2)]).toEqual([
      "Versendet, 1 Bestellung",
      "Versendet, 2 Bestellungen",
    ]);
    expect([de.order.purchases(1), de.order.purchases(0)]).toEqual([
      "1 Lieferantenbestellung",
      "0 Lieferantenbestellungen",
    ]);
    expect([de.place.days(1, 1), de.place.days(7, 7), de.place.days(2, 5)]).toEqual(["1 Tag", "7 Tage", "2–5 Tage"]);
    expect([de.place.blocked(1), de.place.blocked(2)]).toEqual([
      "1 kann nicht bestellt werden und wird ausgelassen",
      "2 können nicht bestellt werden und werden ausgelassen",
    ]);
  });
});
