// What an authenticator app shows (RFC 6238 with SHA-1, six digits, half a minute), so that tests sign in as staff do.

import { createHmac } from "node:crypto";

/** The code of a secret in base32, at a time. */
export function totp(secret: string, at = Date.now()): string {
  let bits = "";
  for (const c of secret.replace(/=+$/, ""))
    bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((b) => Number.parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac("sha1", key).update(step).digest();
  const from = (hash.at(-1) ?? 0) & 15;
  return String((hash.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
