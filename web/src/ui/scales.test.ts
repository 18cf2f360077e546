import { describe, expect, it } from "vitest";
import { labelStep, linePath, secondTicks, ticks } from "./scales";

describe("the marks of an axis", () => {
  it.each([
    [0, [0, 1]],
    [1, [0, 1]],
    [3, [0, 1, 2, 3]],
    [7, [0, 2, 4, 6, 8]],
    [10, [0, 5, 10]],
    [412, [0, 200, 400, 600]],
    [9000, [0, 5000, 10000]],
  ])("reach %d in round numbers", (max, marks) => {
    expect(ticks(max)).toEqual(marks);
  });

  it("never count in halves of an order", () => {
    expect(ticks(2)).toEqual([0, 1, 2]);
  });

  it.each([
    [0.35, [0, 0.1, 0.2, 0.3, 0.4]],
    [42, [0, 15, 30, 45]],
    [130, [0, 60, 120, 180]],
    [5400, [0, 1800, 3600, 5400]],
    [400_000, [0, 172800, 345600, 518400]],
  ])("of %d seconds are whole minutes and hours", (max, marks) => {
    expect(secondTicks(max)).toEqual(marks);
  });

  it("reach what is shown, whatever it is", () => {
    for (let max = 0.01; max < 1e6; max *= 1.37) {
      for (const marks of [ticks(max), secondTicks(max)]) {
        expect(marks.at(-1)).toBeGreaterThanOrEqual(max * (1 - 1e-9));
        expect(marks.length).toBeLessThanOrEqual(6);
      }
    }
  });

  it("survive what is no number", () => {
    expect(ticks(Number.NaN)).toEqual([0, 1]);
    expect(secondTicks(-1)).toEqual([0, 1]);
  });
});

it("labels are left out until they fit", () => {
  expect(labelStep(24, 1200, 50)).toBe(1);
  expect(labelStep(24, 260, 50)).toBe(5);
  expect(labelStep(30, 10, 50)).toBe(30);
});

it("a line breaks where nothing was measured", () => {
  const same = (n: number) => n;
  expect(linePath([1, 2, undefined, 4], same, same)).toBe("M0.0 1.0L1.0 2.0M3.0 4.0");
  expect(linePath([undefined], same, same)).toBe("");
});
