import type { Locator, Page } from "@playwright/test";
import { expect, goods, test, until, type World } from "./world";

const rows = (page: Page) => page.locator("[data-order]");
const tab = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Orders" }).getByRole("link", { name: new RegExp(`^${name}, `) });
const count = (page: Page, name: string) => tab(page, name).locator("[aria-hidden]").last();

const bulk = (page: Page) => page.getByRole("region", { name: "What to do with the selection" });
const selected = (page: Page, n: number) => bulk(page).getByText(`${n} selected`, { exact: true });

/** Fills the store before it is connected: the back-fill reads them a hundred at a time. */
async function fill(world: World, n: number, of: (i: number) => Parameters<World["buy"]>[0] = () => ({})) {
  for (let i = 0; i < n; i += 20) {
    await Promise.all(
      Array.from({ length: Math.min(20, n - i) }, (_, j) => {
        const at = new Date(Date.now() - (n - i - j) * 60_000).toISOString();
        return world.buy({ placed_at: at, ...of(i + j) });
      }),
    );
  }
  const store = await world.setUp();
  await until(async () => (await world.api.get("/orders/counts")).awaiting_order >= n, `${n} orders read`, 60_000);
  return store;
}

test("an order arrives while the page is open; the list is not pushed down", async ({ page, world }) => {
  await world.setUp();
  await world.bought();
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const { number } = await world.buy({ buyer: { first_name: "Omar" } });
  await expect(count(page, "Awaiting order")).toHaveText("2");
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "1 new order · show" }).click();
  await expect(rows(page)).toHaveCount(2);
  await expect(rows(page).first()).toContainText(`#${number}`);
  await expect(rows(page).first()).toContainText("Synced just now");
  await expect(rows(page).first()).toContainText("next ");
  await expect(page.getByText("2 of 2")).toBeVisible();
});

test("sync now of one order shows what changed, in the row, the timeline and the activity", async ({ page, world }) => {
  await world.setUp();
  const order = await world.bought();
  const [number] = await world.place(order);
  await world.sim.aliexpress("/pushes", { drop: true }); // nobody tells: only a look finds it
  await world.sim.aliexpress(`/orders/${number}/pay`);
  await world.sim.aliexpress(`/orders/${number}/ship`);
  await world.open(page, "/orders?tab=awaiting_payment");
  await page.getByRole("button", { name: `Sync order ${order.number}` }).click();
  await expect(page.getByRole("status").filter({ hasText: "Sync finished" }).first()).toBeVisible();
  await expect(rows(page).first()).toContainText("Moved to Fulfilled");
  await expect(count(page, "Awaiting payment")).toHaveText("0");
  await expect(count(page, "Fulfilled")).toHaveText("1");
  const { events } = await world.api.get(`/orders/${order.id}/timeline?limit=200`);
  expect(events.some((e: { actor: string }) => e.actor.startsWith("api:"))).toBe(true);
  const { sync_jobs } = await world.api.get("/sync-jobs?trigger=manual");
  expect(sync_jobs).toHaveLength(2); // the test's own, and this one
  expect(sync_jobs[0]).toMatchObject({ state: "done", total: 1, changed: 1 });
  await tab(page, "Fulfilled").click();
  await expect(rows(page).first()).toContainText("confirmed in Wix");
});

test("the same sync asked for twice, and from two tabs, is one job", async ({ page, context, world }) => {
  await world.setUp();
  await world.bought();
  await world.sim.wix("/faults", { op: "*", how: "slow", times: 20, delay_ms: 3000 });
  await world.open(page, "/orders?tab=awaiting_order");
  const other = await context.newPage();
  await world.open(other, "/orders?tab=awaiting_order");
  const start = async (p: Page, button: RegExp) => {
    await p.getByRole("button", { name: "Sync now", exact: true }).click();
    await p.getByRole("dialog").getByRole("button", { name: button }).dblclick();
  };
  await start(page, /Sync now/);
  await expect(page.getByRole("region", { name: "Sync under way" })).toBeVisible();
  await expect(other.getByRole("region", { name: "Sync under way" })).toBeVisible(); // live, without asking
  await start(other, /Sync now|Watch it/);
  await expect(other.getByText("These orders are being synced already")).toBeVisible();
  const { sync_jobs } = await world.api.get("/sync-jobs?trigger=manual");
  expect(sync_jobs).toHaveLength(1);
});

test("ten tabs share one stream, and the next takes over when the first is closed", async ({
  page,
  context,
  world,
}) => {
  await world.setUp();
  await world.bought();
  const streams: string[] = [];
  context.on("request", (r) => {
    if (r.url().endsWith("/api/v1/events")) streams.push(r.url());
  });
  await world.open(page, "/orders?tab=awaiting_order");
  const pages = [page];
  for (let i = 1; i < 10; i++) {
    const p = await context.newPage();
    await world.open(p, "/orders?tab=awaiting_order");
    pages.push(p);
  }
  for (const p of pages) {
    await expect(rows(p)).toHaveCount(1);
    await expect(p.getByText("Live", { exact: true })).toBeVisible();
  }
  expect(streams).toHaveLength(1);
  await page.close();
  const last = pages.at(-1) as Page;
  await until(async () => streams.length === 2, "the next tab's stream");
  await world.buy();
  await expect(last.getByRole("button", { name: "1 new order · show" })).toBeVisible();
});

test("the server goes and comes back: what is shown stays, and the page catches up by itself", async ({
  page,
  world,
  quiet,
}) => {
  quiet.expect(/Failed to load resource|ERR_/);
  await world.setUp();
  const order = await world.bought();
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await world.down();
  await expect(page.getByText("Reconnecting", { exact: true })).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: `Sync order ${order.number}` }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Sync now did not work" })).toContainText("not answering");
  const missed = await world.buy();
  await world.up();
  await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 30_000 });
  await world.api.post("/sync-jobs", {
    scope: {
      kind: "external",
      store_id: (await world.api.get("/connections")).connections.find(
        (c: { platform: string }) => c.platform === "wix",
      ).id,
      external_ids: [missed.id],
    },
  });
  await expect(count(page, "Awaiting order")).toHaveText("2");
  await expect(page.getByRole("button", { name: "1 new order · show" })).toBeVisible();
});

test("a selection outlives live changes, sorting and loading more; all that match means all", async ({
  page,
  world,
}) => {
  await fill(world, 60);
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(50);
  await expect(page.getByText("50 of 60")).toBeVisible();
  const counts = await page
    .getByRole("navigation", { name: "Orders" })
    .locator("[aria-hidden]:last-child")
    .allTextContents();
  expect(counts.reduce((sum, n) => sum + Number(n), 0)).toBe(60); // nothing needs attention, so each order stands in one view
  const chosen: string[] = [];
  for (const i of [0, 2, 4, 6]) {
    const row = rows(page).nth(i);
    chosen.push((await row.getAttribute("data-order")) ?? "");
    await row.getByRole("checkbox").check();
  }
  const stillChosen = async () => {
    await expect(selected(page, 4)).toBeVisible();
    for (const id of chosen) await expect(page.locator(`[data-order="${id}"] input`)).toBeChecked();
  };
  await world.api.post(`/orders/${chosen[0]}/sync`, { reason: "a change while selected" });
  await expect(page.locator(`[data-order="${chosen[0]}"]`)).toContainText("Synced just now");
  await stillChosen();
  await page.getByRole("button", { name: "Load 50 more" }).click();
  await expect(rows(page)).toHaveCount(60);
  await stillChosen();
  await page.getByRole("button", { name: "Placed" }).click();
  await expect(page).toHaveURL(/sort=oldest/);
  await expect(selected(page, 4)).toBeVisible();
  await tab(page, "Pending").click();
  await expect(selected(page, 4)).toBeHidden();

  await page.goto(`${world.url}/orders?tab=awaiting_order`);
  await expect(rows(page)).toHaveCount(50);
  await page.getByRole("checkbox", { name: "Select everything that is loaded" }).check();
  await page.getByRole("button", { name: "Select all 60 in Awaiting order" }).click();
  await page
    .getByRole("region", { name: "What to do with the selection" })
    .getByRole("button", { name: "Sync now" })
    .click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("60 orders");
  await dialog.getByRole("button", { name: "Sync now" }).click();
  const job = await until(async () => {
    const { sync_jobs } = await world.api.get("/sync-jobs?trigger=manual");
    return sync_jobs.find(
      (j: { scope: { kind: string }; state: string }) => j.scope.kind === "filter" && j.state === "done",
    );
  }, "the sync of everything that matches");
  expect(job.total).toBe(60);
});

test("everything that was chosen stands in the address", async ({ page, browser, world }) => {
  await world.setUp();
  const german = await world.bought({
    buyer: { first_name: "Änne", last_name: "Öz" },
    address: { country: "DE", city: "Berlin", postal_code: "10115", address_line: "Torstr. 1", subdivision: "DE-BE" },
  });
  await world.bought();
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByLabel("Country").selectOption("DE");
  await page.getByRole("button", { name: "Show the orders" }).click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("combobox", { name: "Sort" }).selectOption("oldest");
  await page.getByRole("link", { name: `#${german.number}` }).click();
  await expect(page).toHaveURL(new RegExp(`tab=awaiting_order.*country=DE.*sort=oldest.*order=${german.id}`));
  const address = page.url().replace(world.url, "");
  const elsewhere = await (await browser.newContext()).newPage();
  await world.open(elsewhere, address);
  await expect(rows(elsewhere)).toHaveCount(1);
  await expect(elsewhere.getByRole("dialog")).toContainText(german.number);
  await elsewhere.context().close();
  await page.goBack();
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.goBack();
  await page.goBack();
  await expect(rows(page)).toHaveCount(2);
  await page.goForward();
  await expect(rows(page)).toHaveCount(1);
});

test("an address that makes no sense shows the list, or says what is wrong", async ({ page, world, quiet }) => {
  quiet.expect(/422/);
  await world.setUp();
  await world.bought();
  await world.open(page, "/orders?tab=awaiting_order&sort=best&from=yesterday&to=2026-13-45&page=7");
  await expect(rows(page)).toHaveCount(1);
  await page.goto(`${world.url}/orders?tab=awaiting_order&store=nonsense`);
  await expect(page.getByRole("alert")).toContainText("must be an id");
});

test("a search in the wrong tab says where the hit is", async ({ page, world }) => {
  await world.setUp();
  const order = await world.bought({ buyer: { last_name: "Marino" } });
  await world.open(page, "/orders?tab=fulfilled");
  await expect(page.getByRole("heading", { name: "No orders in “Fulfilled”" })).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type(order.number);
  await expect(page.getByRole("heading", { name: `Nothing in “Fulfilled” matches “${order.number}”` })).toBeVisible();
  await page.getByRole("link", { name: "1 in Awaiting order" }).click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("searchbox").fill("marino");
  await expect(page).toHaveURL(/q=marino/);
  await expect(rows(page)).toHaveCount(1);
});

const focused = (page: Page): Locator => page.locator("*:focus");

test("the keyboard alone finds, selects, syncs, opens, copies and closes", async ({ page, context, world }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await world.setUp();
  const order = await world.bought();
  const [number] = await world.place(order);
  await world.sim.aliexpress(`/orders/${number}/pay`);
  await world.sim.aliexpress(`/orders/${number}/ship`);
  const shipped = await world.order(order.external_id, (o) => o.tab === "fulfilled");
  for (let i = 0; i < 4; i++) await world.bought();
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(4);
  await page.keyboard.press("j");
  await expect(focused(page)).toHaveText(/^#/);
  await page.keyboard.press("x");
  await expect(selected(page, 1)).toBeVisible();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Shift+X");
  await expect(selected(page, 3)).toBeVisible();
  await page.keyboard.press("Control+a");
  await expect(selected(page, 4)).toBeVisible();
  await page.keyboard.press("s");
  await expect(page.getByRole("status").filter({ hasText: "Sync finished" }).first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(selected(page, 4)).toBeHidden();

  await page.keyboard.press("5");
  await expect(rows(page)).toHaveCount(1);
  await page.keyboard.press("j");
  await page.keyboard.press("c");
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toBe(shipped.parcels[0]?.tracking_number);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText(order.number);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(focused(page)).toHaveText(`#${order.number}`);

  await page.keyboard.press("?");
  const help = page.getByRole("dialog");
  await help.getByRole("switch").click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("1");
  await expect(tab(page, "Fulfilled")).toHaveAttribute("aria-current", "page");
  await page.getByRole("searchbox").fill("x");
  await expect(page.getByRole("region", { name: "What to do with the selection" })).toBeHidden();
});

test("names that are markup or formulas are text, on the page and in the file", async ({ page, world }) => {
  await world.setUp();
  const evil = '<img src=x onerror="alert(1)">';
  await world.bought({ buyer: { first_name: evil, last_name: "Ü" } });
  await world.bought({ buyer: { first_name: '=HYPERLINK("http://evil.example")', last_name: "B" } });
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(2);
  await expect(page.getByText(evil)).toBeVisible();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export CSV" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/awaiting-order.*\.csv$/);
  const stream = await download.createReadStream();
  let csv = "";
  for await (const part of stream) csv += part;
  const lines = csv.trim().split("\r\n");
  expect(csv.charCodeAt(0)).toBe(0xfeff);
  expect(lines).toHaveLength(3);
  expect(csv).toContain("Ü");
  expect(csv).toContain(`"'=HYPERLINK(""http://evil.example"") B"`);
  const shown = await rows(page).locator("th a").allTextContents();
  expect(lines.slice(1).map((l) => `#${l.split(",")[0]}`)).toEqual(shown);
});

test("at 320 pixels nothing is cut, targets are large enough and the tab of now is in view", async ({
  browser,
  world,
}) => {
  await world.setUp();
  await world.bought();
  const phone = await browser.newPage({ viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true });
  await world.open(phone, "/orders?tab=attention");
  await expect(phone.getByRole("heading", { name: "No orders in “Needs attention”" })).toBeVisible();
  await expect(tab(phone, "Needs attention")).toBeInViewport({ ratio: 1 });
  await tab(phone, "Awaiting order").click();
  await expect(rows(phone)).toHaveCount(1);
  const wrong = await phone.evaluate(() => {
    const small: string[] = [];
    for (const el of document.querySelectorAll("main a, main button, main select, main input, header button")) {
      const target = el.closest("label") ?? el;
      const r = target.getBoundingClientRect();
      if (r.width > 1 && (r.width < 24 || r.height < 24))
        small.push(`${el.outerHTML.slice(0, 80)} ${r.width}x${r.height}`);
    }
    return { small, wide: document.documentElement.scrollWidth - innerWidth };
  });
  expect(wrong).toEqual({ small: [], wide: 0 });
  await phone.close();
});

test("five different kinds of nothing, each with a way on", async ({ page, world, quiet }) => {
  quiet.expect(/Failed to load resource|ERR_/);
  await world.open(page, "/orders");
  await expect(page.getByRole("heading", { name: "No store is connected yet" })).toBeVisible();
  await expect(page.getByRole("link", { name: "First steps", exact: true })).toHaveAttribute("href", "/welcome");

  await world.setUp();
  await world.bought();
  await page.goto(`${world.url}/orders?tab=pending`);
  await expect(page.getByRole("heading", { name: "No orders in “Pending”" })).toBeVisible();
  await page.goto(`${world.url}/orders?tab=pending&q=zzzz`);
  await expect(page.getByText("There are no matches in the other tabs either.")).toBeVisible();
  await page.goto(`${world.url}/no/such/page`);
  await expect(page.getByRole("heading", { level: 1, name: "There is no such page" })).toBeVisible();

  await page.route("**/api/v1/orders?*", (r) => r.abort());
  await page.goto(`${world.url}/orders?tab=awaiting_order`);
  await expect(page.getByRole("alert")).toContainText("Your orders are safe");
  await page.unroute("**/api/v1/orders?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(rows(page)).toHaveCount(1);
});

test("a session that is over leads to the sign-in and back to the same place", async ({ page, world, quiet }) => {
  quiet.expect(/401/);
  await world.setUp();
  await world.bought();
  const signIn = async (key: string) => {
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  };
  await page.goto(`${world.url}/orders?tab=awaiting_order`);
  await page.getByRole("button", { name: "Use an API key instead" }).click();
  await signIn("not-a-key-that-anybody-knows");
  await expect(page.getByText("This key is not known here")).toBeVisible();
  await signIn(world.key);
  await expect(rows(page)).toHaveCount(1);
  await page.context().clearCookies();
  await page.reload();
  await expect(page.getByText("You were signed out")).toBeVisible();
  await page.getByRole("button", { name: "Use an API key instead" }).click();
  await signIn(world.key);
  await expect(rows(page)).toHaveCount(1);
  await expect(page).toHaveURL(/tab=awaiting_order/);
  expect(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain(world.key);
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in to Waybill" })).toBeVisible();
});

test("a view is kept under a name, for everybody of the merchant", async ({ page, world }) => {
  await world.setUp();
  await world.open(page, "/orders?tab=attention&flag=no_supplier&sort=oldest");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Save this view…" }).click();
  await page.getByLabel("Name of the view").fill("To be mapped");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.goto(`${world.url}/orders`);
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "To be mapped", exact: true }).click();
  await expect(page).toHaveURL(/tab=attention.*flag=no_supplier.*sort=oldest/);
});

test("a thousand rows are loaded and only those that are seen are drawn", async ({ page, world }) => {
  test.setTimeout(240_000);
  await fill(world, 1000, () => ({ lines: [{ ...goods.line }] }));
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(50);
  for (let loaded = 50; loaded < 1000; loaded = Math.min(1000, loaded + 200)) {
    const more = page
      .getByRole("button", { name: loaded + 200 <= 1000 ? "Load 200 more" : /Load (200|50) more/ })
      .last();
    const shown = page.getByText(`${Math.min(1000, loaded + 200).toLocaleString("en-GB")} of 1,000`);
    // Rows that come into view under the pointer are measured then, and may move the button away from a press that is as quick as this.
    await expect(async () => {
      if (!(await shown.isVisible())) await more.click({ timeout: 5_000 });
      await expect(shown).toBeVisible({ timeout: 5_000 });
    }).toPass({ timeout: 60_000 });
  }
  expect(await rows(page).count()).toBeLessThan(60);
  await page.keyboard.press("End");
  await expect(rows(page).last()).toHaveAttribute("aria-rowindex", "1001");
  expect(await rows(page).count()).toBeLessThan(60);
});
