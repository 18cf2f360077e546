// Connecting a store or a supplier account: the way to the platform's page of consent and back.

import { call } from "../api/call";
import { createAuthorization } from "../api/gen/sdk.gen";
import type { Platform } from "../api/gen/types.gen";
import { text } from "../text";

const place = "waybill.connect";

/** Where a consent was begun from, so that the way back leads there. */
interface Begun {
  platform: Platform;
  from: "/connections" | "/welcome";
}

/** Sends the person to the platform's page of consent. */
export async function connect(platform: Platform, from: Begun["from"]) {
  const consent = await call(createAuthorization({ body: { platform } }));
  try {
    sessionStorage.setItem(place, JSON.stringify({ platform, from } satisfies Begun));
  } catch {
    // the way back leads to the connections
  }
  location.assign(consent.url);
}

/** What was begun in this tab last. */
export function begun(): Begun | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(place) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

/** Why a consent led to nothing, and what to do. */
export function connectFailure(code: string): string {
  const t = text().connections;
  return t.failed[code] ?? t.failedOther(code);
}

const isPlatform = (word: string): word is Platform => word === "wix" || word === "aliexpress";

/** What became of a consent, as the address tells it. */
export interface Outcome {
  connected?: Platform;
  failed?: string;
}

export function readOutcome(search: Record<string, string | undefined>): Outcome | undefined {
  const { connected, connect_error: failed } = search;
  if (failed) return { failed: failed.slice(0, 60) };
  if (connected && isPlatform(connected)) return { connected };
  return undefined;
}

/** Waybill's consent page as one of an app of the merchant's own: with its key, and its own address to come back to. */
export function ownConsentUrl(url: string, key: string, callback: string): string {
  const own = new URL(url);
  own.searchParams.set("client_id", key);
  own.searchParams.set("redirect_uri", callback);
  return own.href;
}

/** The code within an address that a consent led to; empty when there is none. */
export function readCode(address: string): string {
  const found = /[?&#]code=([^&#\s]+)/.exec(address.trim());
  try {
    return found?.[1] ? decodeURIComponent(found[1]) : "";
  } catch {
    return "";
  }
}

/** Whether an address may become a link: http and https only. */
export const isWebAddress = (address: string) => /^https?:\/\/[^\s/]+/i.test(address) && URL.canParse(address);
