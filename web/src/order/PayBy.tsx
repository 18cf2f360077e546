import { useText } from "../text";
import { IconClock } from "../ui/icons";
import { Time, useNow } from "../ui/Time";
import { urgency } from "./urgency";

/** How long there is to pay, more loudly the shorter it is. */
export function PayBy({ at }: { at: string }) {
  const t = useText();
  const time = useNow();
  return (
    <span className="pill" data-tone={urgency(at, time)}>
      <IconClock />
      {Date.parse(at) > time ? (
        <span>
          {t.order.payBy} <Time at={at} as="until" />
        </span>
      ) : (
        t.pay.passed
      )}
    </span>
  );
}
