import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "./shop";

// What a visit of the orders page may weigh, compressed: everything but the answers of the API.
const firstLoad = 225_000;
// What is loaded when it is needed must not be felt.
const lazyChunk = 60_000;

test("the first load of the orders is light, and so is what comes later", async ({ shop, browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send("Network.enable");
  const paths = new Map<string, string>();
  const weights = new Map<string, number>();
  client.on("Network.responseReceived", (e) => paths.set(e.requestId, new URL(e.response.url).pathname));
  client.on("Network.loadingFinished", (e) => {
    const path = paths.get(e.requestId) ?? "";
    if (!path.startsWith("/api/")) weights.set(path, e.encodedDataLength);
  });
  await page.goto(`${shop.url}/orders?tab=awaiting_shipment`);
  await expect(page.locator("[data-order]").first()).toBeVisible();
  await page.waitForLoadState("load");
  await context.close();

  const total = [...weights.values()].reduce((sum, n) => sum + n, 0);
  const table = [...weights].sort(([, a], [, b]) => b - a).map(([path, n]) => `${n.toString().padStart(8)} ${path}`);
  process.stdout.write(`${table.join("\n")}\n${total.toString().padStart(8)} in all, of ${firstLoad}\n`);
  expect(total).toBeLessThanOrEqual(firstLoad);

  const assets = join(import.meta.dirname, "../dist/assets");
  const heavy = readdirSync(assets)
    .filter((name) => !weights.has(`/assets/${name}`))
    .map((name) => [name, gzipSync(readFileSync(join(assets, name))).length] as const)
    .filter(([, n]) => n > lazyChunk);
  expect(heavy).toEqual([]);
});
