import type { WebhookEndpoint, WebhookTry, WebhookType } from "../api/gen/types.gen";
import { text } from "../text";

/** What an endpoint can be told of, in the order in which it is shown. */
export const webhookTypes = [
  "order.created",
  "order.tab_changed",
  "order.shipped",
  "order.flag_opened",
  "order.flag_closed",
  "connection.needs_reauth",
  "sync_job.finished",
] as const satisfies readonly WebhookType[];

/** What an endpoint is called: its description, or else its address. */
export const nameOf = (e: WebhookEndpoint) => e.description || e.url;

/** How an attempt ended, in words. */
export function tryWords(t: WebhookTry): string {
  const words = text().settings.webhooks;
  if (!t.error) return words.answered(t.status ?? 200);
  if (t.error === "refused" && t.status) return words.answered(t.status);
  return words.errors[t.error];
}
