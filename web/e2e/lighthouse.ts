// What Lighthouse says of the list of orders: that everybody can use it and that nothing about it is bad practice is held.
// How fast it is depends on the machine and is printed.

import { chromium } from "@playwright/test";
import lighthouse, { desktopConfig } from "lighthouse";
import { chromium as own } from "./chromium";
import { expect, test } from "./shop";
import { freePort } from "./world";

const onlyCategories = ["performance", "accessibility", "best-practices"];
// The live events never end, so the network is never idle; all else is there long before.
const maxWaitForLoad = 12_000;
const figures = [
  "first-contentful-paint",
  "largest-contentful-paint",
  "total-blocking-time",
  "cumulative-layout-shift",
  "speed-index",
];

async function look(url: string, device: "desktop" | "mobile") {
  const port = await freePort();
  const { executablePath, args } = own.launchOptions;
  const browser = await chromium.launch({ executablePath, args: [...args, `--remote-debugging-port=${port}`] });
  try {
    const config = device === "desktop" ? desktopConfig : undefined;
    const result = await lighthouse(url, { port, onlyCategories, logLevel: "error", maxWaitForLoad }, config);
    if (!result) throw new Error("Lighthouse saw nothing");
    const { categories, audits } = result.lhr;
    const score = (name: string) => Math.round((categories[name]?.score ?? 0) * 100);
    const words = [
      ...onlyCategories.map((name) => `${name} ${score(name)}`),
      ...figures.map((name) => `${name} ${audits[name]?.displayValue}`),
    ];
    process.stdout.write(`${device}: ${words.join(", ")}\n`);
    const failed = Object.values(audits).filter((a) => a.scoreDisplayMode === "binary" && a.score === 0);
    return { score, failed: failed.map((a) => a.title) };
  } finally {
    await browser.close();
  }
}

test("on a desk everybody can use the list of orders, and nothing is bad practice", async ({ shop }) => {
  const { score, failed } = await look(`${shop.url}/orders`, "desktop");
  expect([score("accessibility"), score("best-practices")], failed.join("; ")).toEqual([100, 100]);
});

test("in a hand everybody can use the list of orders", async ({ shop }) => {
  const { score, failed } = await look(`${shop.url}/orders`, "mobile");
  expect(score("accessibility"), failed.join("; ")).toBe(100);
});
