import { describe, expect, it } from "vitest";
import type { Settings } from "../api/gen/types.gen";
import {
  changedMeanwhile,
  isTrackingPage,
  isZone,
  readAddresses,
  readHour,
  readWhole,
  ruleDraft,
  ruleValues,
  ruleWords,
  withSection,
} from "./settings";

const base: Settings = { zone: "UTC", full_sweeps: ["06:00"], hold_minutes: 30, seller_note: "" };

describe("mail addresses", () => {
  it("are read from lines and lists, each once", () => {
    expect(readAddresses(" ann@example.com,\nbob@example.com; ann@example.com ")).toEqual([
      "ann@example.com",
      "bob@example.com",
    ]);
    expect(readAddresses("  ")).toEqual([]);
  });
  it("are refused when one is none or there are too many", () => {
    for (const wrong of ["nobody", "Ann <ann@example.com>", "a@b", "a@x.y b@x.y c@x.y d@x.y e@x.y f@x.y"])
      expect(readAddresses(wrong)).toBeUndefined();
  });
});

describe("a section is saved on its own", () => {
  it("another person's change of another section is kept", () => {
    const fresh = { ...base, seller_note: "Thanks" };
    expect(changedMeanwhile(base, fresh, { zone: "Europe/Berlin" }, ["zone", "full_sweeps"])).toBe(false);
    expect(withSection(fresh, { zone: "Europe/Berlin" })).toMatchObject({
      zone: "Europe/Berlin",
      seller_note: "Thanks",
    });
  });

  it("another person's change of the same section is not overwritten unseen", () => {
    const fresh = { ...base, zone: "Asia/Tokyo" };
    expect(changedMeanwhile(base, fresh, { zone: "Europe/Berlin" }, ["zone"])).toBe(true);
  });

  it("the same change by two people is none", () => {
    const fresh = { ...base, zone: "Europe/Berlin" };
    expect(changedMeanwhile(base, fresh, { zone: "Europe/Berlin" }, ["zone"])).toBe(false);
  });

  it("what only the server decides is not sent", () => {
    const tripped = { ...base, placing_tripped: { at: "2026-03-14T00:00:00Z", why: "x" } };
    expect(withSection(tripped, {})).not.toHaveProperty("placing_tripped");
  });
});

it.each([
  ["30", 30],
  ["0", 0],
  [" 7 ", 7],
  ["-1", undefined],
  ["1.5", undefined],
  ["10081", undefined],
  ["", undefined],
])("%s minutes are %s", (typed, n) => {
  expect(readWhole(typed, 0, 10080)).toBe(n);
});

it("hours are read as the API has them", () => {
  expect(readHour("06:00")).toBe("06:00");
  expect(readHour("23:59:00")).toBe("23:59");
  expect(readHour("24:00")).toBe("");
  expect(readHour("6:00")).toBe("");
});

it("zones are those that there are", () => {
  expect(isZone("Europe/Berlin")).toBe(true);
  expect(isZone("UTC")).toBe(true);
  expect(isZone("Europe/Atlantis")).toBe(false);
  expect(isZone("+02:00")).toBe(false);
  expect(isZone("")).toBe(false);
});

describe("the rule of automatic placing", () => {
  const name = (id: string) => `store ${id}`;

  it("is off and empty by default", () => {
    const d = ruleDraft(base);
    expect(d).toMatchObject({ enabled: false, max: "", hold: "30" });
    expect(ruleValues(d)).toEqual({
      auto_place: { enabled: false, store_ids: [], countries: [] },
      hold_minutes: 30,
      seller_note: "",
    });
  });

  it("goes through the form unchanged", () => {
    const s: Settings = {
      ...base,
      auto_place: {
        enabled: true,
        store_ids: ["1"],
        countries: ["DE", "US"],
        max_total: { minor: 8050, currency: "USD" },
        account_id: "a",
      },
    };
    expect(ruleValues(ruleDraft(s)).auto_place).toEqual(s.auto_place);
  });

  it("says every condition that holds", () => {
    const d = { ...ruleDraft(base), enabled: true, stores: ["1"], countries: ["DE", "US"], max: "80", hold: "1" };
    expect(ruleWords(d, name)).toBe(
      "When an order is paid, and belongs to store 1, and goes to Germany or United States, and is at most US$80.00: it waits 1 minute and is then placed at AliExpress.",
    );
    expect(ruleWords({ ...d, hold: "0", stores: [], countries: [], max: "" }, name)).toBe(
      "When an order is paid: it is placed at AliExpress at once.",
    );
    expect(ruleWords({ ...d, enabled: false }, name)).toContain("No order is placed by itself");
  });
});

it("a tracking page has the place of the number", () => {
  expect(isTrackingPage("https://track.example.com/{number}")).toBe(true);
  expect(isTrackingPage("")).toBe(true);
  expect(isTrackingPage("http://track.example.com/{number}")).toBe(false);
  expect(isTrackingPage("https://track.example.com/")).toBe(false);
  expect(isTrackingPage("javascript:{number}")).toBe(false);
});
