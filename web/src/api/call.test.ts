import { beforeEach, describe, expect, it } from "vitest";
import { call, type Failure } from "./call";
import { client } from "./gen/client.gen";
import { getMe } from "./gen/sdk.gen";
import { chooseMerchant, chosenMerchant, onSession, session, signedIn, signedOut } from "./session";

/** Answers the next calls with a problem, and notes at which merchant they were made. */
function refuse(status: number, code: string, before = () => {}) {
  const asked: (string | null)[] = [];
  client.setConfig({
    baseUrl: "http://waybill.example",
    fetch: async (request) => {
      asked.push((request as Request).headers.get("Waybill-Merchant"));
      before();
      return Response.json({ code, detail: "No.", instance: "" }, { status });
    },
  });
  return asked;
}

const ask = () => call(getMe()).catch((e: Failure) => e.code);

beforeEach(() => {
  signedIn();
  chooseMerchant("");
});

describe("what a refusal means for the page", () => {
  it("a session that is over signs out", async () => {
    refuse(401, "session_over");
    expect(await ask()).toBe("session_over");
    expect(session()).toBe("");
  });
  it("a wrong code at the sign-in does not end the session of another tab", async () => {
    for (const code of ["code_needed", "code_wrong", "sign_in_refused", "passkey_refused"]) {
      refuse(401, code);
      await ask();
      expect(session()).not.toBe("");
    }
  });
  it("a view that is over is left; what else is forbidden changes nothing", async () => {
    chooseMerchant("m1");
    const asked = refuse(403, "role_missing");
    await ask();
    expect(chosenMerchant()).toBe("m1");
    refuse(403, "view_not_begun");
    await ask();
    expect(chosenMerchant()).toBe("");
    expect(asked).toEqual(["m1"]);
  });
  it("a late answer about one merchant does not leave the next", async () => {
    chooseMerchant("m1");
    refuse(403, "view_not_begun", () => chooseMerchant("m2"));
    await ask();
    expect(chosenMerchant()).toBe("m2");
  });
});

describe("who acts", () => {
  it("is told on when it changes, and holds no secret", () => {
    let told = 0;
    const off = onSession(() => told++);
    chooseMerchant("m1");
    chooseMerchant("m1");
    signedOut();
    off();
    signedIn();
    expect(told).toBe(2);
    expect(localStorage.getItem("waybill.signed-in")).toMatch(/^\d+$/);
    expect(sessionStorage.getItem("waybill.merchant")).toBe("m1");
  });
});
