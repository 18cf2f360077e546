import { describe, expect, it } from "vitest";
import type { Connection } from "../api/gen/types.gen";
import { type Facts, type StepName, type StepState, stepsOf } from "./welcome";

const connection = (platform: Connection["platform"], state: Connection["state"]): Connection => ({
  id: platform,
  platform,
  state,
  name: platform,
  external_id: "1",
  created_at: "",
});

const nothing: Facts = { connections: [], wanted: 0, orders: 0, swept: false };
const fresh = { skipped: [], chosen: false };

function states(facts: Partial<Facts>, kept: { skipped: StepName[]; chosen: boolean } = fresh) {
  return Object.fromEntries(stepsOf({ ...nothing, ...facts }, kept).map((s) => [s.name, s.state])) as Record<
    StepName,
    StepState
  >;
}

describe("the first steps", () => {
  it("begin with nothing; what needs a store waits for it", () => {
    expect(states({})).toEqual({ store: "todo", supplier: "todo", products: "waits", choose: "todo", first: "waits" });
  });

  it("a broken connection is failed, not done; a removed one counts for nothing", () => {
    expect(states({ connections: [connection("wix", "needs_reauth")] }).store).toBe("failed");
    expect(states({ connections: [connection("wix", "removed")] }).store).toBe("todo");
    expect(states({ connections: [connection("wix", "needs_reauth"), connection("wix", "active")] }).store).toBe(
      "done",
    );
  });

  it("products are matched when nothing waits", () => {
    const connections = [connection("wix", "active")];
    expect(states({ connections, wanted: 2 }).products).toBe("todo");
    expect(states({ connections }).products).toBe("done");
  });

  it("the first sync is done with the first order, or when the store has none", () => {
    const connections = [connection("wix", "active")];
    expect(states({ connections }).first).toBe("todo");
    expect(states({ connections, orders: 1 }).first).toBe("done");
    expect(states({ connections, swept: true }).first).toBe("done");
  });

  it("what was skipped and then done is done", () => {
    const kept = { skipped: ["supplier" as const], chosen: true };
    expect(states({}, kept)).toMatchObject({ supplier: "skipped", choose: "done" });
    expect(states({ connections: [connection("aliexpress", "active")] }, kept).supplier).toBe("done");
  });
});
