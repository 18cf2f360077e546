import { useText } from "../text";
import { exact, until } from "../text/format";
import { IconClock } from "../ui/icons";
import { useNow } from "../ui/Time";
import { urgency } from "./urgency";

/** How long there is to pay, more loudly the shorter it is. Where a heading says what it is, bare leaves that out. */
export function PayBy({ at, bare = false }: { at: string; bare?: boolean }) {
  const t = useText();
  const time = useNow();
  return (
    <span className="pill" data-tone={urgency(at, time)}>
      <IconClock />
      {Date.parse(at) > time ? (
        <time dateTime={at} title={exact(at)}>
          {bare ? until(at) : t.orders.payBy(until(at))}
        </time>
      ) : (
        t.pay.passed
      )}
    </span>
  );
}
