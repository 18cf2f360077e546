// Every place of the dashboard, in both themes, on a desk and in a hand: usable by everybody, nothing cut, nothing said on the
// console, nobody else asked.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import type { AxeResults, RunOnly } from "axe-core";
import { type Place, places, visit } from "./places";
import { screens } from "./screens";
import { expect, type Shop, test } from "./shop";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Another theme has other colours and nothing else that axe could see. */
const ofColours = ["color-contrast", "link-in-text-block"];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function violations(page: Page, runOnly: RunOnly): Promise<string[]> {
  await page.evaluate(axe);
  const found = (await page.evaluate(
    (options) =>
      // biome-ignore lint/suspicious/noExplicitAny: axe puts itself there
      (window as any).axe.run(options),
    {
      runOnly,
      resultTypes: ["violations"] as const,
      // It measures a field without its label, and what a floating bar covers just now; small() does better.
      rules: { "target-size": { enabled: false } },
    },
  )) as AxeResults;
  return found.violations.flatMap((v) =>
    v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}\n      ${n.html.slice(0, 200)}\n      ${n.failureSummary}`),
  );
}

/** What can be scrolled sideways: the page, or a dialog above it. */
const sideways = (page: Page) =>
  page.evaluate(async () => {
    // What floats above the page finds its place with the frame after the one in which the page became narrower.
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    const within = [document.documentElement, ...document.querySelectorAll("dialog[open], dialog[open] *")];
    return within
      .filter(
        (el) =>
          (el.scrollWidth > el.clientWidth + 1 &&
            !["visible", "hidden", "clip"].includes(getComputedStyle(el).overflowX)) ||
          (el === document.documentElement && el.scrollWidth > innerWidth),
      )
      .map((el) => `${innerWidth} px: ${el.outerHTML.slice(0, 90)} is ${el.scrollWidth} wide`);
  });

/** Targets under 24 pixels. A label is part of its field, and a link within a sentence is as high as its line (WCAG 2.5.8). */
const small = (page: Page) =>
  page.evaluate(() => {
    const found: string[] = [];
    const within = ":is(main, header, nav, dialog, [role=dialog])";
    for (const el of document.querySelectorAll(`${within} :is(a, button, select, input, textarea, summary)`)) {
      if (!el.checkVisibility({ visibilityProperty: true })) continue;
      const parts = [el, ...((el instanceof HTMLInputElement && el.labels) || [])].map((p) =>
        p.getBoundingClientRect(),
      );
      const words = [...(el.parentNode?.childNodes ?? [])].some(
        (n) => n.nodeType === Node.TEXT_NODE && n.nodeValue?.trim(),
      );
      if (words && getComputedStyle(el).display === "inline") continue;
      if (parts.every((r) => r.width < 24 || r.height < 24))
        found.push(`${parts.map((r) => `${r.width}x${r.height}`)}: ${el.outerHTML.slice(0, 120)}`);
    }
    return found;
  });

/** Listens to what a page does that nobody should see. */
function listen(page: Page, shop: Shop, place: Place) {
  const heard: string[] = [];
  page.on("pageerror", (e) => heard.push(`error: ${e.message}`));
  page.on("console", (m) => {
    if (m.type() === "error" && !place.says?.test(m.text())) heard.push(`console: ${m.text()}`);
  });
  page.on("request", (r) => {
    if (![shop.url, "data:", "blob:"].some((u) => r.url().startsWith(u))) heard.push(`a request to ${r.url()}`);
  });
  return heard;
}

test.use({ trace: "off" }); // it would write down each of so many pages

for (const screen of screens)
  test(`every place is for everybody, ${screen.viewport.width} wide`, async ({ browser, shop }) => {
    test.setTimeout(600_000);
    const context = await browser.newContext({ ...screen, colorScheme: "light" });
    const wrong: string[] = [];
    for (const place of places)
      await test.step(place.name, async () => {
        const page = await context.newPage();
        const found = listen(page, shop, place);
        try {
          await visit(page, shop, place);
          found.push(...(await violations(page, { type: "tag", values: tags })));
          found.push(...(await small(page)), ...(await sideways(page)));
          await page.emulateMedia({ colorScheme: "dark" });
          await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", "dark");
          found.push(...(await violations(page, { type: "rule", values: ofColours })).map((v) => `dark: ${v}`));
          if (screen.hasTouch) {
            await page.setViewportSize({ width: 320, height: screen.viewport.height });
            found.push(...(await sideways(page)));
          }
        } catch (e) {
          found.push(`${e}`);
        }
        wrong.push(...found.map((w) => `${place.name}: ${w}`));
        await page.close();
      });
    await context.close();
    expect(wrong).toEqual([]);
  });
