import type { Page } from "@playwright/test";
import { expect, goods, test, until } from "./world";

const wanted = Number(process.env.ROWS ?? 5000);
// How far each frame scrolls, in pixels: 40 is a quick wheel, 120 a thrown scrollbar.
const steps = [40, 120];

/** Scrolls for 600 frames from the top; gives how long each took, in milliseconds, sorted. */
const scroll = (page: Page, step: number): Promise<number[]> =>
  page.evaluate(
    (step) =>
      new Promise((resolve) => {
        scrollTo(0, 0);
        const at: number[] = [];
        const next = (t: number) => {
          at.push(t);
          scrollBy(0, step);
          if (at.length < 600) requestAnimationFrame(next);
          else
            resolve(
              at
                .slice(1)
                .map((x, i) => x - (at[i] ?? x))
                .sort((a, b) => a - b),
            );
        };
        requestAnimationFrame(next);
      }),
    step,
  );

function words(frames: number[]) {
  const of = (share: number) => (frames[Math.floor(frames.length * share)] ?? 0).toFixed(1);
  const all = frames.reduce((a, b) => a + b, 0);
  return { p50_ms: of(0.5), p95_ms: of(0.95), p99_ms: of(0.99), a_second: ((1000 * frames.length) / all).toFixed(1) };
}

test(`scrolling through ${wanted} rows`, async ({ page, world }) => {
  for (let i = 0; i < wanted; i += 25)
    await Promise.all(
      Array.from({ length: 25 }, (_, j) =>
        world.buy({ lines: [goods.line], placed_at: new Date(Date.now() - (i + j) * 60_000).toISOString() }),
      ),
    );
  await world.setUp();
  await until(async () => (await world.api.get("/orders/counts")).awaiting_order >= wanted, "all read", 600_000);
  await world.open(page, "/orders?tab=awaiting_order");
  await expect(page.locator("[data-order]")).toHaveCount(50);
  for (let loaded = 50; loaded < wanted; loaded += 200) {
    await page.getByRole("button", { name: /^Load/ }).last().click();
    const shown = Math.min(wanted, loaded + 200).toLocaleString("en-GB");
    await expect(page.getByText(new RegExp(`^${shown} of`))).toBeVisible();
  }

  // What the page itself does for each frame: scripts, styles and layout. The painting of a machine without a graphics card
  // says nothing about those of people.
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const busy = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    const of = (name: string) => metrics.find((m) => m.name === name)?.value ?? 0;
    return { script: of("ScriptDuration"), style: of("RecalcStyleDuration"), layout: of("LayoutDuration") };
  };
  const drawn = await page.locator("[data-order]").count();
  for (const step of steps) {
    const before = await busy();
    const frames = await scroll(page, step);
    const after = await busy();
    const each = (name: keyof typeof before) => (((after[name] - before[name]) * 1000) / frames.length).toFixed(2);
    tell({
      rows: wanted,
      drawn,
      step,
      frames: words(frames),
      work_ms: { script: each("script"), style: each("style"), layout: each("layout") },
    });
  }

  // What this machine paints at best: as many lines of nothing but text, without a script.
  await page.setContent(`<table>${"<tr><td>Order<td>Buyer<td>Status".repeat(wanted)}</table>`);
  for (const step of steps) tell({ yardstick: "plain table", step, frames: words(await scroll(page, step)) });
});

const tell = (figures: object) => process.stdout.write(`${JSON.stringify(figures)}\n`);
