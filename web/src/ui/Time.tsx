import { useEffect, useState } from "react";
import { now } from "../api/clock";
import { ago, clock, exact, moment, until } from "../text/format";

const ways = { ago, clock, moment, until };

let ticking: ReturnType<typeof setInterval> | undefined;
const watchers = new Set<() => void>();

/** The server's time, anew every 20 seconds: one timer for the whole page. */
export function useNow(): number {
  const [at, set] = useState(now);
  useEffect(() => {
    const look = () => set(now());
    watchers.add(look);
    ticking ??= setInterval(() => {
      for (const w of watchers) w();
    }, 20_000);
    return () => {
      watchers.delete(look);
      if (watchers.size === 0) {
        clearInterval(ticking);
        ticking = undefined;
      }
    };
  }, []);
  return at;
}

/** A moment in words, with the exact time and zone on hover. */
export function Time({ at, as = "moment" }: { at: string; as?: keyof typeof ways }) {
  useNow();
  return (
    <time dateTime={at} title={exact(at)}>
      {ways[as](at)}
    </time>
  );
}
