import type { KeyScope } from "../api/gen/types.gen";

/** Everything that a key can be allowed, in the order in which it is shown. */
export const keyScopes: readonly KeyScope[] = [
  "orders:read",
  "orders:write",
  "orders:place",
  "sync:write",
  "connections:read",
  "connections:write",
  "settings:read",
  "settings:write",
  "webhooks:write",
  "keys:write",
  "audit:read",
  "privacy:write",
];

/** How many days a key may hold; empty: for ever. */
export const keyTerms = ["30", "90", "365", ""] as const;
