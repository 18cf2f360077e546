import { describe, expect, it } from "vitest";
import type { Flag, FlagCode, Order } from "../api/gen/types.gen";
import { en } from "../text/en";
import { type Fix, fixesOf, supplierOrderOf } from "./fixes";

const order = {
  lines: [{ id: "line", variant_key: "product/variant" }],
  supplier_orders: [
    {
      id: "bought",
      order_url: "https://www.aliexpress.com/p/order/detail.html?orderId=8171935319781315",
      lines: [{ line_id: "line" }],
    },
    { id: "refused", error_code: "out_of_stock", lines: [{ line_id: "line" }] },
    {
      id: "address",
      error_code: "address_rejected",
      error_fields: [{ pointer: "/phone", reason: "must be a phone number" }],
      lines: [{ line_id: "line" }],
    },
  ],
  parcels: [{ id: "parcel", items: [{ supplier_order_id: "bought" }] }],
  pushes: [{ id: "push", parcel_id: "parcel" }],
} as unknown as Order;

const flag = (code: FlagCode, subject?: string) => ({ id: "flag", code, subject }) as unknown as Flag;
const kinds = (code: FlagCode, subject?: string) => fixesOf(flag(code, subject), order).map((f) => f.kind);

describe("what leads out of a trouble", () => {
  it("has a way and words for every code there is", () => {
    for (const code of Object.keys(en.flags) as FlagCode[]) {
      const fixes = fixesOf(flag(code, "line"), order);
      expect(fixes.length, code).toBeGreaterThan(0);
      for (const f of fixes) expect(en.order.fix[f.kind], f.kind).toBeTruthy();
    }
  });

  const main: [FlagCode, string | undefined, Fix["kind"]][] = [
    ["no_supplier", "line", "map"],
    ["place_failed", "refused", "map"],
    ["place_failed", "address", "address"],
    ["place_unknown", "bought", "resolve"],
    ["payment_timeout", "bought", "place"],
    ["pay_soon", "bought", "pay"],
    ["seller_late", "bought", "aliexpress"],
    ["tracking_silent", "parcel", "aliexpress"],
    ["shipped_without_number", "bought", "withoutNumber"],
    ["push_refused", "push", "store"],
    ["mismatch", "push", "store"],
    ["push_unconfirmed", "push", "retry"],
    ["supplier_order_no_data", "bought", "renumber"],
    ["held", "order", "release"],
    ["held", "placing", "settings"],
    ["override_conflict", "purchase_address", "address"],
    ["override_conflict", "decision", "lift"],
    ["needs_reauth", undefined, "connections"],
    ["stale_order", "order", "close"],
  ];
  it.each(main)("%s about %s is first fixed by: %s", (code, subject, kind) => {
    expect(kinds(code, subject)[0]).toBe(kind);
  });

  it("names the variant to map and the fields that were refused", () => {
    expect(fixesOf(flag("no_supplier", "line"), order)[0]).toEqual({ kind: "map", variant: "product/variant" });
    expect(fixesOf(flag("place_failed", "address"), order)[0]).toEqual({
      kind: "address",
      fields: [{ pointer: "/phone", reason: "must be a phone number" }],
      place: true,
    });
  });

  it("finds the supplier order by way of the parcel and the push", () => {
    expect(supplierOrderOf(flag("tracking_silent", "parcel"), order)?.id).toBe("bought");
    expect(supplierOrderOf(flag("push_refused", "push"), order)?.id).toBe("bought");
  });

  it("does something sensible with a code that is newer than itself", () => {
    expect(kinds("something_new" as FlagCode)).toEqual(["sync"]);
  });
});
