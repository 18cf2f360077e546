import { describe, expect, it } from "vitest";
import { isSelected, nothing, range, toggle, toggleAll } from "./selection";

const loaded = ["a", "b", "c", "d", "e"];
const of = (...ids: string[]) => ({ ids: new Set(ids), all: false });

describe("the selection", () => {
  it("takes an order in and out", () => {
    const one = toggle(nothing, "b", loaded);
    expect([...one.ids]).toEqual(["b"]);
    expect(toggle(one, "b", loaded).ids.size).toBe(0);
  });
  it("leaves what is loaded when one is taken out of everything", () => {
    expect([...toggle({ ids: new Set(), all: true }, "c", loaded).ids]).toEqual(["a", "b", "d", "e"]);
  });
  it("adds a range in either direction", () => {
    expect([...range(of("e"), "d", "b", loaded).ids].sort()).toEqual(["b", "c", "d", "e"]);
  });
  it("adds one order when the range's beginning is no longer there", () => {
    expect([...range(nothing, "gone", "b", loaded).ids]).toEqual(["b"]);
  });
  it("takes all that is loaded, then nothing", () => {
    const all = toggleAll(of("a"), loaded);
    expect(all.ids.size).toBe(5);
    expect(toggleAll(all, loaded)).toBe(nothing);
    expect(toggleAll({ ids: new Set(), all: true }, loaded)).toBe(nothing);
  });
  it("keeps what is selected and no longer loaded", () => {
    expect(toggleAll(of("z"), loaded).ids.has("z")).toBe(true);
    expect(isSelected({ ids: new Set(), all: true }, "anything")).toBe(true);
  });
});
