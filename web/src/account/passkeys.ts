// Passkeys, as browsers know them. Newer browsers read and write them as JSON by themselves.

import { Failure } from "../api/call";
import { text } from "../text";

type Json = Record<string, unknown>;

/** Whether this browser has passkeys here: they need https, or this machine itself. */
export const canUsePasskeys = () => window.isSecureContext && typeof window.PublicKeyCredential === "function";

/** Bytes from base64url. */
export function toBytes(s: string): Uint8Array<ArrayBuffer> {
  const raw = atob(s.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

/** Bytes as base64url, without padding. */
export function fromBytes(b: ArrayBuffer): string {
  const raw = String.fromCharCode(...new Uint8Array(b));
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const withBytes = (list: unknown) =>
  ((list ?? []) as { id: string; type: "public-key" }[]).map((c) => ({ ...c, id: toBytes(c.id) }));

/** The question for a passkey as navigator.credentials.get takes it. */
export function requestOptions(q: Json): PublicKeyCredentialRequestOptions {
  if ("parseRequestOptionsFromJSON" in PublicKeyCredential)
    return PublicKeyCredential.parseRequestOptionsFromJSON(q as unknown as PublicKeyCredentialRequestOptionsJSON);
  return { ...q, challenge: toBytes(q.challenge as string), allowCredentials: withBytes(q.allowCredentials) };
}

/** The question for a new passkey as navigator.credentials.create takes it. */
export function creationOptions(q: Json): PublicKeyCredentialCreationOptions {
  if ("parseCreationOptionsFromJSON" in PublicKeyCredential)
    return PublicKeyCredential.parseCreationOptionsFromJSON(q as unknown as PublicKeyCredentialCreationOptionsJSON);
  const user = q.user as { id: string; name: string; displayName: string };
  return {
    ...(q as unknown as PublicKeyCredentialCreationOptions),
    challenge: toBytes(q.challenge as string),
    user: { ...user, id: toBytes(user.id) },
    excludeCredentials: withBytes(q.excludeCredentials),
  };
}

/** What an authenticator answered, as JSON. */
export function answered(credential: Credential): Json {
  const c = credential as PublicKeyCredential;
  if (typeof c.toJSON === "function") return { ...c.toJSON() };
  const r = c.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: Json = { clientDataJSON: fromBytes(r.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"] as const)
    if (r[part]) response[part] = fromBytes(r[part]);
  return {
    id: c.id,
    rawId: fromBytes(c.rawId),
    type: c.type,
    authenticatorAttachment: c.authenticatorAttachment ?? undefined,
    clientExtensionResults: c.getClientExtensionResults(),
    response,
  };
}

/** Has the person use a passkey. */
export async function askPasskey(options: Json): Promise<Json | undefined> {
  const got = await navigator.credentials.get({ publicKey: requestOptions(options.publicKey as Json) });
  return got ? answered(got) : undefined;
}

/** Has the person make a passkey. */
export async function makePasskey(options: Json): Promise<Json | undefined> {
  const made = await navigator.credentials.create({ publicKey: creationOptions(options.publicKey as Json) });
  return made ? answered(made) : undefined;
}

/** Why it did not work, for people: browsers say little, and nothing at all when somebody has thought better of it. */
export function givenUp(e: unknown): unknown {
  if (!(e instanceof DOMException)) return e;
  const words = text().signIn;
  return new Failure("passkey", 0, e.name === "InvalidStateError" ? words.passkeyKnown : words.passkeyGivenUp);
}
