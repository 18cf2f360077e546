import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";
import { program } from "./chromium";
import { expect, test } from "./shop";

const kinds = { desktop: desktopConfig, mobile: undefined };

for (const [kind, config] of Object.entries(kinds)) {
  // How fast it is depends on the machine, so that is only told.
  test(`Lighthouse finds nothing wrong with the orders, ${kind}`, async ({ shop }) => {
    const chrome = await launch({ chromePath: program, chromeFlags: ["--headless=new", "--no-sandbox"] });
    const run = await lighthouse(
      `${shop.url}/orders?tab=awaiting_shipment`,
      { port: chrome.port, logLevel: "error", onlyCategories: ["performance", "accessibility", "best-practices"] },
      config,
    );
    chrome.kill();
    const { categories, audits } = run?.lhr ?? {};
    const score = (name: string) => Math.round((categories?.[name]?.score ?? 0) * 100);
    const figure = (name: string) => audits?.[name]?.displayValue?.replace(/\s/g, " ") ?? "?";
    process.stdout.write(
      `${kind}: performance ${score("performance")}, accessibility ${score("accessibility")}, best practices ${score("best-practices")}` +
        ` (FCP ${figure("first-contentful-paint")}, LCP ${figure("largest-contentful-paint")}, TBT ${figure("total-blocking-time")},` +
        ` CLS ${figure("cumulative-layout-shift")})\n`,
    );
    const failed = ["accessibility", "best-practices"].flatMap((c) =>
      (categories?.[c]?.auditRefs ?? [])
        .map((ref) => audits?.[ref.id])
        .filter((a) => a && a.score !== null && a.score < 1)
        .map((a) => `${a?.id}: ${a?.title} ${JSON.stringify(a?.details ?? {}).slice(0, 600)}`),
    );
    expect(failed).toEqual([]);
    expect(score("accessibility")).toBe(100);
    expect(score("best-practices")).toBe(100);
  });
}
