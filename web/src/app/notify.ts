// Notifications of the browser's own while the dashboard is open. Each tab tells; the browser shows what has the same tag once.

import { call } from "../api/call";
import { countOrders, getConnection } from "../api/gen/sdk.gen";
import { onSession, session } from "../api/session";
import { onLive } from "../live";
import { text } from "../text";

/** What can be told. */
export const notices = ["attention", "pay", "connection"] as const;
export type Notice = (typeof notices)[number];

const place = "waybill.notify";

/** What this browser is to tell. Nothing, until somebody chooses. */
export function chosenNotices(): Notice[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place) ?? "[]");
    return Array.isArray(kept) ? notices.filter((n) => kept.includes(n)) : [];
  } catch {
    return [];
  }
}

/** Keeps what this browser is to tell. */
export function chooseNotices(chosen: Notice[]) {
  try {
    localStorage.setItem(place, JSON.stringify(chosen));
  } catch {
    // without storage nothing is told
  }
}

/** Whether this browser can tell at all, and what it was allowed. */
export function permission(): "unsupported" | "insecure" | NotificationPermission {
  if (!window.isSecureContext) return "insecure";
  if (!("Notification" in window)) return "unsupported";
  return Notification.permission;
}

/** Shows a notification; a click on it brings the dashboard to the front, at a page. */
export function show(title: string, body: string, tag: string, path = "/orders") {
  if (permission() !== "granted") return;
  try {
    const n = new Notification(title, { body, tag, icon: "/favicon.svg" });
    n.onclick = () => {
      window.focus();
      location.assign(path);
      n.close();
    };
  } catch {
    // browsers of phones know notifications of service workers only
  }
}

/** Tells how many there are more than before; a first count and one that has sunk tell nothing. */
export function more(before: number | undefined, now: number): number {
  return before === undefined ? 0 : Math.max(0, now - before);
}

const wants = (notice: Notice) => permission() === "granted" && chosenNotices().includes(notice);

/** Begins to tell what this browser is to tell, for as long as the page lives. */
export function startNotifications() {
  let attention: number | undefined;
  let pay: number | undefined;
  let asking = false;

  async function lookAtPay() {
    if (asking || !wants("pay") || !session()) return;
    asking = true;
    try {
      const counts = await call(countOrders({ query: { flag: "pay_soon" } }));
      const n = more(pay, counts.attention);
      pay = counts.attention;
      const t = text().settings.notifications;
      if (n > 0) show(t.payTitle(n), t.body, "waybill-pay", "/pay");
    } catch {
      // the next change asks again
    } finally {
      asking = false;
    }
  }

  async function tellConnection(id: string) {
    const t = text().settings.notifications;
    let name = "Waybill";
    try {
      name = (await call(getConnection({ path: { id } }))).name;
    } catch {
      // told without its name
    }
    show(t.connectionTitle(name), t.connectionBody, `waybill-connection-${id}`, "/connections");
  }

  onSession(() => {
    attention = undefined; // another's number says nothing of what is more
    pay = undefined;
  });
  onLive((e) => {
    if (e.name === "counts") {
      const n = more(attention, e.data.attention);
      attention = e.data.attention;
      const t = text().settings.notifications;
      if (n > 0 && wants("attention")) show(t.attentionTitle(n), t.body, "waybill-attention", "/orders?tab=attention");
      void lookAtPay();
    } else if (e.name === "connection" && e.data.state === "needs_reauth" && wants("connection")) {
      void tellConnection(e.data.connection_id);
    }
  });
}
