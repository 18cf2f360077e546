import { describe, expect, it } from "vitest";
import { readOrdersSearch, stringifySearch } from "../app/search";
import { countsOf, endOfDay, narrowed, paramsOf, scopeOf, startOfDay } from "./list";

describe("the address of the list", () => {
  it("keeps a number that was searched for as text", () => {
    expect(readOrdersSearch({ q: "0012", tab: "fulfilled" })).toEqual({ q: "0012", tab: "fulfilled" });
  });
  it("leaves out what makes no sense", () => {
    expect(
      readOrdersSearch({ tab: "nonsense", sort: "random", from: "yesterday", to: "2026-13-45", q: "", page: "3" }),
    ).toEqual({});
    // Said to be undefined, not merely left away: the router keeps what nothing is said of.
    expect(Object.keys(readOrdersSearch({ from: "yesterday" }))).toContain("from");
  });
  it("is written without what holds anyhow", () => {
    expect(stringifySearch({ tab: "closed", q: undefined, store: "" })).toBe("?tab=closed");
    expect(stringifySearch({})).toBe("");
  });
});

describe("what the list asks for", () => {
  it("begins with the first tab, newest first", () => {
    expect(paramsOf({})).toEqual({ tab: "pending" });
  });
  it("asks for attention as a view, soonest deadline first", () => {
    expect(paramsOf({ tab: "attention" })).toEqual({ view: "attention", sort: "deadline" });
    expect(paramsOf({ tab: "attention", sort: "newest" })).toEqual({ view: "attention", sort: "newest" });
  });
  it("includes both days of a range", () => {
    const p = paramsOf({ from: "2026-03-29", to: "2026-03-29" });
    expect(p.placed_from).toBe(startOfDay("2026-03-29").toISOString());
    expect(p.placed_to).toBe(endOfDay("2026-03-29").toISOString());
    expect(endOfDay("2026-03-29").getTime()).toBe(startOfDay("2026-03-30").getTime());
  });
  it("counts and syncs what it shows", () => {
    const s = { tab: "fulfilled", q: " jane ", sort: "oldest", order: "x" } as const;
    expect(countsOf(s)).toEqual({ q: "jane" });
    expect(scopeOf(s)).toEqual({ kind: "filter", filter: { tab: "fulfilled", q: "jane" } });
  });
  it("is narrowed by everything but tab, store and sort", () => {
    expect(narrowed({ tab: "closed", store: "s", sort: "oldest" })).toBe(false);
    expect(narrowed({ country: "DE" })).toBe(true);
  });
});
