const hour = 3_600_000;

/** How pressing a payment is: bad within two hours, warn within a day. */
export function urgency(payBy: string | undefined, at: number): "bad" | "warn" | undefined {
  if (!payBy) return undefined;
  const left = Date.parse(payBy) - at;
  return left < 2 * hour ? "bad" : left < 24 * hour ? "warn" : undefined;
}
