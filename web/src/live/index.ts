import { useSyncExternalStore } from "react";
import { queryClient } from "../api/queries";
import { onSession } from "../api/session";
import { patch } from "./patch";
import { type LiveEvent, liveState, onLive, onLiveState } from "./stream";

export { joinLive, type LiveEvent, onLive } from "./stream";

/** Whether changes come by themselves just now, and since when. */
export const useLive = () => useSyncExternalStore(onLiveState, liveState);

// At most eight times a second, however much happens: each batch is drawn once.
const batch = 120;

/** Writes what is heard into the cache, for as long as the page lives. */
export function follow() {
  let waiting: LiveEvent[] = [];
  let lost = false;
  onSession(() => {
    waiting = []; // of another merchant
    lost = false;
  });
  onLive((e) => {
    if (waiting.length === 0)
      setTimeout(() => {
        const events = waiting;
        waiting = [];
        patch(queryClient, events);
      }, batch);
    waiting.push(e);
  });
  onLiveState(() => {
    // What was changed while nothing was heard comes with the stream, which goes on where it broke off. What could not be
    // read meanwhile is read now.
    if (!liveState().live) lost = true;
    else if (lost) {
      lost = false;
      void queryClient.invalidateQueries({
        predicate: (q) => q.state.status === "error" || q.state.fetchStatus === "paused",
      });
    }
  });
}
