// What leads out of each trouble: the main way first. The server says in words what to do; here it becomes a button.

import type { FieldProblem, Flag, KeyScope, Order, Parcel, Push, SupplierOrder } from "../api/gen/types.gen";

/** A way out of a trouble, with what it is about. */
export type Fix =
  | { kind: "address"; fields: FieldProblem[]; place: boolean }
  | { kind: "map"; variant: string }
  | { kind: "ownStock"; line: string }
  | { kind: "resolve" | "renumber" | "unlink"; supplierOrder: string }
  | { kind: "pay" | "aliexpress"; url: string }
  | { kind: "store" | "retry"; push: string }
  | { kind: "lost"; parcel: string }
  | { kind: "lift"; override: string }
  | {
      kind:
        | "place"
        | "aliexpressList"
        | "connections"
        | "release"
        | "settings"
        | "withoutNumber"
        | "close"
        | "seen"
        | "sync"
        | "link";
    };

/** Refusals that end when the product is bought elsewhere or otherwise. */
const mapping = new Set([
  "out_of_stock",
  "sku_gone",
  "product_gone",
  "not_sold_there",
  "no_shipping",
  "price_above_cap",
  "no_supplier",
  "invalid_product_id",
  "purchase_invalid",
]);

/** Refusals that are about what Waybill may do at AliExpress. */
const access = new Set(["aliexpress_not_permitted", "aliexpress_app_misconfigured", "aliexpress_not_set_up"]);

/** The supplier order that a flag is about, by way of its parcel or push too. */
export function supplierOrderOf(flag: Flag, order: Order): SupplierOrder | undefined {
  const direct = order.supplier_orders.find((s) => s.id === flag.subject);
  if (direct) return direct;
  const parcel = parcelOf(flag, order);
  return order.supplier_orders.find((s) => s.id === parcel?.items[0]?.supplier_order_id);
}

/** The parcel that a flag is about, by way of its push too. */
function parcelOf(flag: Flag, order: Order): Parcel | undefined {
  const push = pushOf(flag, order);
  return order.parcels.find((p) => p.id === (push?.parcel_id ?? flag.subject));
}

/** The push that a flag is about. */
const pushOf = (flag: Flag, order: Order): Push | undefined => order.pushes.find((p) => p.id === flag.subject);

/** What a product mapping is found by, for the line that a flag or its supplier order is about. */
function variantOf(flag: Flag, order: Order): string | undefined {
  const line = supplierOrderOf(flag, order)?.lines[0]?.line_id ?? flag.subject;
  return order.lines.find((l) => l.id === line)?.variant_key;
}

/** The ways out of a trouble, the main one first. */
export function fixesOf(flag: Flag, order: Order): Fix[] {
  const supplier = supplierOrderOf(flag, order);
  const parcel = parcelOf(flag, order);
  const push = pushOf(flag, order);
  const variant = variantOf(flag, order);
  const map: Fix[] = variant ? [{ kind: "map", variant }] : [];
  const ali: Fix[] = supplier?.order_url
    ? [{ kind: "aliexpress", url: supplier.order_url }]
    : [{ kind: "aliexpressList" }];
  const lost: Fix[] = parcel && !parcel.lost_at ? [{ kind: "lost", parcel: parcel.id }] : [];
  switch (flag.code) {
    case "no_supplier":
      return [...map, ...(flag.subject ? [{ kind: "ownStock", line: flag.subject } as const] : [])];
    case "place_failed":
      return refusalFixes(supplier, map);
    case "place_unknown":
      return [
        ...(supplier ? [{ kind: "resolve", supplierOrder: supplier.id } as const] : []),
        { kind: "aliexpressList" },
      ];
    case "maybe_bought_twice":
      return [{ kind: "aliexpressList" }, { kind: "seen" }];
    case "supplier_cancelled":
    case "payment_timeout":
      return [{ kind: "place" }, ...map];
    case "closed_unshipped":
      return [...ali, { kind: "place" }, ...map];
    case "amount_short":
    case "payment_held":
    case "address_incomplete":
    case "frozen":
    case "dispute":
    case "payment_review":
    case "parcel_shared":
    case "seller_late":
    case "stop_request":
      return ali;
    case "tracking_silent":
    case "parcel_missing":
      return [...ali, ...lost];
    case "pay_soon":
      return supplier?.order_url ? [{ kind: "pay", url: supplier.order_url }] : [{ kind: "aliexpressList" }];
    case "supplier_order_no_data":
      return supplier
        ? [
            { kind: "renumber", supplierOrder: supplier.id },
            { kind: "unlink", supplierOrder: supplier.id },
          ]
        : ali;
    case "unknown_status":
      return supplier ? [...ali, { kind: "sync" }] : [{ kind: "sync" }];
    case "shipped_without_number":
      return [{ kind: "withoutNumber" }, ...ali];
    case "push_refused":
      return push ? [{ kind: "store", push: push.id }] : [{ kind: "sync" }];
    case "push_unconfirmed":
      return [...(push ? [{ kind: "retry", push: push.id } as const] : []), { kind: "connections" }];
    case "mismatch":
      return push ? [{ kind: "store", push: push.id }] : [{ kind: "seen" }];
    case "held":
      return flag.subject === "placing" ? [{ kind: "settings" }] : [{ kind: "release" }];
    case "order_edited":
      return [{ kind: "seen" }, ...ali];
    case "override_conflict":
      if (flag.subject === "purchase_address") return [{ kind: "address", fields: [], place: false }];
      return flag.subject ? [{ kind: "lift", override: flag.subject }, { kind: "seen" }] : [{ kind: "seen" }];
    case "payment_reversed":
    case "authorization_ending":
      return [{ kind: "sync" }];
    case "gone_from_store":
    case "stale_order":
      return [{ kind: "close" }, { kind: "sync" }];
    case "account_gone":
    case "needs_reauth":
    case "app_removed":
    case "access_ending":
    case "permission_missing":
    case "same_site_twice":
      return [{ kind: "connections" }];
    default: // a code that is newer than this dashboard
      return [{ kind: "sync" }];
  }
}

function refusalFixes(supplier: SupplierOrder | undefined, map: Fix[]): Fix[] {
  const code = supplier?.error_code ?? "";
  if (code === "address_rejected")
    return [{ kind: "address", fields: supplier?.error_fields ?? [], place: true }, { kind: "place" }];
  if (mapping.has(code)) return [...map, { kind: "place" }];
  if (access.has(code)) return [{ kind: "connections" }, { kind: "place" }];
  if (code === "refused" || code === "account_blocked")
    return [{ kind: "place" }, { kind: "link" }, { kind: "aliexpressList" }];
  if (code === "order_is_pickup" || code === "order_imported") return [{ kind: "link" }];
  return [{ kind: "place" }, ...map];
}

/** What doing it wants. */
export const wants: Record<Fix["kind"], KeyScope> = {
  address: "orders:write",
  map: "orders:read",
  ownStock: "orders:write",
  place: "orders:place",
  resolve: "orders:place",
  renumber: "orders:write",
  unlink: "orders:write",
  pay: "orders:read",
  aliexpress: "orders:read",
  aliexpressList: "orders:read",
  store: "orders:place",
  retry: "pushes:retry",
  connections: "orders:read",
  settings: "orders:read",
  release: "orders:write",
  withoutNumber: "orders:place",
  lost: "orders:write",
  close: "orders:write",
  seen: "orders:write",
  lift: "orders:write",
  link: "orders:write",
  sync: "sync:write",
};
