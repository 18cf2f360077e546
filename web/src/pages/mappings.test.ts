import { describe, expect, it } from "vitest";
import type { ProductMapping } from "../api/gen/types.gen";
import { byVariant, isShortLink, matches, readAmount, readProductId, suggestedCap, writeAmount } from "./mappings";

it.each([
  ["1005006454451334", "1005006454451334"],
  [" 1005006454451334 ", "1005006454451334"],
  ["https://www.aliexpress.com/item/1005006454451334.html?spm=a2g0o.1&algo_pvid=12345678", "1005006454451334"],
  ["https://de.aliexpress.com/item/Solar-lamp/1005006454451334.html", "1005006454451334"],
  ["https://m.aliexpress.com/i/1005006454451334.html", "1005006454451334"],
  ["www.aliexpress.com/item/1005006454451334", "1005006454451334"],
  ["https://www.aliexpress.com/p/x/index.html?productIds=1005006454451334:12&x=1", "1005006454451334"],
  ["https://www.aliexpress.com/store/1103800006", ""],
  ["https://a.aliexpress.com/_mKx12345678", ""],
  ["4711", ""],
  ["", ""],
])("the product id of %s is %s", (pasted, id) => {
  expect(readProductId(pasted)).toBe(id);
});

it("short links are told from others", () => {
  expect(isShortLink("https://a.aliexpress.com/_mKx12")).toBe(true);
  expect(isShortLink("https://s.click.aliexpress.com/e/_DmK")).toBe(true);
  expect(isShortLink("https://www.aliexpress.com/item/1005006454451334.html")).toBe(false);
});

describe("amounts", () => {
  it.each([
    ["12", "USD", 1200],
    ["12.5", "USD", 1250],
    ["12,50", "EUR", 1250],
    ["0.01", "USD", 1],
    ["12.500", "USD", 1250],
    ["12.345", "USD", undefined],
    ["1500", "JPY", 1500],
    ["1500.5", "JPY", undefined],
    ["0", "USD", undefined],
    ["-1", "USD", undefined],
    ["1,234.50", "USD", undefined],
    ["", "USD", undefined],
  ])("%s %s is %s", (typed, currency, minor) => {
    expect(readAmount(typed, currency)).toBe(minor);
  });

  it("are written as they are read", () => {
    for (const m of [
      { minor: 1250, currency: "USD" },
      { minor: 7, currency: "JPY" },
      { minor: 1, currency: "EUR" },
    ])
      expect(readAmount(writeAmount(m), m.currency)).toBe(m.minor);
  });

  it("are capped a fifth above the price, never below", () => {
    expect(suggestedCap({ minor: 800, currency: "USD" })).toEqual({ minor: 960, currency: "USD" });
    expect(suggestedCap({ minor: 3, currency: "USD" }).minor).toBe(4);
  });
});

const mapping = (m: Partial<ProductMapping>): ProductMapping => ({
  id: "1",
  created_at: "",
  updated_at: "",
  rank: 0,
  role: "dropship",
  store_id: "s",
  title: "Solar lamp",
  variant_key: "v",
  ...m,
});

it("a fallback stands with its variant, even where it comes first", () => {
  const [one, two] = byVariant([
    mapping({ id: "2", rank: 1 }),
    mapping({ id: "3", variant_key: "w" }),
    mapping({ id: "1" }),
  ]);
  expect(one?.main?.id).toBe("1");
  expect(one?.fallback?.id).toBe("2");
  expect(two?.main?.id).toBe("3");
});

it("every word has to be found, in either of the mappings", () => {
  const variant = { key: "", main: mapping({}), fallback: mapping({ supplier_store_name: "Kedi Bottles" }) };
  expect(matches(variant, "lamp kedi")).toBe(true);
  expect(matches(variant, "lamp other")).toBe(false);
  expect(matches(variant, "")).toBe(true);
});
