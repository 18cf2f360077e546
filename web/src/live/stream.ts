// One stream of events for one browser at one merchant. The tab that holds the lock reads the stream and repeats what it hears on a
// broadcast channel; when it closes, the next tab takes over. Over HTTP/1.1 a stream for each tab would use up the
// browser's connections: with the sixth tab nothing would load any more.

import { heed } from "../api/call";
import { now } from "../api/clock";
import { streamEvents } from "../api/gen/sdk.gen";
import type { EventStream, Problem } from "../api/gen/types.gen";

/** How it stands: live, or since when nothing has been heard. */
interface LiveState {
  live: boolean;
  /** Since when it is as it is, by the server's clock. */
  since: number;
}

type Name = keyof EventStream;

/** One event of the stream with its data. */
export type LiveEvent = { [N in Name]: { name: N; data: EventStream[N] } }[Name];

type Message = { kind: "event"; event: LiveEvent } | { kind: "state"; state: LiveState } | { kind: "who" };

const listeners = new Set<(e: LiveEvent) => void>();
const stateListeners = new Set<() => void>();

let state: LiveState = { live: false, since: now() };

/** The state of the stream. */
export const liveState = () => state;

/** Tells when the state changes. */
export function onLiveState(l: () => void) {
  stateListeners.add(l);
  return () => {
    stateListeners.delete(l);
  };
}

/** Tells of each event, in the order of the stream. */
export function onLive(l: (e: LiveEvent) => void) {
  listeners.add(l);
  return () => {
    listeners.delete(l);
  };
}

function hear(e: LiveEvent) {
  for (const l of listeners) l(e);
}

function become(next: LiveState) {
  if (next.live === state.live && next.since === state.since) return;
  state = next;
  for (const l of stateListeners) l();
}

/** Follows what changes at a merchant until it is left. Tabs at the same merchant share one stream. */
export function joinLive(merchant: string): () => void {
  const left = new AbortController();
  const name = `waybill.live.${merchant}`;
  const channel = new BroadcastChannel(name);
  const room: Room = { channel, left: left.signal, leading: false };
  become({ live: false, since: now() });
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === "event") hear(data.event);
    else if (data.kind === "state") become(data.state);
    else if (room.leading) channel.postMessage({ kind: "state", state } satisfies Message);
  };
  channel.postMessage({ kind: "who" } satisfies Message);
  // Without locks (plain http over a network) each tab has a stream of its own while it is seen.
  if (navigator.locks)
    navigator.locks.request(name, { signal: left.signal }, () => lead(room, () => true)).catch(() => {}); // left before it led
  else void lead(room, () => !document.hidden);
  return () => {
    left.abort();
    channel.close();
  };
}

interface Room {
  channel: BroadcastChannel;
  left: AbortSignal;
  leading: boolean;
}

/** Reads the stream until the room is left; wanted says whether just now. */
async function lead(room: Room, wanted: () => boolean) {
  room.leading = true;
  let last = "";
  let pause = 500;
  while (!room.left.aborted) {
    if (!wanted()) {
      await untilSeen(room.left);
      continue;
    }
    try {
      await read(room, last, (id) => {
        last = id;
        pause = 500;
      });
    } catch {
      // told of by the state
    }
    if (room.left.aborted) return;
    shareState(room, false);
    await new Promise((r) => setTimeout(r, pause));
    pause = Math.min(pause * 1.7, 10_000);
  }
}

function untilSeen(left: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      left.removeEventListener("abort", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    left.addEventListener("abort", done);
    document.addEventListener("visibilitychange", done);
  });
}

function shareState(room: Room, live: boolean) {
  if (state.live === live) return;
  become({ live, since: now() });
  room.channel.postMessage({ kind: "state", state } satisfies Message);
}

// The server beats every 15 seconds; a stream that is silent for longer is dead without the browser knowing.
const silence = 35_000;

/** Reads one connection to its end. */
async function read(room: Room, last: string, seen: (id: string) => void) {
  const dead = new AbortController();
  let timer = setTimeout(() => dead.abort(), silence);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => dead.abort(), silence);
  };
  const { stream } = await streamEvents({
    headers: last ? { "Last-Event-ID": last } : {},
    signal: AbortSignal.any([room.left, dead.signal]),
    sseMaxRetryAttempts: 1,
    fetch: async (request: RequestInfo | URL, init?: RequestInit) => {
      const response = await fetch(request, init);
      if (!response.ok && !room.left.aborted) {
        const problem: Partial<Problem> = await response
          .clone()
          .json()
          .catch(() => ({}));
        heed(request instanceof Request ? request : undefined, response.status, problem.code ?? "");
      }
      return response;
    },
    onSseEvent: (e) => {
      if (room.left.aborted) return;
      alive(); // a beat comes here too, without a name
      if (!e.event) return;
      if (e.id) seen(e.id);
      const event = { name: e.event, data: e.data } as unknown as LiveEvent;
      if (event.name === "ready" || event.name === "reset") shareState(room, true);
      hear(event);
      room.channel.postMessage({ kind: "event", event } satisfies Message);
    },
  });
  try {
    for await (const _ of stream); // each is told of above
  } finally {
    clearTimeout(timer);
  }
}
