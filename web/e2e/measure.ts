import { expect, goods, test, until } from "./world";

const wanted = Number(process.env.ROWS ?? 5000);

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
  await page.evaluate(() => scrollTo(0, 0));
  const before = await busy();
  const frames: number[] = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const at: number[] = [];
        const step = (t: number) => {
          at.push(t);
          scrollBy(0, 120);
          if (at.length < 600) requestAnimationFrame(step);
          else resolve(at.slice(1).map((x, i) => x - (at[i] ?? x)));
        };
        requestAnimationFrame(step);
      }),
  );
  const after = await busy();
  const sorted = [...frames].sort((a, b) => a - b);
  const of = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  const each = (name: keyof typeof before) => (((after[name] - before[name]) * 1000) / frames.length).toFixed(2);
  const figures = {
    rows: wanted,
    drawn: await page.locator("[data-order]").count(),
    frame_ms: { p50: of(0.5), p95: of(0.95), p99: of(0.99) },
    frames_per_second: (1000 / (frames.reduce((a, b) => a + b, 0) / frames.length)).toFixed(1),
    work_ms_per_frame: { script: each("script"), style: each("style"), layout: each("layout") },
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
});
