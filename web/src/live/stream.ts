// One stream of events for one browser. The tab that holds the lock reads the stream and repeats what it hears on a
// broadcast channel; when it closes, the next tab takes over. Over HTTP/1.1 a stream for each tab would use up the
// browser's connections: with the sixth tab nothing would load any more.

import { Failure } from "../api/call";
import { now } from "../api/clock";
import { streamEvents } from "../api/gen/sdk.gen";
import type { EventStream } from "../api/gen/types.gen";
import { onSession, sessionKey, setSession } from "../api/session";

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
let leading = false;
let channel: BroadcastChannel | undefined;

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

function tell(m: Message) {
  channel?.postMessage(m);
}

/** Starts to listen, for as long as the page lives. */
export function startLive() {
  channel = new BroadcastChannel("waybill.live");
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === "event") hear(data.event);
    else if (data.kind === "state") become(data.state);
    else if (leading) tell({ kind: "state", state });
  };
  tell({ kind: "who" });
  // Without locks (plain http over a network) each tab has a stream of its own while it is seen.
  if (navigator.locks) void navigator.locks.request("waybill.live", () => lead(() => true));
  else void lead(() => !document.hidden);
}

/** Reads the stream for ever; wanted says whether just now. */
async function lead(wanted: () => boolean): Promise<never> {
  leading = true;
  let last = "";
  let pause = 500;
  for (;;) {
    if (!sessionKey() || !wanted()) {
      await untilWanted();
      continue;
    }
    const session = sessionKey();
    const stop = new AbortController();
    const off = onSession(() => stop.abort());
    try {
      const failure = await read(last, stop.signal, (id) => {
        last = id;
        pause = 500;
      });
      if (failure?.status === 401 && sessionKey() === session) setSession("");
    } catch {
      // told of by the state
    } finally {
      off();
    }
    if (sessionKey() !== session) last = "";
    shareState(false);
    await new Promise((r) => setTimeout(r, pause));
    pause = Math.min(pause * 1.7, 10_000);
  }
}

function untilWanted(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      off();
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const off = onSession(done);
    document.addEventListener("visibilitychange", done);
  });
}

function shareState(live: boolean) {
  if (state.live === live) return;
  become({ live, since: now() });
  tell({ kind: "state", state });
}

// The server beats every 15 seconds; a stream that is silent for longer is dead without the browser knowing.
const silence = 35_000;

/** Reads one connection to its end. It gives a failure when the server refused. */
async function read(last: string, signal: AbortSignal, seen: (id: string) => void): Promise<Failure | undefined> {
  const dead = new AbortController();
  let timer = setTimeout(() => dead.abort(), silence);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => dead.abort(), silence);
  };
  let failure: Failure | undefined;
  const { stream } = await streamEvents({
    headers: last ? { "Last-Event-ID": last } : {},
    signal: AbortSignal.any([signal, dead.signal]),
    sseMaxRetryAttempts: 1,
    fetch: async (request: RequestInfo | URL, init?: RequestInit) => {
      const response = await fetch(request, init);
      if (!response.ok) failure = new Failure("refused", response.status, "");
      return response;
    },
    onSseEvent: (e) => {
      alive(); // a beat comes here too, without a name
      if (!e.event) return;
      if (e.id) seen(e.id);
      const event = { name: e.event, data: e.data } as unknown as LiveEvent;
      if (event.name === "ready" || event.name === "reset") shareState(true);
      hear(event);
      tell({ kind: "event", event });
    },
  });
  try {
    for await (const _ of stream); // each is told of above
  } finally {
    clearTimeout(timer);
  }
  return failure;
}
