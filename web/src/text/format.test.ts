import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { learnTime, now } from "../api/clock";
import { ago, count, country, decimals, money, seconds, until } from "./format";

const start = Date.parse("2026-11-24T12:00:00Z");
const at = (s: number) => new Date(start + s * 1000).toISOString();

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});
afterEach(() => {
  learnTime(new Date().toUTCString());
  vi.useRealTimers();
});

describe("money", () => {
  it.each([
    [{ minor: 7739, currency: "USD" }, "US$77.39"],
    [{ minor: 7739, currency: "JPY" }, "JP¥7,739"],
    [{ minor: 7739, currency: "KWD" }, "KWD\u00a07.739"],
    [{ minor: -50, currency: "EUR" }, "-€0.50"],
    [{ minor: 100, currency: "not a currency" }, "1 not a currency"],
  ])("%o", (m, words) => {
    expect(money(m)).toBe(words);
  });
  it("knows how many decimals a currency has", () => {
    expect([decimals("USD"), decimals("JPY"), decimals("KWD")]).toEqual([2, 0, 3]);
  });
});

describe("time", () => {
  it.each([
    [59, "just now"],
    [60, "1 min ago"],
    [59 * 60 + 59, "59 min ago"],
    [3600, "1 hr ago"],
    [47 * 3600, "47 hr ago"],
    [48 * 3600, "2 days ago"],
  ])("%d s ago", (s, words) => {
    expect(ago(at(-s)).replace("min. ", "min ").replace("hr. ", "hr ")).toBe(words);
  });
  it("counts down to now and no further", () => {
    expect(until(at(30))).toBe("now");
    expect(until(at(-500))).toBe("now");
    expect(until(at(120))).toMatch(/2 min/);
  });
  it("follows the server's clock when the laptop is ten minutes wrong", () => {
    learnTime(new Date(start - 600_000).toUTCString());
    expect(Math.abs(now() - (start - 600_000))).toBeLessThan(1000);
    expect(ago(at(-600))).toBe("just now");
  });
  it("takes two seconds for no difference, and nonsense for nothing", () => {
    learnTime(new Date(start + 1000).toUTCString());
    learnTime("nonsense");
    learnTime(null);
    expect(now()).toBe(start);
  });
  it.each([
    [0, "0"],
    [0.04, "0.1"],
    [0.42, "0.4"],
    [12.4, "12"],
    [180, "3"],
    [7200, "2"],
  ])("%d seconds", (s, words) => {
    expect(seconds(s)).toContain(words);
  });
});

describe("counts and countries", () => {
  it("is exact up to 9,999 and short beyond", () => {
    expect(count(9999)).toBe("9,999");
    expect(count(18_360)).toMatch(/18\.4k/i);
  });
  it("names a country and leaves what is none", () => {
    expect(country("DE")).toBe("Germany");
    expect(country("")).toBe("");
    expect(country("??")).toBe("??");
  });
});
