import type { Page } from "@playwright/test";
import { expect, test, until } from "./world";

const dialog = (page: Page) => page.getByRole("dialog").last();
const section = (page: Page, name: string) =>
  page
    .getByRole("region", { name })
    .or(page.locator("section", { has: page.getByRole("heading", { name, exact: true }) }))
    .first();

test("a section of the settings is saved alone; what somebody else changes in another is kept", async ({
  page,
  world,
}) => {
  await world.open(page, "/settings");
  const warnings = section(page, "Warnings");
  const field = warnings.getByRole("textbox").or(warnings.getByRole("spinbutton")).first();
  await field.fill("48");
  const before = await world.api.get("/settings");
  await fetch(`${world.url}/api/v1/settings`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${world.key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ ...before, seller_note: "no invoice please" }),
  });
  await warnings.getByRole("button", { name: "Save", exact: true }).click();
  const after = await until(async () => {
    const s = await world.api.get("/settings");
    return JSON.stringify(s).includes("48") && s;
  }, "the saved section");
  expect(after.seller_note).toBe("no invoice please");
});

test("the language, the theme and the place are remembered", async ({ page, world, quiet }) => {
  quiet.expect(/ERR_FAILED/);
  await world.setUp();
  await world.bought();
  await world.open(page, "/orders?tab=awaiting_order");
  await page.getByRole("button", { name: "Use the dark theme" }).click();
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Deutsch" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Bestellungen");
  // Nothing may be painted in the other theme first: the attribute is there before the page's own script runs.
  await page.route("**/assets/*.js", (r) => r.abort());
  await page.reload().catch(() => {});
  await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", "dark");
  await page.unroute("**/assets/*.js");
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Bestellungen");
});

test("the health page has its numbers twice, as charts and as tables, and its range in the address", async ({
  page,
  world,
}) => {
  await world.setUp();
  await world.bought();
  await until(
    async () => (await world.api.get("/sync-health/history?range=30d")).points.at(-1).hops.length > 0,
    "the first measurements",
  );
  await world.open(page, "/health?range=30d");
  await expect(page.getByRole("heading", { level: 1, name: "Sync health" })).toBeVisible();
  await page.getByRole("button", { name: "Show table" }).first().click();
  await expect(page.getByRole("table").first()).toBeVisible();
  await expect(page).toHaveURL(/range=30d/);
});

test("a broken connection is said on every page and leads to its mending", async ({ page, world }) => {
  await world.setUp();
  const order = await world.bought();
  await world.place(order);
  await world.sim.aliexpress("/tokens/revoke", {});
  await world.open(page, "/orders?tab=awaiting_payment");
  await world.api.post(`/orders/${order.id}/sync`);
  const bar = page.getByRole("status").filter({ hasText: "has to be connected again" });
  await expect(bar).toBeVisible();
  await bar.getByRole("link", { name: "Reconnect" }).click();
  await page
    .getByRole("button", { name: /Connect again/ })
    .first()
    .click();
  await dialog(page).getByRole("button", { name: "Go to AliExpress" }).click();
  await page
    .getByText(/^Authori[sz]e as/)
    .first()
    .click();
  await expect(page.getByText("The AliExpress account is connected.")).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: "has to be connected again" })).toBeHidden();
});
