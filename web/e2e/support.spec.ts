import type { Page } from "@playwright/test";
import { totp } from "./totp";
import { expect, test, until, type World } from "./world";

const password = "a lantern for every parcel";
const sam = { email: "sam@waybill.example.com", name: "Sam", role: "support", password };

const dialog = (page: Page) => page.getByRole("dialog").last();

async function merchantOf(world: World): Promise<string> {
  return (await world.api.get("/me")).merchant.id;
}

async function signIn(page: Page, email: string) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Signs in for the first time and sets up the app that staff need; gives its secret. */
async function setUpApp(page: Page, world: World): Promise<string> {
  await page.goto(world.url);
  await signIn(page, sam.email);
  await expect(page.getByText("Staff see buyers and shops of others.")).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Main" }).getByRole("link")).toHaveText(["Your account"]);
  await page.getByRole("button", { name: "Set up an app" }).click();
  await dialog(page).getByLabel("Your password").fill(password);
  await dialog(page).getByRole("button", { name: "Set up an app" }).click();
  await expect(dialog(page).getByRole("img", { name: "QR code with the secret of the app" })).toBeVisible();
  const secret = (await dialog(page).locator(".mono").first().textContent()) ?? "";
  await dialog(page).getByLabel("The first code").fill(totp(secret));
  await dialog(page).getByRole("button", { name: "Turn it on" }).click();
  await expect(page.getByText("The app is on.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1, name: "Support" })).toBeVisible();
  return secret;
}

test("support finds an order by what a buyer tells, says why it looks, and the merchant reads all of it", async ({
  page,
  world,
  quiet,
}) => {
  test.setTimeout(180_000);
  quiet.expect(/401|403/);
  await world.account(sam);
  await world.setUp();
  const order = await world.bought();

  const secret = await setUpApp(page, world);
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await signIn(page, sam.email);
  // A code works once: the one of the next half minute is accepted, too.
  await page.getByLabel(/^Code/).fill(totp(secret, Date.now() + 30_000));
  await page.getByRole("button", { name: "Sign in", exact: true }).click();

  await page.getByRole("link", { name: "Support" }).click();
  await page.getByRole("searchbox", { name: "Find an order" }).fill("jane@example.com");
  await page.getByRole("searchbox", { name: "Find an order" }).press("Enter");
  await expect(page.getByText("1 order found")).toBeVisible();
  await expect(page.getByText("j•••@example.com")).toBeVisible();
  await page.getByRole("button", { name: `Order ${order.number}, Green Leaf Goods` }).click();
  await dialog(page).getByLabel("Reason").fill("Ticket 4711");
  await dialog(page).getByRole("button", { name: "Begin to look" }).click();

  const banner = page.getByRole("region", { name: "Support" });
  await expect(banner).toContainText("You are looking at Green Leaf Goods as support: Ticket 4711");
  await expect(page.getByRole("heading", { level: 1 })).toContainText(order.number);
  await expect(page.getByText("j•••@example.com")).toBeVisible();
  await expect(page.getByText("235 West 23rd Street")).toBeHidden();
  await expect(page.getByRole("button", { name: "Place supplier order" })).toBeHidden();
  await expect(page.getByRole("button", { name: "Change the address" })).toBeHidden();

  await page.getByRole("button", { name: "Show address" }).click();
  await expect(page.getByText("235 West 23rd Street")).toBeVisible();
  await expect(page.getByText("jane@example.com")).toBeVisible();

  await page.getByRole("button", { name: "Sync now" }).click();
  await dialog(page).getByLabel("Why").fill("Does the store know?");
  await dialog(page).getByRole("button", { name: "Sync now" }).click();
  await expect(dialog(page)).toBeHidden();

  await page.getByRole("button", { name: "More for this order" }).click();
  await page.getByRole("menuitem", { name: "Add a note…" }).click();
  await dialog(page).getByLabel("Note").fill("Asked the seller for a photo.");
  await dialog(page).getByRole("button", { name: "Add a note" }).click();
  await expect(page.getByText("Asked the seller for a photo.").first()).toBeVisible();
  await page.getByRole("button", { name: "More for this order" }).click();
  await page.getByRole("menuitem", { name: "Explain it…" }).click();
  await expect(dialog(page).getByRole("heading", { name: "For the buyer" })).toBeVisible();
  await expect(dialog(page).getByRole("button", { name: "Copy: For the merchant" })).toBeVisible();
  await page.keyboard.press("Escape");

  // What the page does not offer the server refuses, too.
  const merchant = await merchantOf(world);
  const placed = await page.context().request.post(`${world.url}/api/v1/orders/${order.id}/supplier-orders`, {
    data: { reason: "no" },
    headers: { "Waybill-Merchant": merchant },
  });
  expect(placed.status()).toBe(403);

  await banner.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Support" })).toBeVisible();
  await expect(banner).toBeHidden();
  await page.goto(`${world.url}/orders/${order.id}`);
  await expect(page.getByRole("heading", { level: 1, name: "Choose a merchant first" })).toBeVisible();

  const { events } = await world.api.get(`/orders/${order.id}/timeline?limit=200`);
  const bySam = events.filter((e: { actor: string }) => e.actor === "support:Sam");
  const kinds = bySam.map((e: { kind: string }) => e.kind);
  expect(kinds).toContain("note");
  expect(kinds).toContain("address_shown");
  const acts = await until(async () => {
    const { entries } = await world.api.get("/audit?limit=100");
    const done = entries.filter((e: { actor: string }) => e.actor === "support:Sam").map((e: { act: string }) => e.act);
    return done.includes("support_view_ended") && done;
  }, "the audit of the view");
  for (const act of ["support_view_begun", "address_shown", "sync_requested", "note_added"])
    expect(acts).toContain(act);
});

test("an owner invites somebody, who reads and changes nothing, is signed out everywhere, and is removed", async ({
  page,
  world,
  browser,
}) => {
  const merchant = await merchantOf(world);
  const olivia = { email: "olivia@example.com", name: "Olivia", role: "owner", password, merchant };
  await world.account(olivia);
  await world.setUp();
  await world.bought();
  await world.open(page, "/settings#people", { email: olivia.email, password });
  await page.getByRole("button", { name: "Invite somebody" }).click();
  await dialog(page).getByLabel("E-mail address").fill("rita@example.com");
  await dialog(page).getByLabel("Role").selectOption("Read only");
  await dialog(page).getByRole("button", { name: "Invite somebody" }).click();
  const link = (await dialog(page).getByText("/invitation#").textContent()) ?? "";
  await dialog(page).getByRole("button", { name: "I have kept it" }).click();

  const other = await browser.newContext();
  const rita = await other.newPage();
  await rita.goto(link);
  await expect(rita.getByText("Olivia invites you to Green Leaf Goods, as: Read only.")).toBeVisible();
  await rita.getByLabel("Your name").fill("Rita");
  await rita.getByLabel("New password").fill(password);
  await rita.getByRole("button", { name: "Accept the invitation" }).click();
  await expect(rita.getByRole("heading", { level: 1, name: "Orders" })).toBeVisible();
  await rita.getByRole("link", { name: /^Awaiting order/ }).click();
  await expect(rita.locator("[data-order]")).toHaveCount(1);
  await expect(rita.getByRole("button", { name: /Sync|Place supplier/ })).toHaveCount(0);
  await rita.goto(`${world.url}/settings`);
  await expect(rita.getByRole("region", { name: "People" })).toContainText("rita@example.com");
  await expect(rita.getByRole("button", { name: "Invite somebody" })).toHaveCount(0);
  await expect(rita.getByRole("region", { name: "API keys" })).toHaveCount(0);

  await page.reload();
  await page.getByRole("button", { name: "Sign out Rita everywhere" }).click();
  await dialog(page).getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page.getByText("Rita is signed out everywhere")).toBeVisible();
  await rita.goto(`${world.url}/orders`);
  await signIn(rita, "rita@example.com");
  await expect(rita.getByRole("heading", { level: 1, name: "Orders" })).toBeVisible();

  await page.getByRole("button", { name: "Remove Rita" }).click();
  await dialog(page).getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByText("Rita is removed")).toBeVisible();
  await rita.reload();
  await expect(rita.getByRole("heading", { level: 1 })).not.toHaveText("Orders");
  await other.close();
});
