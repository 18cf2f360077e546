import type { KeyScope } from "../api/gen/types.gen";

/** What only people may do, and no key. */
type OfPeople = "desk:use" | "operate";

/** What a key can be allowed. */
export type GivenScope = Exclude<KeyScope, OfPeople>;

/** Everything that a key can be allowed, in the order in which it is shown. */
export const keyScopes: readonly GivenScope[] = [
  "orders:read",
  "orders:write",
  "orders:place",
  "pushes:retry",
  "orders:note",
  "sync:write",
  "connections:read",
  "connections:write",
  "settings:read",
  "settings:write",
  "webhooks:write",
  "keys:write",
  "people:write",
  "audit:read",
  "privacy:write",
];

/** How many days a key may hold; empty: for ever. */
export const keyTerms = ["30", "90", "365", ""] as const;
