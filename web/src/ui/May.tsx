import type { ReactNode } from "react";
import type { KeyScope } from "../api/gen/types.gen";
import { useMay } from "../api/may";

/** Shows something to those who may use it. */
export function May({ scope, children }: { scope: KeyScope; children: ReactNode }) {
  return useMay(scope) ? children : null;
}
