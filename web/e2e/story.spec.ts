import type { Page } from "@playwright/test";
import { expect, goods, test, until, type World } from "./world";

const rows = (page: Page) => page.locator("[data-order]");
const nav = (page: Page, name: string) => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name });
const tab = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Orders" }).getByRole("link", { name: new RegExp(`^${name}, `) });
const dialog = (page: Page) => page.getByRole("dialog").last();

async function signIn(page: Page, world: World) {
  await page.goto(world.url);
  await page.getByRole("button", { name: "Use an API key instead" }).click();
  await page.getByLabel("API key").fill(world.key);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Maps the goods through the editor, as a merchant does: by the link of the product's page. */
async function mapByLink(page: Page) {
  await page.getByLabel("AliExpress link or product id").fill(`https://www.aliexpress.com/item/${goods.product}.html`);
  await page.getByRole("button", { name: "Look it up" }).click();
  const variant = dialog(page).getByLabel(/Brown/);
  await variant.check();
  await dialog(page).getByRole("button", { name: "Save the mapping" }).click();
}

/** Places what the dialog shows, and waits for its end. */
async function placeShown(page: Page, n: number) {
  const go = dialog(page).getByRole("button", { name: new RegExp(`^Place ${n} order`) });
  await expect(go).toBeEnabled();
  await go.click();
  await expect(dialog(page)).toContainText(`${n} planned`);
}

test("from nothing to fulfilled: connect both, an order arrives, map, place in bulk, pay, sync, shipped, confirmed in Wix", async ({
  page,
  world,
}) => {
  await signIn(page, world);
  await page.getByRole("link", { name: "First steps" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "First steps" })).toBeVisible();

  await page.getByRole("button", { name: "Connect a Wix store" }).click();
  await dialog(page).getByRole("button", { name: "Go to Wix" }).click();
  await expect(page.getByText("The Wix store is connected.")).toBeVisible();
  await page.getByRole("button", { name: "Connect an AliExpress account" }).first().click();
  await dialog(page).getByRole("button", { name: "Go to AliExpress" }).click();
  await page.getByText(/^Authori[sz]e as/).click();
  await expect(page.getByText("The AliExpress account is connected.")).toBeVisible();

  await nav(page, "Orders").click();
  await tab(page, "Awaiting order").click();
  await expect(page.getByRole("heading", { name: "No orders in “Awaiting order”" })).toBeVisible();
  await page.evaluate(() => Object.assign(window, { here: true })); // a reload would lose it
  const jane = await world.buy();
  const omar = await world.buy({ buyer: { first_name: "Omar", last_name: "Haddad" } });
  await page.getByRole("button", { name: "2 new orders · show" }).click();
  await expect(rows(page)).toHaveCount(2);
  expect(await page.evaluate(() => "here" in window)).toBe(true);
  await expect(rows(page).first()).toContainText("No supplier is chosen");

  await rows(page).first().getByRole("link").first().click();
  await dialog(page)
    .getByRole("link", { name: "Choose a supplier" })
    .or(dialog(page).getByRole("button", { name: "Choose a supplier" }))
    .first()
    .click();
  await expect(page.getByRole("heading", { level: 1, name: "Product mapping" })).toBeVisible();
  await mapByLink(page);
  await expect(page.getByText("2 orders take it over")).toBeVisible();

  await nav(page, "Orders").click();
  await tab(page, "Awaiting order").click();
  await expect(rows(page).first()).toContainText("Ready to order");
  await page.getByRole("checkbox", { name: "Select everything that is loaded" }).check();
  await page
    .getByRole("region", { name: "What to do with the selection" })
    .getByRole("button", { name: "Place supplier orders" })
    .click();
  await placeShown(page, 2);
  await dialog(page).getByRole("link", { name: "Go to the pay list" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Pay list" })).toBeVisible();
  await expect(page.getByRole("table").getByRole("link", { name: "Pay on AliExpress" })).toHaveCount(2);

  await world.sim.aliexpress("/pushes", { drop: true }); // from here on AliExpress tells nothing: only a look finds it
  const numbers = await world.purchases();
  expect(numbers).toHaveLength(2);
  for (const n of numbers) await world.sim.aliexpress(`/orders/${n}/pay`);
  await page.getByRole("checkbox", { name: "Select everything shown" }).check();
  await page.getByRole("button", { name: "Sync their 2 orders" }).click();
  await expect(page.getByRole("heading", { name: "Nothing is to be paid" })).toBeVisible();

  for (const n of numbers) await world.sim.aliexpress(`/orders/${n}/ship`);
  await nav(page, "Orders").click();
  await tab(page, "Awaiting shipment").click();
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole("button", { name: "Sync now", exact: true }).click();
  await expect(dialog(page)).toContainText("2 orders");
  await dialog(page).getByRole("button", { name: "Sync now" }).click();
  await expect(rows(page).filter({ hasText: "Moved to Fulfilled" })).toHaveCount(2);
  await expect(page.getByText(/2 orders checked, 2 changed/).first()).toBeVisible();

  await tab(page, "Fulfilled").click();
  await expect(rows(page).filter({ hasText: "confirmed in Wix" })).toHaveCount(2);
  for (const made of [jane, omar]) {
    const { order } = await world.sim.wixOrder(made.id);
    const ours = await world.order(made.id);
    expect(JSON.stringify(order.fulfillments ?? (await world.sim.wixOrder(made.id)))).toContain(
      ours.parcels[0]?.tracking_number,
    );
  }
});

test("a refused address is corrected for the purchase and placed again", async ({ page, world }) => {
  await world.setUp();
  const order = await world.bought();
  await world.sim.aliexpress("/faults", {
    method: "aliexpress.ds.order.create",
    how: "business:B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL",
    times: 1,
  });
  await world.open(page, `/orders?tab=awaiting_order&order=${order.id}`);
  await dialog(page).getByRole("button", { name: "Place supplier orders" }).click();
  await placeShown(page, 1);
  await dialog(page).getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("heading", { name: "AliExpress refused the purchase" })).toBeVisible();
  await page.getByRole("button", { name: "Correct the address…" }).click();
  await page.getByLabel("Street and number").fill("300 West 23rd Street");
  await page.getByRole("textbox", { name: "Why", exact: true }).fill("AliExpress would not have the old one");
  await page.getByRole("button", { name: "Save and place again…" }).click();
  await placeShown(page, 1);
  await dialog(page).getByRole("button", { name: "Done" }).click();
  await world.order(order.external_id, (o) => o.tab === "awaiting_payment");
  expect(await world.purchases()).toHaveLength(1);
});

test("a purchase that nobody knows of is resolved by its number, and never bought twice", async ({ page, world }) => {
  await world.setUp();
  const order = await world.bought();
  await world.sim.aliexpress("/pushes", { drop: true });
  await world.sim.aliexpress("/faults", { method: "aliexpress.ds.order.create", how: "reset_after", times: 1 });
  await world.open(page, `/orders?tab=awaiting_order&order=${order.id}`);
  await dialog(page).getByRole("button", { name: "Place supplier orders" }).click();
  await placeShown(page, 1);
  await dialog(page).getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("heading", { name: "Whether it was bought is not known" })).toBeVisible();
  const numbers = await world.purchases();
  expect(numbers).toHaveLength(1);
  await page.getByRole("button", { name: "Say whether it is there…" }).first().click();
  await dialog(page).getByLabel("AliExpress order number").fill("81719361");
  await page.getByRole("textbox", { name: "Why (optional)" }).fill("found in my AliExpress orders");
  await dialog(page).getByRole("button", { name: "Check this number" }).click();
  await expect(dialog(page)).toContainText("10 to 20 digits");
  await dialog(page)
    .getByLabel("AliExpress order number")
    .fill(numbers[0] ?? "");
  await dialog(page).getByRole("button", { name: "Check this number" }).click();
  await world.order(order.external_id, (o) => o.tab === "awaiting_payment");
  await expect(page.getByRole("heading", { name: "Whether it was bought is not known" })).toBeHidden();
  expect(await world.purchases()).toHaveLength(1);
});

test("twelve are placed, two of them cannot be: ten are bought, once, whatever is clicked", async ({ page, world }) => {
  test.setTimeout(120_000);
  for (let i = 0; i < 12; i++)
    await world.buy(
      i < 2
        ? { lines: [{ ...goods.line, variant_id: `00000000-0000-0020-0005-00000000000${i}`, name: "Mystery box" }] }
        : {},
    );
  await world.setUp();
  await until(async () => (await world.api.get("/orders/counts")).awaiting_order === 12, "twelve orders");
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(rows(page)).toHaveCount(12);
  await page.getByRole("checkbox", { name: "Select everything that is loaded" }).check();
  await page
    .getByRole("region", { name: "What to do with the selection" })
    .getByRole("button", { name: "Place supplier orders" })
    .click();
  await expect(dialog(page)).toContainText("2 cannot be placed and are left out");
  const go = dialog(page).getByRole("button", { name: /^Place 10 orders, US\$/ });
  await expect(go).toBeEnabled();
  await go.dblclick();
  await page.reload();
  await until(async () => (await world.api.get("/orders/counts")).awaiting_payment === 10, "ten purchases");
  expect(await world.purchases()).toHaveLength(10);
});

test("a consent that is denied says so and can be begun again", async ({ page, world }) => {
  await world.open(page, "/connections");
  await page.getByRole("button", { name: "Connect an AliExpress account" }).first().click();
  await dialog(page).getByRole("button", { name: "Go to AliExpress" }).click();
  await page.getByText(/^Refuse/).click();
  await expect(page.getByText("The consent was not given, so nothing was connected.")).toBeVisible();
  await expect(page).not.toHaveURL(/connect_error/);
  await page.getByRole("button", { name: "Connect an AliExpress account" }).first().click();
  await dialog(page).getByRole("button", { name: "Go to AliExpress" }).click();
  await page.getByText(/^Authori[sz]e as/).click();
  await expect(page.getByText("The AliExpress account is connected.")).toBeVisible();
});

test("a sync is watched from every page, stopped, and says for each order what became of it", async ({
  page,
  world,
}) => {
  await world.setUp();
  for (let i = 0; i < 3; i++) {
    const o = await world.bought();
    await world.place(o);
  }
  await world.sim.aliexpress("/faults", {
    method: "aliexpress.trade.ds.order.get",
    how: "slow",
    times: 50,
    delay_ms: 3000,
  });
  await world.open(page, "/orders?tab=awaiting_payment");
  await page.getByRole("button", { name: "Sync now", exact: true }).click();
  await page.getByLabel("Why (optional)").fill("the buyer asks");
  await dialog(page).getByRole("button", { name: "Sync now" }).click();
  const bar = page.getByRole("region", { name: "Sync under way" });
  await expect(bar).toBeVisible();
  await nav(page, "Pay list").click();
  await expect(bar).toBeVisible();
  await bar.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByText("Sync stopped").first()).toBeVisible();
  await nav(page, "Sync activity").click();
  await page
    .getByRole("link", { name: /All in “Awaiting payment”/ })
    .first()
    .click();
  await expect(page.getByText("the buyer asks")).toBeVisible();
});

test("what somebody else changes meanwhile is shown, and what was typed is kept", async ({ page, world }) => {
  await world.setUp();
  const order = await world.bought();
  await world.open(page, `/orders/${order.id}`);
  await page.getByRole("button", { name: "Hold", exact: true }).click();
  await page.getByRole("textbox", { name: "Why", exact: true }).fill("the buyer asked to wait");
  await world.api.post(`/orders/${order.id}/supplier-orders`, { reason: "somebody else buys it" });
  await world.order(order.external_id, (o) => o.tab === "awaiting_payment");
  await expect(dialog(page)).toContainText("This order has changed while you were here.");
  await expect(page.getByRole("textbox", { name: "Why", exact: true })).toHaveValue("the buyer asked to wait");
});

test("a mapping that was removed comes back as it was, and where somebody has mapped the variant meanwhile it says so", async ({
  page,
  world,
  quiet,
}) => {
  quiet.expect(/409/);
  const store = await world.setUp();
  const mapping = async () => (await world.api.get("/product-mappings")).product_mappings[0];
  const before = await mapping();
  await world.open(page, "/mappings");
  const remove = async () => {
    await page.getByRole("button", { name: /^Remove the mapping of/ }).click();
    await dialog(page).getByRole("button", { name: "Remove", exact: true }).click();
    await expect(page.getByText("The mapping is removed")).toBeVisible();
    expect(await mapping()).toBeUndefined();
  };
  const messages = page.getByRole("region", { name: "Messages" });

  await remove();
  await messages.getByRole("button", { name: "Undo" }).click();
  await expect(messages).toContainText("The mapping is back");
  await expect(page.getByRole("button", { name: /^Remove the mapping of/ })).toBeVisible();
  const { id, created_at, updated_at, ...was } = before;
  expect(await mapping()).toMatchObject(was);

  await remove();
  await world.map(store);
  await messages.getByRole("button", { name: "Undo" }).click();
  await expect(messages.getByRole("alert")).toContainText("This variant is mapped already.");
  await expect(page.getByRole("button", { name: /^Remove the mapping of/ })).toBeVisible();
});
