// Every page of the dashboard and every state of it that is worth a look. What walks them all: the accessibility tests and the
// screenshots.

import type { Page, Route } from "@playwright/test";
import type {
  AboutAccount,
  DeadLetterPage,
  Me,
  MePerson,
  SyncHistory,
  SyncJobPage,
  WebhookEndpoint,
} from "../src/api/gen/types.gen";
import { expect, type Shop } from "./shop";

export interface Place {
  name: string;
  path: string | ((shop: Shop) => string);
  /** What is done once the page is there. */
  steps?: (page: Page) => Promise<void>;
  /** Answers of the API that the shop would not give: for states it is not in. */
  answers?: Record<string, (r: Route) => Promise<void>>;
  /** What the console may say, because the place is about a failure. */
  says?: RegExp;
  signedOut?: boolean;
  /** Who looks; the owner unless said otherwise. */
  as?: AboutAccount["role"];
  /** Support looks at the shop. */
  looks?: boolean;
}

const click = (role: "button" | "link" | "menuitem", name: string | RegExp) => async (page: Page) => {
  await page.getByRole(role, { name, exact: true }).first().click();
};

const dialog = async (page: Page) => {
  await expect(page.getByRole("dialog")).toBeVisible();
};

const select = (n: number) => async (page: Page) => {
  for (let i = 0; i < n; i++)
    await page
      .getByRole("checkbox", { name: /^Select order/ })
      .nth(i)
      .check();
};

const inTurn =
  (...steps: ((page: Page) => Promise<void>)[]) =>
  async (page: Page) => {
    for (const step of steps) await step(page);
  };

const json = (body: unknown) => (r: Route) => r.fulfill({ json: body });

const endpoint = (description: string, more: Partial<WebhookEndpoint>): WebhookEndpoint => ({
  id: `0198a7f2-7c1e-7b5e-9d53-${String(description.length).padStart(12, "0")}`,
  url: "https://hooks.example.com/waybill",
  description,
  types: ["order.created", "order.shipped"],
  state: "active",
  created_at: "2026-03-14T09:20:41Z",
  created_by: "api:first",
  ...more,
});

/** The caller as he is, but for this. */
const person = (change: (me: Me) => Me, of: Partial<MePerson>) => async (r: Route) => {
  const response = await r.fetch();
  const me: Me = await response.json();
  await r.fulfill({ response, json: change({ ...me, person: me.person && { ...me.person, ...of } }) });
};

const tabs = ["pending", "awaiting_order", "awaiting_payment", "awaiting_shipment", "fulfilled", "attention", "closed"];

export const places: Place[] = [
  { name: "sign-in", path: "/orders", signedOut: true },
  {
    name: "sign-in-key",
    path: "/orders",
    signedOut: true,
    steps: click("button", "Use an API key instead"),
  },
  { name: "new-password-ask", path: "/new-password", signedOut: true },
  { name: "new-password", path: "/new-password#TOKEN", signedOut: true },
  { name: "sign-up", path: "/sign-up#TOKEN", signedOut: true },
  {
    name: "invitation",
    path: "/invitation#TOKEN",
    signedOut: true,
    answers: {
      "**/api/v1/invitations/read": json({
        email: "rita@example.com",
        role: "member",
        merchant: "Sample shop",
        by: "person:Olivia Owner",
        known: false,
      }),
    },
  },
  { name: "account", path: "/account" },
  {
    name: "account-app",
    path: "/account",
    answers: {
      "**/api/v1/me/authenticator-app": json({
        token: "T",
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        url: "otpauth://totp/Waybill:owner@demo.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Waybill",
      }),
    },
    steps: inTurn(click("button", "Set up an app"), dialog, async (page) => {
      await page.getByRole("dialog").getByLabel("Your password").fill("any");
      await page.getByRole("dialog").getByRole("button", { name: "Set up an app" }).click();
      await expect(page.getByRole("img", { name: /^QR code/ })).toBeVisible();
    }),
  },
  {
    name: "account-wants-factor",
    path: "/orders",
    as: "support",
    answers: { "**/api/v1/me": person((me) => ({ ...me, scopes: [], role: undefined }), { wants_factor: true }) },
  },
  { name: "settings-people", path: "/settings#people" },
  {
    name: "settings-invite",
    path: "/settings#people",
    steps: inTurn(click("button", "Invite somebody"), dialog),
  },
  { name: "settings-read-only", path: "/settings", as: "read_only" },
  { name: "support", path: "/support?q=Berg", as: "support" },
  { name: "support-no-hit", path: "/support?q=zzzz", as: "support" },
  {
    name: "support-look",
    path: "/support?merchant=Sample",
    as: "support",
    answers: { "**/api/v1/me": person((me) => me, { views: [] }) },
    steps: inTurn(click("button", "Look at Sample shop"), dialog),
  },
  { name: "support-no-merchant", path: "/pay", as: "support" },
  { name: "support-view", path: "/orders?tab=awaiting_order", as: "support", looks: true },
  {
    name: "support-order",
    path: (shop) => `/orders/${shop.orders.awaiting_shipment}`,
    as: "support",
    looks: true,
  },
  {
    name: "support-explain",
    path: (shop) => `/orders/${shop.orders.awaiting_shipment}`,
    as: "support",
    looks: true,
    steps: inTurn(click("button", "More for this order"), click("menuitem", "Explain it…"), dialog),
  },
  { name: "staff", path: "/support/staff", as: "operator" },

  ...tabs.map((tab) => ({ name: `orders-${tab.replace("_", "-")}`, path: `/orders?tab=${tab}` })),
  {
    name: "orders-filters",
    path: "/orders?tab=awaiting_order&country=DE",
    steps: inTurn(click("button", /^Filters/), async (page) => {
      await expect(page.getByLabel("Country", { exact: true })).toBeVisible();
    }),
  },
  { name: "orders-views", path: "/orders?tab=attention", steps: click("button", "Views") },
  {
    name: "orders-save-view",
    path: "/orders?tab=attention&flag=no_supplier",
    steps: inTurn(click("button", "Views"), click("menuitem", "Save this view…"), dialog),
  },
  { name: "orders-selected", path: "/orders?tab=awaiting_order", steps: select(3) },
  { name: "orders-no-hit", path: "/orders?tab=closed&q=Berg" },
  { name: "orders-no-hit-anywhere", path: "/orders?tab=pending&q=zzzz" },
  {
    name: "orders-empty",
    path: "/orders?tab=attention",
    answers: {
      "**/api/v1/orders?*": json({ orders: [] }),
      "**/api/v1/orders/counts*": json({
        ...Object.fromEntries(tabs.map((t) => [t, 0])),
        capped: false,
      }),
    },
  },
  {
    name: "orders-failed",
    path: "/orders?tab=pending",
    answers: { "**/api/v1/orders?*": (r) => r.abort() },
    says: /ERR_FAILED/,
  },
  { name: "account-menu", path: "/pay", steps: click("button", "Account") },
  { name: "sync-menu", path: "/orders?tab=awaiting_payment", steps: click("button", "More ways to sync") },
  {
    name: "sync-dialog",
    path: "/orders?tab=awaiting_payment",
    steps: inTurn(click("button", "Sync now"), dialog, async (page) => {
      await expect(page.getByRole("dialog")).toContainText("orders");
    }),
  },
  {
    name: "sync-running",
    path: "/orders?tab=awaiting_shipment",
    answers: { "**/api/v1/sync-jobs?*": running },
    steps: async (page) => {
      await expect(page.getByRole("region", { name: "Sync under way" })).toBeVisible();
    },
  },

  { name: "order-flag", path: (s) => `/orders?tab=attention&order=${s.orders.place_failed}`, steps: dialog },
  { name: "order-unknown", path: (s) => `/orders?tab=attention&order=${s.orders.place_unknown}`, steps: dialog },
  { name: "order-fulfilled", path: (s) => `/orders?tab=fulfilled&order=${s.orders.fulfilled}`, steps: dialog },
  { name: "order-page", path: (s) => `/orders/${s.orders.mismatch}` },
  { name: "order-page-to-pay", path: (s) => `/orders/${s.orders.awaiting_payment}` },
  { name: "order-missing", path: "/orders/00000000-0000-7000-8000-000000000000", says: /404/ },
  {
    name: "order-hold",
    path: (s) => `/orders/${s.orders.awaiting_order}`,
    steps: inTurn(click("button", "Hold"), dialog),
  },
  {
    name: "order-address",
    path: (s) => `/orders/${s.orders.awaiting_order}`,
    steps: inTurn(click("button", /Buy to another address/), dialog),
  },
  {
    name: "order-resolve",
    path: (s) => `/orders/${s.orders.place_unknown}`,
    steps: inTurn(click("button", /Say whether it is there/), dialog),
  },
  {
    name: "place",
    path: (s) => `/orders/${s.orders.ready}`,
    steps: inTurn(click("button", "Place supplier orders"), dialog, async (page) => {
      await expect(page.getByRole("dialog").locator("[aria-busy=true]")).toHaveCount(0);
    }),
  },
  {
    name: "place-refused",
    path: (s) => `/orders/${s.orders.no_supplier}`,
    steps: inTurn(click("button", "Place supplier orders"), dialog),
  },
  {
    name: "place-many",
    path: "/orders?tab=awaiting_order",
    steps: inTurn(select(4), click("button", "Place supplier orders"), dialog),
  },

  { name: "pay", path: "/pay" },
  { name: "activity", path: "/activity" },
  { name: "activity-running", path: "/activity", answers: { "**/api/v1/sync-jobs?*": running } },
  { name: "activity-job", path: (s) => `/activity/${s.job}` },
  {
    name: "activity-given-up",
    path: "/activity?show=given_up",
    answers: { "**/api/v1/dead-letters*": json(givenUp()) },
  },
  { name: "activity-given-up-empty", path: "/activity?show=given_up" },
  { name: "health", path: "/health" },
  {
    name: "health-24h",
    path: "/health",
    answers: { "**/api/v1/sync-health/history*": json(history("24h")) },
  },
  {
    name: "health-30d",
    path: "/health?range=30d",
    answers: { "**/api/v1/sync-health/history*": json(history("30d")) },
  },
  {
    name: "health-table",
    path: "/health",
    answers: { "**/api/v1/sync-health/history*": json(history("24h")) },
    steps: click("button", /table/),
  },
  { name: "connections", path: "/connections" },
  {
    name: "connect",
    path: "/connections",
    steps: inTurn(click("button", "Connect another AliExpress account"), dialog),
  },
  {
    name: "store-settings",
    path: "/connections",
    steps: inTurn(click("button", /^Store settings/), dialog),
  },
  {
    name: "disconnect",
    path: "/connections",
    steps: inTurn(click("button", /^Disconnect/), dialog),
  },
  { name: "mappings", path: "/mappings" },
  {
    name: "mapping-new",
    path: "/mappings",
    steps: inTurn(click("button", /^Choose where it is bought/), dialog),
  },
  {
    name: "mapping-edit",
    path: "/mappings",
    steps: inTurn(click("button", /^Edit the mapping of/), dialog),
  },
  { name: "settings", path: "/settings" },
  { name: "settings-webhook", path: "/settings", steps: inTurn(click("button", "Add an endpoint"), dialog) },
  {
    name: "settings-webhooks",
    path: "/settings",
    answers: {
      "**/api/v1/webhook-endpoints": json({
        webhook_endpoints: [
          endpoint("Warehouse", { last_success_at: new Date().toISOString() }),
          endpoint("Accounting", { failing_since: new Date().toISOString() }),
          endpoint("Old shop", { state: "disabled", disabled_why: "failing", disabled_at: new Date().toISOString() }),
        ],
      }),
    },
    steps: async (page) => {
      await page.getByRole("button", { name: "Add an endpoint" }).scrollIntoViewIfNeeded();
      await expect(page.getByText("Fails since")).toBeVisible();
    },
  },
  { name: "settings-key", path: "/settings", steps: inTurn(click("button", "Make a key"), dialog) },
  {
    name: "settings-privacy",
    path: "/settings#privacy",
    steps: async (page) => {
      await expect(page.getByLabel(/^Erase buyers’ data/)).toBeVisible();
    },
  },
  {
    name: "settings-audit",
    path: "/settings#audit",
    steps: inTurn(click("button", "Check the chain"), async (page) => {
      await expect(page.getByText(/^The chain is whole/)).toBeVisible();
    }),
  },
  { name: "welcome", path: "/welcome" },
  { name: "keyboard", path: "/orders?tab=pending", steps: inTurn((page) => page.keyboard.press("?"), dialog) },
  { name: "not-found", path: "/no/such/page" },
];

/** Opens a place and waits until nothing of it is still being loaded. */
export async function visit(page: Page, shop: Shop, place: Place) {
  if (place.signedOut)
    await page.addInitScript(() => {
      sessionStorage.setItem("waybill.left", "1");
      localStorage.removeItem("waybill.signed-in");
    });
  else await shop.signIn(page, place.as, place.looks);
  for (const [pattern, answer] of Object.entries(place.answers ?? {})) await page.route(pattern, answer);
  await page.goto(shop.url + (typeof place.path === "string" ? place.path : place.path(shop)));
  await expect(page.locator("h1")).toBeVisible();
  await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);
  await place.steps?.(page);
  await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
  await page.mouse.move(0, 0);
}

/** Shows the newest job as one that is under way. */
async function running(r: Route) {
  const response = await r.fetch();
  const page: SyncJobPage = await response.json();
  const [first, ...others] = page.sync_jobs;
  if (!first) return await r.fulfill({ response });
  const { finished_at: _, ...job } = first;
  const now = { ...job, state: "running" as const, trigger: "manual" as const, total: 61, done: 24 };
  await r.fulfill({ json: { ...page, sync_jobs: [now, ...others] } });
}

/** A day or a month as a shop with much to do has it. */
function history(range: "24h" | "30d"): SyncHistory {
  const [n, step] = range === "24h" ? [24, 3_600_000] : [30, 86_400_000];
  const start = Math.floor(Date.now() / step) * step - (n - 1) * step;
  return {
    range,
    points: Array.from({ length: n }, (_, i) => {
      const wave = Math.sin(i / 3) + 1.2;
      const trouble = i % 11 === 7;
      return {
        at: new Date(start + i * step).toISOString(),
        ...(range === "24h" && { calls: Math.round(400 * wave) }),
        errors: trouble ? 6 : 0,
        hops: (["store_to_waybill", "waybill_to_supplier", "supplier_to_waybill", "waybill_to_store"] as const).map(
          (hop, j) => ({
            hop,
            p50_seconds: 0.4 + j * 0.9,
            p95_seconds: (1.5 + j * 2) * wave + (trouble ? 9 : 0),
            count: Math.round(30 * wave),
          }),
        ),
        sync_jobs: {
          checked: Math.round(260 * wave),
          changed: Math.round(40 * wave),
          failed: trouble ? 12 : 0,
        },
      };
    }),
  };
}

function givenUp(): DeadLetterPage {
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  return {
    dead_letters: [
      {
        id: "1",
        kind: "receive",
        attempts: 12,
        died_at: at(20),
        reason: "The message of the store names an order that the store does not know.",
        subject: { inbox_id: "01a20d6f-a5bb-7ce5-a0c6-fee8e6feaed1" },
      },
      {
        id: "2",
        kind: "sync",
        attempts: 25,
        died_at: at(200),
        reason: "AliExpress answered 25 times that it is overloaded.",
        subject: { supplier_order_id: "01a20d6f-a60d-7dda-9e3d-10b940f9fcd8" },
      },
    ],
  };
}
