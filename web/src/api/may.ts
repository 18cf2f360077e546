import { useQuery } from "@tanstack/react-query";
import type { KeyScope } from "./gen/types.gen";
import { meQuery, queryClient } from "./queries";

/** Whether the caller may do what wants a scope. What he may not is not offered; the server refuses it anyway. */
export function useMay(scope: KeyScope): boolean {
  const { data } = useQuery(meQuery);
  return data?.scopes.includes(scope) ?? false;
}

/** Whether the caller looks as support: he has to say why he does something. */
export function useLooks(): boolean {
  const { data } = useQuery(meQuery);
  return !!data?.view_reason;
}

/** The same for code outside of components. */
export const looks = () => !!queryClient.getQueryData(meQuery.queryKey)?.view_reason;
