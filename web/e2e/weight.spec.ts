// What the browser has to load before the list of orders is there.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "./shop";

const budget = 225_000;
/** Of one file; only React itself is heavier. */
const each = 60_000;
const assets = join(import.meta.dirname, "../dist/assets");

test("the list of orders is light to open, and no part of the dashboard is heavy", async ({ page, shop }) => {
  const loaded = new Map<string, number>();
  const asked: Promise<void>[] = [];
  page.on("response", (r) => {
    const { origin, pathname } = new URL(r.url());
    if (origin !== shop.url || pathname.startsWith("/api/")) return;
    asked.push(
      r
        .request()
        .sizes()
        .then((s) => void loaded.set(pathname, s.responseBodySize)),
    );
  });
  await page.goto(`${shop.url}/orders`);
  await expect(page.locator("[data-order]").first()).toBeVisible();
  await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)));
  await Promise.all(asked);

  const table = [...loaded].sort(([, a], [, b]) => b - a);
  const sum = table.reduce((all, [, n]) => all + n, 0);
  const lines = [...table, ["all", sum] as const].map(([name, n]) => `${String(n).padStart(8)}  ${name}`);
  process.stdout.write(`${lines.join("\n")}\n`);
  expect(sum).toBeLessThanOrEqual(budget);

  const heavy = readdirSync(assets).filter(
    (f) => !f.startsWith("react-") && gzipSync(readFileSync(join(assets, f))).length > each,
  );
  expect(heavy).toEqual([]);
});
