// The sample shop of "waybill demo" for tests and tools that look at pages and change nothing: an order in every tab and in
// every trouble. Its life is slowed down so much that what is looked at stays as it is.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, type Page } from "@playwright/test";
import type { About, AboutAccount } from "../src/api/gen/types.gen";
import { freePort, until } from "./world";

const waybill = join(import.meta.dirname, "../../bin/waybill");

export class Shop {
  url = "";
  /** An order with each flag, the newest order in each tab, and one that is ready to be bought. */
  orders: Record<string, string> = {};
  /** The job that synced everything. */
  job = "";
  private key = "";
  private sessions = new Map<string, string>();
  private folder = mkdtempSync(join(tmpdir(), "waybill-shop-"));
  private program?: ChildProcess;

  async start() {
    chmodSync(this.folder, 0o755); // as root, PostgreSQL runs as somebody else
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.program = spawn(waybill, ["demo", "--speed", "0.01"], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        WAYBILL_LISTEN: `127.0.0.1:${port}`,
        WAYBILL_DATA_DIR: this.folder,
        WAYBILL_METRICS_LISTEN: "off",
        WAYBILL_REQUESTS_PER_MINUTE: "0",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await this.announced(this.program);
    const about = await fetch(`${this.url}/api/v1/about`);
    this.key = (await about.json()).demo_api_key;
    // 60 orders are told of and the last of them is shipped: nothing goes on by itself any more.
    await until(
      async () => {
        const { attention: _, capped: __, ...tabs } = await this.get("/orders/counts");
        const all = Object.values<number>(tabs).reduce((sum, n) => sum + n, 0);
        return all >= 60 && tabs.fulfilled >= 22 && tabs.closed >= 1;
      },
      "the shop's history",
      90_000,
    );
    await this.look();
  }

  async stop() {
    const p = this.program;
    if (p && p.exitCode === null) {
      const gone = new Promise((r) => p.once("exit", r));
      p.kill("SIGTERM");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private announced(p: ChildProcess) {
    return new Promise<void>((resolve, reject) => {
      let text = "";
      p.once("exit", () => reject(new Error("the sample shop did not open: is bin/waybill built?")));
      p.stdout?.on("data", (d) => {
        text += d;
        if (text.includes("Stop with Ctrl-C")) resolve();
      });
    });
  }

  /** Finds what pages are opened with, and has something in the activity. */
  private async look() {
    const job = await this.post("/sync-jobs", { scope: { kind: "all" }, reason: "A look at everything" });
    this.job = job.id;
    await until(async () => (await this.get(`/sync-jobs/${job.id}`)).state === "done", "the sync of everything");
    const { flags } = await this.get("/flags?limit=200");
    for (const f of flags) if (f.order_id) this.orders[f.code] ??= f.order_id;
    const flagged = new Set(Object.values(this.orders));
    const { orders } = await this.get("/orders?tab=awaiting_order");
    this.orders.ready = orders.find((o: { id: string }) => !flagged.has(o.id)).id;
    for (const tab of ["pending", "awaiting_order", "awaiting_payment", "awaiting_shipment", "fulfilled", "closed"]) {
      const { orders } = await this.get(`/orders?tab=${tab}&limit=1`);
      this.orders[tab] = orders[0].id;
    }
  }

  /** Signs a page in as one of the demo's people; support may look at the shop. */
  async signIn(page: Page, role: AboutAccount["role"] = "owner", looks = false) {
    const cookie = await this.session(role);
    const [name = "", value = ""] = cookie.split("=");
    await page.context().addCookies([{ name, value, url: this.url }]);
    const merchant = looks ? (await this.ask("/me")).merchant.id : "";
    await page.addInitScript((at) => {
      localStorage.setItem("waybill.signed-in", "1");
      localStorage.setItem("waybill.merchant", at);
    }, merchant);
  }

  /** The cookie of a session, one for each role: a code of an authenticator app works once. */
  private async session(role: AboutAccount["role"]): Promise<string> {
    const open = this.sessions.get(role);
    if (open) return open;
    const about: About = await this.ask("/about");
    const { email, password, code } = about.demo_accounts?.find((a) => a.role === role) ?? {};
    const headers = { "Content-Type": "application/json" };
    const signedIn = await fetch(`${this.url}/api/v1/session`, {
      method: "POST",
      headers,
      body: JSON.stringify({ email, password, code }),
    });
    const cookie = signedIn.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    if (!signedIn.ok) throw new Error(`sign in as ${role}: ${signedIn.status} ${await signedIn.text()}`);
    this.sessions.set(role, cookie);
    if (role === "support") {
      const merchant_id = (await this.ask("/me")).merchant.id;
      const body = JSON.stringify({ merchant_id, reason: "Ticket 4711: where is the parcel?" });
      await fetch(`${this.url}/api/v1/support/views`, { method: "POST", headers: { ...headers, cookie }, body });
    }
    return cookie;
  }

  private async get(path: string) {
    return await this.ask(path);
  }

  private async post(path: string, body: unknown) {
    return await this.ask(path, { method: "POST", body: JSON.stringify(body) });
  }

  private async ask(path: string, init: RequestInit = {}) {
    const headers = { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" };
    const r = await fetch(`${this.url}/api/v1${path}`, { ...init, headers });
    if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
    return await r.json();
  }
}

/** Tests that look at the sample shop. All tests of one worker share it. */
export const test = base.extend<object, { shop: Shop }>({
  shop: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
    async ({}, use) => {
      const shop = new Shop();
      await shop.start();
      await use(shop);
      await shop.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});

export { expect } from "@playwright/test";
