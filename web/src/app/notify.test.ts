import { afterEach, expect, it } from "vitest";
import { chooseNotices, chosenNotices, more } from "./notify";

afterEach(() => localStorage.clear());

it("nothing is told until somebody chooses", () => {
  expect(chosenNotices()).toEqual([]);
  chooseNotices(["pay"]);
  expect(chosenNotices()).toEqual(["pay"]);
});

it("what is kept may be damaged or older than what there is", () => {
  localStorage.setItem("waybill.notify", "{");
  expect(chosenNotices()).toEqual([]);
  localStorage.setItem("waybill.notify", '["pay","e-mail"]');
  expect(chosenNotices()).toEqual(["pay"]);
  localStorage.setItem("waybill.notify", "7");
  expect(chosenNotices()).toEqual([]);
});

it("only what comes anew is told", () => {
  expect(more(undefined, 5)).toBe(0);
  expect(more(5, 7)).toBe(2);
  expect(more(5, 3)).toBe(0);
});
