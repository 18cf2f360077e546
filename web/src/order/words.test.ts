import { describe, expect, it, vi } from "vitest";
import type { Order, SupplierOrder } from "../api/gen/types.gen";
import { problemsByField } from "./AddressDialog";
import { shownOf, waysOf } from "./StoreDialog";
import { urgency } from "./urgency";
import { actorWords, freshSentence, isToBuy, nextWords, purchaseWords, ticketText, toldBy, webLink } from "./words";

// At noon: close to midnight what comes next is tomorrow, and is said with its day.
vi.useFakeTimers({ toFake: ["Date"], now: new Date(2026, 5, 10, 12) });

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

const order = (more: object = {}) =>
  ({
    id: "o-1",
    store_id: "s-1",
    external_id: "w-1",
    number: "10016",
    tab: "awaiting_order",
    why: "Its only unit has not been bought yet.",
    flags: [],
    chips: [],
    lines: [{ id: "l", role: "dropship", live: 2 }],
    supplier_orders: [],
    supplier_numbers: [],
    tracking: [],
    parcels: [],
    last_checked_at: ago(3),
    last_checked_source: "webhook",
    next_check_at: ago(-30),
    ...more,
  }) as unknown as Order;

describe("freshness", () => {
  it("says when it was checked, who told it, and when it is checked next", () => {
    expect(freshSentence(order())).toMatch(/^Synced 3 min\.? ago, told by the store · next \d\d:\d\d/);
  });
  it("says that an order is final", () => {
    expect(freshSentence(order({ next_check_at: undefined }))).toMatch(/^Final · synced/);
  });
  it("does not name a source for what it could not check", () => {
    expect(freshSentence(order({ last_checked_at: ago(500), next_check_at: ago(400) }))).toMatch(
      /^Overdue, synced 8 hr?\.? ago · next now$/,
    );
  });
  it("says that it was never checked, and that it is checked now", () => {
    expect(freshSentence(order({ last_checked_at: undefined, next_check_at: undefined }))).toBe("Not synced yet");
    expect(freshSentence(order(), true)).toMatch(/^Syncing now/);
  });
});

describe("a supplier order in words", () => {
  const words: [Partial<SupplierOrder>, RegExp][] = [
    [{ state: "planned" }, /within seconds/],
    [{ state: "planned", waiting_for: "order_held" }, /held/],
    [{ state: "planned", waiting_for: "placing_stopped" }, /stopped/],
    [{ state: "unknown" }, /Checking whether it was placed/],
    [{ state: "rejected", error_code: "out_of_stock" }, /nothing was bought/],
    [{ state: "rejected", error_code: "withdrawn" }, /Withdrawn/],
    [{ state: "placed", stage: "unpaid" }, /not paid/],
    [{ state: "placed", stage: "closed" }, /Ended/],
    [{ state: "placed" }, /Bought/],
  ];
  it.each(words)("%j", (s, expected) => expect(purchaseWords(s as SupplierOrder)).toMatch(expected));
});

describe("whether something is to be bought", () => {
  const bought = (more: object) =>
    order({ supplier_orders: [{ lines: [{ line_id: "l", part: 0, quantity: 2, live: true }], ...more }] });
  it("is, when nothing has been bought", () => expect(isToBuy(order())).toBe(true));
  it("is not, while it is being bought", () => expect(isToBuy(bought({ state: "sending" }))).toBe(false));
  it("is not, while it is not known whether it was bought", () =>
    expect(isToBuy(bought({ state: "unknown" }))).toBe(false));
  it("is again, once the supplier has closed it", () =>
    expect(isToBuy(bought({ state: "placed", stage: "closed" }))).toBe(true));
  it("is not, when the buyer has not paid", () => expect(isToBuy(order({ tab: "pending" }))).toBe(false));
});

describe("the timeline", () => {
  it("says who told it", () => {
    expect(["webhook", "sweep", "push", "poll", "engine", "manual", "person"].map((s) => toldBy(s as "poll"))).toEqual([
      "store",
      "store",
      "supplier",
      "supplier",
      "waybill",
      "you",
      "you",
    ]);
  });
  it("names the key of a program, and nobody for Waybill itself", () => {
    expect(actorWords("api:first")).toBe("key “first”");
    expect(actorWords("person:Jane: Doe")).toBe("Jane: Doe");
    expect(actorWords("support:Sam")).toBe("Sam of support");
    expect(actorWords("operator")).toBe("Whoever runs Waybill");
    expect(actorWords("system")).toBe("");
  });
  it("says what comes next", () => {
    expect(nextWords(order())).toMatch(/^You place the supplier orders\. Waybill looks next at/);
    expect(nextWords(order({ hold: { by: "me" } }))).toMatch(/^You release/);
    expect(nextWords(order({ tab: "fulfilled", next_check_at: undefined }))).toMatch(/Nothing more is checked/);
  });
});

describe("the text for a ticket", () => {
  it("has what a person who helps needs, in UTC", () => {
    const text = ticketText(
      order({
        last_checked_at: "2026-11-24T11:28:22.826Z",
        next_check_at: "2026-11-24T11:33:51Z",
        supplier_numbers: ["8171935319781315"],
        flags: [{ code: "seller_late", detail: "Nothing for 7 days." }],
      }),
      "http://localhost/orders/o-1",
    );
    expect(text.split("\n")).toEqual([
      "Order 10016 · Awaiting order",
      "Why: Its only unit has not been bought yet.",
      "Last checked: 2026-11-24 11:28 UTC, told by the store",
      "Next check: 2026-11-24 11:33 UTC",
      "Needs attention: The seller is late: Nothing for 7 days.",
      "AliExpress orders: 8171935319781315",
      "Ids: order o-1, store s-1, at the store w-1",
      "http://localhost/orders/o-1",
    ]);
  });
});

describe("what may become a link", () => {
  it("is only what leads to the web", () => {
    expect(webLink("https://www.aliexpress.com/")).toBe("https://www.aliexpress.com/");
    expect(webLink("javascript:alert(1)")).toBeUndefined();
    expect(webLink(undefined)).toBeUndefined();
  });
});

describe("how pressing a payment is", () => {
  const at = Date.parse("2026-11-24T12:00:00Z");
  it.each([
    ["2026-11-24T11:00:00Z", "bad"],
    ["2026-11-24T13:59:00Z", "bad"],
    ["2026-11-24T14:01:00Z", "warn"],
    ["2026-11-25T12:01:00Z", undefined],
    [undefined, undefined],
  ])("%s is %s", (payBy, tone) => expect(urgency(payBy, at)).toBe(tone));
});

describe("a refused address", () => {
  it("is told by field, whatever the pointers begin with, the first reason of each", () => {
    expect(
      problemsByField([
        { pointer: "/address/phone", reason: "is required" },
        { pointer: "/phone", reason: "must have 9 digits" },
        { pointer: "/recipient/tax_id", reason: "is required" },
      ]),
    ).toEqual({ phone: "is required", tax_id: "is required" });
  });
});

describe("what the store shows and should show", () => {
  it("offers to overwrite only where the store shows another number", () => {
    expect(waysOf({ state: "refused", error_code: "store_fulfilled_otherwise" })).toEqual(["overwrite", "accept"]);
    expect(waysOf({ state: "refused", error_code: "other" })).toEqual(["retry", "accept"]);
    expect(waysOf({ state: "confirmed" })).toEqual(["fix", "accept"]);
    expect(waysOf({ state: "retrying" })).toEqual(["retry"]);
  });
  it("compares with the same fulfillment, else with one of the same goods", () => {
    const push = { fulfillment_id: "f2", lines: [{ line_id: "l", quantity: 1 }] } as Parameters<typeof shownOf>[0];
    const shown = [
      { fulfillment_id: "f1", lines: [{ line_id: "l", quantity: 1 }] },
      { fulfillment_id: "f2", lines: [] },
    ] as unknown as Parameters<typeof shownOf>[1];
    expect(shownOf(push, shown)?.fulfillment_id).toBe("f2");
    expect(shownOf({ ...push, fulfillment_id: "gone" }, shown)?.fulfillment_id).toBe("f1");
    expect(shownOf({ ...push, lines: [], fulfillment_id: "gone" }, shown)).toBeUndefined();
  });
});
