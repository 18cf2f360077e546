import { expect, test } from "vitest";
import { takeInstance } from "./instance";

test("only within Wix' dashboard is somebody signed in by what stands in the address", () => {
  for (const framed of [true, false]) {
    history.replaceState(null, "", "/orders?instance=signed&x=1#part");
    expect(takeInstance(framed)).toBe(framed ? "signed" : "");
    expect(location.pathname + location.search + location.hash).toBe("/orders#part");
  }
  history.replaceState(null, "", "/orders?tab=pending");
  expect(takeInstance(true)).toBe("");
  expect(location.search).toBe("?tab=pending");
});
