import type { CDPSession, Page } from "@playwright/test";
import { expect, test } from "./world";

const password = "a lantern for every parcel";
const olivia = { email: "olivia@example.com", name: "Olivia", role: "owner", password };

const dialog = (page: Page) => page.getByRole("dialog").last();

/** A device that holds passkeys and whose owner nods at everything. */
async function device(page: Page): Promise<{ id: string; cdp: CDPSession }> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId: id } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { id, cdp };
}

async function signOut(page: Page) {
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Sign in" })).toBeVisible();
}

async function signInByPassword(page: Page) {
  await page.getByLabel("E-mail address").fill(olivia.email);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test("a passkey is made, signs in, stands beside the password, and is removed", async ({ page, world, quiet }) => {
  quiet.expect(/401/); // the password alone, when there is a passkey
  const { merchant } = await world.api.get("/me");
  await world.account({ ...olivia, merchant: merchant.id });
  const { id, cdp } = await device(page);
  await page.goto(world.url);
  await signInByPassword(page);
  await expect(page.getByRole("heading", { level: 1, name: "Orders" })).toBeVisible();

  await page.goto(`${world.url}/account`);
  const passkeys = page.getByRole("region", { name: "Passkeys" });
  await passkeys.getByRole("button", { name: "Make a passkey" }).click();
  await dialog(page).getByLabel("Name of the passkey").fill("Olivia's laptop");
  await dialog(page).getByLabel("Your password").fill(password);
  await dialog(page).getByRole("button", { name: "Make a passkey" }).click();
  await expect(page.getByText("The passkey is made.")).toBeVisible();
  await expect(passkeys).toContainText("Olivia's laptop");
  await expect(passkeys).toContainText("not used yet");
  const held = async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId: id })).credentials;
  expect(await held()).toHaveLength(1);
  expect((await held())[0]).toMatchObject({ isResidentCredential: true, rpId: "localhost" });

  // The same device makes no second one.
  await passkeys.getByRole("button", { name: "Make a passkey" }).click();
  await dialog(page).getByLabel("Name of the passkey").fill("Again");
  await dialog(page).getByLabel("Your password").fill(password);
  await dialog(page).getByRole("button", { name: "Make a passkey" }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("This device has a passkey of yours already.");
  await dialog(page).getByRole("button", { name: "Cancel" }).click();

  // Who has a second factor may demand one of everybody.
  await page.goto(`${world.url}/settings#people`);
  await page.getByRole("switch", { name: "Everybody needs a second factor" }).click();
  await expect(page.getByText("A second factor is needed from now on")).toBeVisible();
  await page.goto(`${world.url}/account`);

  await signOut(page);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Your account" })).toBeVisible();

  // Whoever has a passkey is not let in by the password alone, but asked for it.
  await signOut(page);
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified: false });
  await signInByPassword(page);
  await expect(page.getByRole("alert")).toContainText("The browser did not finish.");
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified: true });
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Your account" })).toBeVisible();
  await expect(passkeys).toContainText("last used");

  await passkeys.getByRole("button", { name: "Remove Olivia's laptop" }).click();
  await dialog(page).getByLabel("Your password").fill(password);
  await dialog(page).getByRole("button", { name: "Remove", exact: true }).click();
  await expect(passkeys).toContainText("You have none yet.");
  await signOut(page);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(page.getByRole("alert")).toContainText("This passkey was not accepted.");
  await signInByPassword(page);
  await expect(page.getByText("A second factor comes first here")).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Main" }).getByRole("link")).toHaveText(["Your account"]);
});

test("other sessions are ended by who knows the password", async ({ page, world, quiet }) => {
  quiet.expect(/422/); // the wrong password
  const { merchant } = await world.api.get("/me");
  await world.account({ ...olivia, merchant: merchant.id });
  const elsewhere = await fetch(`${world.url}/api/v1/session`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0" },
    body: JSON.stringify({ email: olivia.email, password }),
  });
  const cookie = elsewhere.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const there = async () => (await fetch(`${world.url}/api/v1/me`, { headers: { Cookie: cookie } })).status;
  expect(await there()).toBe(200);
  await world.open(page, "/account", { email: olivia.email, password });
  await page.getByRole("button", { name: "End the session of Firefox, Linux" }).click();
  await dialog(page).getByLabel("Your password").fill("not my password");
  await dialog(page).getByRole("button", { name: "End", exact: true }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("This is not your password.");
  expect(await there()).toBe(200);
  await dialog(page).getByLabel("Your password").fill(password);
  await dialog(page).getByRole("button", { name: "End", exact: true }).click();
  await expect(page.getByText("The session is ended")).toBeVisible();
  expect(await there()).toBe(401);
  await expect(page.getByRole("button", { name: "End all others" })).toBeHidden();
});
