import { expect, it } from "vitest";
import { connectFailure, isWebAddress, ownConsentUrl, readCode, readOutcome } from "./connect";

it("a consent's outcome is read from the address, and nothing else is", () => {
  expect(readOutcome({ connected: "wix" })).toEqual({ connected: "wix" });
  expect(readOutcome({ connect_error: "consent_denied", connected: "wix" })).toEqual({ failed: "consent_denied" });
  expect(readOutcome({ connected: "elsewhere" })).toBeUndefined();
  expect(readOutcome({})).toBeUndefined();
});

it("every failure has a sentence, an unknown one too", () => {
  expect(connectFailure("consent_denied")).toContain("not given");
  expect(connectFailure("something_new")).toContain("something_new");
});

it("an own app's page of consent keeps the state", () => {
  const url = ownConsentUrl(
    "https://api-sg.aliexpress.com/oauth/authorize?client_id=1&state=S&redirect_uri=https%3A%2F%2Fours",
    "77",
    "https://mine.example/cb",
  );
  const { searchParams } = new URL(url);
  expect(Object.fromEntries(searchParams)).toEqual({
    client_id: "77",
    state: "S",
    redirect_uri: "https://mine.example/cb",
  });
});

it.each([
  ["https://mine.example/cb?code=3_500_abc&state=S", "3_500_abc"],
  ["https://mine.example/cb?state=S&code=a%2Fb", "a/b"],
  [" https://mine.example/#code=x ", "x"],
  ["https://mine.example/cb?barcode=12", ""],
  ["https://mine.example/cb?code=%E0%A4%A", ""],
  ["", ""],
])("the code of %s is %s", (address, code) => {
  expect(readCode(address)).toBe(code);
});

it("only web addresses become links", () => {
  expect(isWebAddress("https://a.example/x")).toBe(true);
  expect(isWebAddress("javascript:alert(1)")).toBe(false);
  expect(isWebAddress("https://")).toBe(false);
});
