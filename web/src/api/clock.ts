// The server's clock. Laptops are wrong by minutes; "synced 3 min ago" must not be.

let ahead = 0;

/** Takes the time of an answer's Date header, which is exact to the second. */
export function learnTime(header: string | null, receivedAt = Date.now()) {
  const at = header ? Date.parse(header) : Number.NaN;
  if (Number.isNaN(at)) return;
  const off = at + 500 - receivedAt;
  // Below two seconds the difference is the header's own and the way's.
  ahead = Math.abs(off) < 2000 ? 0 : off;
}

/** Now by the server's clock, in milliseconds. */
export const now = () => Date.now() + ahead;
