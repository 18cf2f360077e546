// The arithmetic of charts.

/** Steps that people count numbers in. */
const plain = [1, 2, 5];

/** Steps that people count seconds in: up to a day. */
const timeSteps = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
];

/** The marks of an axis from nothing to at least max: about `wanted` of them, each a round number. */
export function ticks(max: number, wanted = 4): number[] {
  if (!(max > 0)) return [0, 1];
  const raw = max / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * (plain.find((s) => s * power >= raw * (1 - 1e-9)) ?? 10);
  return upTo(max, Math.max(step, 1));
}

/** The marks of an axis of seconds. */
export function secondTicks(max: number, wanted = 4): number[] {
  if (!(max > 0)) return [0, 1];
  const raw = max / wanted;
  const day = 86400;
  return upTo(max, timeSteps.find((s) => s >= raw) ?? Math.ceil(raw / day) * day);
}

function upTo(max: number, step: number): number[] {
  const n = Math.ceil(max / step - 1e-9);
  // Multiplied, not added up: tenths would drift.
  return Array.from({ length: n + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** How many labels apart those are that fit side by side, counted from the newest. */
export function labelStep(count: number, width: number, labelWidth: number): number {
  const fit = Math.max(1, Math.floor(width / labelWidth));
  return Math.max(1, Math.ceil(count / fit));
}

/** A line through the values; it breaks where nothing was measured. */
export function linePath(values: (number | undefined)[], x: (i: number) => number, y: (v: number) => number): string {
  let path = "";
  let pen = false;
  values.forEach((v, i) => {
    if (v === undefined) {
      pen = false;
      return;
    }
    path += `${pen ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = true;
  });
  return path;
}
