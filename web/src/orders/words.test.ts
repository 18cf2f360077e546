import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OrderSummary } from "../api/gen/types.gen";
import { freshWords, statusWords } from "./words";

const at = (minutes: number) => new Date(Date.parse("2026-11-24T12:00:00Z") + minutes * 60_000).toISOString();

function order(o: Partial<OrderSummary>): OrderSummary {
  return {
    tab: "pending",
    why: "why",
    chips: [],
    flag_codes: [],
    shipped: 0,
    to_ship: 1,
    tracking: [],
    ...o,
  } as OrderSummary;
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse(at(0)) });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("what an order waits for", () => {
  it.each<[string, Partial<OrderSummary>, string, string]>([
    [
      "a flag comes before everything",
      { tab: "fulfilled", flag_codes: ["mismatch"] },
      "bad",
      "Wix shows something else",
    ],
    ["several flags are counted", { flag_codes: ["no_supplier", "held"] }, "bad", "No supplier is chosen +1"],
    [
      "a flag that is new to the page is shown by its code",
      { flag_codes: ["from_the_future" as never] },
      "bad",
      "from_the_future",
    ],
    ["a payment that is far off", { tab: "awaiting_payment", pay_by: at(3 * 24 * 60) }, "info", "Pay in 3 days"],
    ["a payment that is near", { tab: "awaiting_payment", pay_by: at(90) }, "warn", "Pay in 1 hr"],
    ["a payment without a time", { tab: "awaiting_payment" }, "info", "Pay on AliExpress"],
    ["nothing shipped", { tab: "awaiting_shipment" }, "neutral", "Waiting for the supplier to ship"],
    ["partly shipped", { tab: "awaiting_shipment", shipped: 2, to_ship: 3 }, "info", "2 of 3 shipped"],
    ["shipped and read back", { tab: "fulfilled", push_state: "confirmed" }, "good", "Shipped · confirmed in Wix"],
    ["shipped, not read back yet", { tab: "fulfilled", push_state: "sent" }, "info", "Shipped · being told to Wix"],
    ["shipped, refused by the store", { tab: "fulfilled", push_state: "refused" }, "bad", "Wix does not have it"],
    [
      "being placed",
      { tab: "awaiting_order", chips: [{ code: "placing", text: "Being placed" }] },
      "info",
      "Being placed",
    ],
    ["to be placed", { tab: "awaiting_order" }, "info", "Ready to order"],
    ["not paid by the buyer", {}, "neutral", "The buyer has not paid yet"],
  ])("%s", (_, o, tone, text) => {
    const words = statusWords(order(o));
    expect(words.tone).toBe(tone);
    expect(words.text.replace("hr.", "hr")).toBe(text);
  });
});

describe("how fresh an order is", () => {
  it.each<[string, Parameters<typeof freshWords>[0], boolean, string, string]>([
    ["just now", { last_checked_at: at(0), next_check_at: at(60) }, false, "good", "Synced just now"],
    ["minutes ago", { last_checked_at: at(-3), next_check_at: at(60) }, false, "good", "Synced 3 min ago"],
    ["never", { next_check_at: at(1) }, false, "none", "Not synced yet"],
    ["final", { last_checked_at: at(-60) }, false, "good", "Final"],
    ["running", { last_checked_at: at(-3), next_check_at: at(60) }, true, "busy", "Syncing now"],
    [
      "a little late is no reason to worry",
      { last_checked_at: at(-60), next_check_at: at(-29) },
      false,
      "good",
      "Synced 1",
    ],
    ["late", { last_checked_at: at(-300), next_check_at: at(-31) }, false, "warn", "Overdue, synced 5"],
  ])("%s", (_, o, syncing, tone, text) => {
    const words = freshWords(o, syncing);
    expect(words.tone).toBe(tone);
    expect(words.text).toContain(text);
  });

  it("says when it is checked next, and that it is due when its time has come", () => {
    expect(freshWords({ last_checked_at: at(-3), next_check_at: at(60) }).next).toMatch(/^next \d/);
    expect(freshWords({ last_checked_at: at(-3), next_check_at: at(-1) }).next).toBe("next now");
    expect(freshWords({ last_checked_at: at(-3) }).next).toBeUndefined();
  });
});
