import { describe, expect, it } from "vitest";
import { Failure } from "../api/call";
import type { Order, Preflight } from "../api/gen/types.gen";
import { en } from "../text/en";
import { type Checked, isPlacedSince, isUnclear, pool, problemsOf, sortOut, sumsOf, sumWords } from "./placing";

const usd = (minor: number) => ({ minor, currency: "USD" });
const preflight = (more: Partial<Preflight> = {}) =>
  ({
    ready: true,
    problems: [],
    groups: [],
    totals: [{ goods: usd(1000), shipping: usd(199) }],
    supplier_order_ids: [],
    ...more,
  }) as unknown as Preflight;
const checked = (id: string, p?: Preflight): Checked => ({ id, number: id, preflight: p });

describe("the review before placing", () => {
  it("leaves out what cannot be placed and what could not be checked", () => {
    const { ready, blocked, unchecked } = sortOut([
      checked("a", preflight()),
      checked("b", preflight({ ready: false })),
      checked("c"),
    ]);
    expect([ready, blocked, unchecked].map((l) => l.map((c) => c.id))).toEqual([["a"], ["b"], ["c"]]);
  });

  it("adds up by currency, never across", () => {
    const eur = preflight({
      totals: [{ goods: { minor: 500, currency: "EUR" }, shipping: { minor: 0, currency: "EUR" } }],
    });
    const sums = sumsOf([checked("a", preflight()), checked("b", preflight()), checked("c", eur)]);
    expect(sums).toEqual([
      { currency: "USD", goods: 2000, shipping: 398 },
      { currency: "EUR", goods: 500, shipping: 0 },
    ]);
    expect(sumWords(sums)).toMatch(/23\.98 \+ .*5\.00/);
  });

  it("says each problem once, those that block first", () => {
    const warning = { code: "custom_text", detail: "Look.", next_action: "", blocks: false };
    const block = { code: "out_of_stock", detail: "None left.", next_action: "Wait.", blocks: true };
    const p = preflight({
      problems: [warning, block],
      groups: [{ lines: [{ problems: [block] }] }] as unknown as Preflight["groups"],
    });
    expect(problemsOf(p).map((x) => x.code)).toEqual(["out_of_stock", "custom_text"]);
  });
});

describe("what became of it", () => {
  it("is unclear without an answer and after a server's failure, and clear after a refusal", () => {
    expect(isUnclear(new Failure("offline", 0, ""))).toBe(true);
    expect(isUnclear(new Failure("unavailable", 503, ""))).toBe(true);
    expect(isUnclear(new Failure("unexpected", 200, ""))).toBe(true);
    expect(isUnclear(new Failure("invalid", 422, ""))).toBe(false);
    expect(isUnclear(new Failure("placing_stopped", 409, ""))).toBe(false);
  });

  it("is known by a purchase that was not there before", () => {
    const order = {
      supplier_orders: [
        { id: "old", state: "placed" },
        { id: "new", state: "sending" },
        { id: "no", state: "rejected" },
      ],
    } as unknown as Order;
    expect(isPlacedSince(order, ["old"])).toBe(true);
    expect(isPlacedSince(order, ["old", "new"])).toBe(false);
  });

  it("is told in numbers, without what is none", () => {
    expect(en.place.result(9, 0, 1, 2)).toBe("9 planned, 1 refused, 2 left out");
    expect(en.place.result(0, 2, 0, 0)).toBe("2 under way already");
    expect(en.place.result(0, 0, 0, 0)).toBe("Nothing was placed");
  });
});

describe("the pool", () => {
  it("does everything, never more than so many at once", async () => {
    let at = 0;
    let peak = 0;
    const done: number[] = [];
    await pool([1, 2, 3, 4, 5, 6, 7, 8, 9], 4, async (n) => {
      peak = Math.max(peak, ++at);
      await Promise.resolve();
      done.push(n);
      at--;
    });
    expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(peak).toBe(4);
  });

  it("stops when it is told to", async () => {
    const done: number[] = [];
    await pool(
      [1, 2, 3],
      1,
      async (n) => void done.push(n),
      () => done.length >= 2,
    );
    expect(done).toEqual([1, 2]);
  });
});
