// A world for a test: the built program with a PostgreSQL of its own beside both simulators. Tests sit before it as a person
// does, and play buyers, sellers and the platforms through the simulators' control APIs.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { test as base, expect, type Page } from "@playwright/test";
import type { SignInRequest } from "../src/api/gen/types.gen";

const waybill = join(import.meta.dirname, "../../bin/waybill");
const key = "the-api-key-of-the-browser-tests";

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const s = createServer().once("error", reject);
    // Not one of those that the system deals out: somebody else would have it before it is used.
    s.listen(20_000 + Math.floor(Math.random() * 10_000), "127.0.0.1", () => {
      const a = s.address();
      s.close(() => resolve(typeof a === "object" && a ? a.port : 0));
    });
  });
}

/** Asks again until there is an answer that is wanted: waits for a fact, never for a time. */
export async function until<T>(ask: () => Promise<T | undefined | false>, what: string, within = 30_000): Promise<T> {
  const end = Date.now() + within;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (e) {
      last = e;
    }
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`${what} did not happen${last ? `: ${last}` : ""}`);
}

async function post(url: string, body: unknown = {}, headers: Record<string, string> = {}) {
  const r = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await r.text();
  if (!r.ok) throw new Error(`POST ${url}: ${r.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

async function get(url: string, headers: Record<string, string> = {}) {
  const r = await fetch(url, { headers });
  const text = await r.text();
  if (!r.ok) throw new Error(`GET ${url}: ${r.status} ${text}`);
  return JSON.parse(text);
}

/** What the store sells, and the AliExpress SKU behind it. */
export const goods = {
  line: {
    catalog_item_id: "5376f9ec-b92e-efa9-e4a1-f4f480aa0d3a",
    variant_id: "00000000-0000-0020-0005-ad9cdc10d3b8",
    name: "Wireless Earbuds",
    quantity: 1,
    price: "19.99",
  },
  product: "1005004638293060",
  sku: "12000041122334455",
  attr: "14:365458#Brown",
  store: "1103800006",
};

const address = {
  country: "US",
  subdivision: "US-NY",
  city: "New York",
  postal_code: "10011",
  address_line: "235 West 23rd Street",
};
const buyer = { first_name: "Jane", last_name: "Doe", email: "jane@example.com", phone: "+12125550123" };

export interface NewOrder {
  buyer?: Partial<typeof buyer>;
  address?: Record<string, string>;
  payment?: string;
  placed_at?: string;
  lines?: object[];
}

export class World {
  readonly key = key;
  url = "";
  wix = "";
  aliexpress = "";
  private env: Record<string, string> = {};
  private folder = mkdtempSync(join(tmpdir(), "waybill-e2e-"));
  private simulators?: ChildProcess;
  private program?: ChildProcess;
  private log = "";

  async start() {
    chmodSync(this.folder, 0o755); // as root, PostgreSQL runs as somebody else
    const port = await freePort();
    this.url = `http://localhost:${port}`; // a name: browsers bind passkeys to names
    const hooks = `${this.url}/api/v1/webhooks`;
    this.simulators = spawn(
      waybill,
      ["simulate", "--readable-after=0s", `--wix-webhooks=${hooks}/wix`, `--aliexpress-pushes=${hooks}/aliexpress`],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const intro = await new Promise<string>((resolve, reject) => {
      let text = "";
      this.simulators?.once("exit", () => reject(new Error("the simulators did not start: is bin/waybill built?")));
      this.simulators?.stdout?.on("data", (d) => {
        text += d;
        if (text.includes("\n")) resolve(text);
      });
    });
    const { wix, aliexpress } = JSON.parse(intro);
    this.wix = wix.base_url;
    this.aliexpress = aliexpress.base_url;
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      WAYBILL_DATA_DIR: this.folder,
      WAYBILL_LISTEN: `localhost:${port}`,
      WAYBILL_PUBLIC_URL: this.url,
      WAYBILL_METRICS_LISTEN: "off",
      WAYBILL_REQUESTS_PER_MINUTE: "0", // the tests ask all the time
      WAYBILL_API_KEY: key,
      WAYBILL_MERCHANT_NAME: "Green Leaf Goods",
      WAYBILL_WIX_BASE_URL: wix.base_url,
      WAYBILL_WIX_SITE_URL: wix.base_url,
      WAYBILL_WIX_APP_ID: wix.app_id,
      WAYBILL_WIX_APP_SECRET: wix.app_secret,
      WAYBILL_WIX_PUBLIC_KEY: wix.webhook_public_key,
      WAYBILL_WIX_PER_MINUTE: "0",
      WAYBILL_ALIEXPRESS_BASE_URL: aliexpress.base_url,
      WAYBILL_ALIEXPRESS_APP_KEY: aliexpress.app_key,
      WAYBILL_ALIEXPRESS_APP_SECRET: aliexpress.app_secret,
      WAYBILL_ALIEXPRESS_PER_SECOND: "0",
      WAYBILL_PLACE_SETTLE: "0s",
      WAYBILL_SHUTDOWN_GRACE: "2s",
    };
    await this.sim.wix(`/orders/${wix.order_id}/delete`); // the site begins with one
    await this.up();
  }

  /** Starts the program; its database is as it was left. */
  async up() {
    this.program = spawn(waybill, ["serve"], { env: this.env, stdio: ["ignore", "ignore", "pipe"] });
    this.program.stderr?.on("data", (d) => {
      this.log += d;
    });
    try {
      await until(async () => (await fetch(`${this.url}/readyz`)).ok, "the program's start");
    } catch (e) {
      throw new Error(`${e}\n${this.log.slice(-2000)}`);
    }
  }

  /** Kills the program as a power cut does. */
  async down() {
    const p = this.program;
    this.program = undefined;
    if (!p || p.exitCode !== null) return;
    const gone = new Promise((r) => p.once("exit", r));
    p.kill("SIGKILL");
    await gone;
  }

  /** Ends the program as an operator does. */
  private async rest() {
    const p = this.program;
    if (!p || p.exitCode !== null) return;
    const gone = new Promise((r) => p.once("exit", r));
    p.kill("SIGTERM");
    await gone;
  }

  async stop() {
    await this.rest();
    this.simulators?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get auth() {
    return { Authorization: `Bearer ${key}` };
  }

  /** Calls Waybill's API as another client of the merchant. */
  api = {
    get: (path: string) => get(`${this.url}/api/v1${path}`, this.auth),
    post: (path: string, body: unknown = {}) => post(`${this.url}/api/v1${path}`, body, this.auth),
  };

  /** Connects both platforms and maps the goods, for tests that are about something else. */
  async setUp({ map = true } = {}) {
    const { instance_id } = await get(`${this.wix}/_sim/info`);
    const signed = await get(`${this.wix}/_sim/instances/${instance_id}/signed-instance`);
    const store = await this.api.post("/connections", {
      platform: "wix",
      instance: signed.instance ?? signed.signed_instance,
    });
    const begun = await this.api.post("/connections/authorizations", { platform: "aliexpress" });
    const { auth_code } = await get(`${this.aliexpress}/_sim/info`);
    await this.api.post("/connections", { platform: "aliexpress", code: auth_code, state: begun.state });
    if (map) await this.map(store.id);
    return store.id as string;
  }

  async map(store_id: string) {
    await this.api.post("/product-mappings", {
      store_id,
      variant_key: `${goods.line.catalog_item_id}/${goods.line.variant_id}`,
      role: "dropship",
      title: goods.line.name,
      supplier_product_id: goods.product,
      supplier_sku_id: goods.sku,
      supplier_sku_attr: goods.attr,
      supplier_store_id: goods.store,
      supplier_store_name: "Kedi Bottles Store",
    });
  }

  /** Somebody buys in the store; gives the store's order. */
  async buy(o: NewOrder = {}): Promise<{ id: string; number: string }> {
    const made = await post(`${this.wix}/_sim/orders`, {
      payment: o.payment ?? "paid",
      lines: o.lines ?? [goods.line],
      buyer: { ...buyer, ...o.buyer },
      address: o.address ?? address,
      ...(o.placed_at && { placed_at: o.placed_at }),
    });
    return { id: made.order.id, number: String(made.order.number) };
  }

  /** Waits until Waybill shows the store's order as wanted; gives Waybill's order in full. */
  async order(storeOrder: string, wanted: (o: WorldOrder) => boolean = () => true): Promise<WorldOrder> {
    return await until(async () => {
      const { orders } = await this.api.get(`/orders?q=${storeOrder}`);
      if (!orders[0]) return false;
      const o = await this.api.get(`/orders/${orders[0].id}`);
      return wanted(o) && o;
    }, `order ${storeOrder} as wanted`);
  }

  /** Buys, and waits until the order is there. */
  async bought(o: NewOrder = {}, tab = "awaiting_order"): Promise<WorldOrder> {
    const made = await this.buy(o);
    return await this.order(made.id, (w) => w.tab === tab);
  }

  /** Places an order and waits until AliExpress has it; gives AliExpress' numbers. */
  async place(o: WorldOrder): Promise<string[]> {
    await this.api.post(`/orders/${o.id}/supplier-orders`, { reason: "the test buys it" });
    const placed = await this.order(o.external_id, (w) => w.tab === "awaiting_payment");
    // Read once after the purchase, it is not looked at again by itself for a while.
    const job = await this.api.post(`/orders/${o.id}/sync`);
    await until(
      async () => (await this.api.get(`/sync-jobs/${job.id}`)).state === "done",
      "the read after the purchase",
    );
    return placed.supplier_orders.map((s) => s.number);
  }

  /** The numbers of everything that AliExpress was asked to sell; the account begins with an order from elsewhere. */
  async purchases(): Promise<string[]> {
    const { orders } = await get(`${this.aliexpress}/_sim/orders`);
    return orders
      .filter((o: { out_order_id: string }) => o.out_order_id !== "")
      .map((o: { order_id: string }) => o.order_id);
  }

  sim = {
    wix: (path: string, body: unknown = {}) => post(`${this.wix}/_sim${path}`, body),
    aliexpress: (path: string, body: unknown = {}) => post(`${this.aliexpress}/_sim${path}`, body),
    wixOrder: (id: string) => get(`${this.wix}/_sim/orders/${id}`),
  };

  /** Opens a page of the dashboard, signed in: with the merchant's key, or as a person. */
  async open(page: Page, path: string, who: SignInRequest = { api_key: key }) {
    const answer = await page.context().request.post(`${this.url}/api/v1/session`, { data: who });
    if (!answer.ok()) throw new Error(`sign in: ${answer.status()} ${await answer.text()}`);
    await page.addInitScript(() => {
      if (!sessionStorage.getItem("waybill.left")) localStorage.setItem("waybill.signed-in", "1");
    });
    await page.goto(this.url + path);
  }

  /**
   * Makes an account on the machine itself, as the operator does, and sets its password with the link. The program rests
   * meanwhile: the private database is for one at a time.
   */
  async account(o: { email: string; name: string; role: string; password: string; merchant?: string }) {
    const more = o.merchant ? ["--merchant", o.merchant] : [];
    const args = ["admin", "create", "--email", o.email, "--name", o.name, "--role", o.role, ...more];
    await this.rest();
    const { stdout } = await promisify(execFile)(waybill, args, { env: this.env });
    await this.up();
    const token = /#(\w+)/.exec(stdout)?.[1];
    if (!token) throw new Error(`no link in: ${stdout}`);
    await post(`${this.url}/api/v1/password-resets/use`, { token, password: o.password });
  }
}

export interface WorldOrder {
  id: string;
  external_id: string;
  number: string;
  tab: string;
  version: number;
  supplier_orders: { id: string; number: string; state: string }[];
  pushes: { id: string; state: string }[];
  parcels: { tracking_number: string }[];
}

/** Tests with a world of their own. A page that logs an error or asks another host fails its test. */
export const test = base.extend<{ world: World; quiet: { expect: (pattern: RegExp) => void } }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
  world: async ({}, use) => {
    const w = new World();
    await w.start();
    await use(w);
    await w.stop();
  },
  quiet: [
    async ({ page, world }, use) => {
      const wrong: string[] = [];
      const expected: RegExp[] = [];
      page.on("pageerror", (e) => wrong.push(e.message));
      page.on("console", (m) => {
        if (m.type() === "error") wrong.push(m.text());
      });
      page.on("request", (r) => {
        const ours = [world.url, world.wix, world.aliexpress, "data:", "blob:"].some((u) => r.url().startsWith(u));
        if (!ours) wrong.push(`a request to ${r.url()}`);
      });
      await use({ expect: (p) => void expected.push(p) });
      expect(wrong.filter((w) => !expected.some((p) => p.test(w)))).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
