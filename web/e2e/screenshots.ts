// Pictures of every place in both themes on both screens, for people to look at.

import { join } from "node:path";
import { places, visit } from "./places";
import { screens, themes } from "./screens";
import { test } from "./shop";

const folder = join(import.meta.dirname, "../screenshots");

for (const theme of themes)
  for (const screen of screens)
    test(`${theme}, ${screen.viewport.width} wide`, async ({ browser, shop }) => {
      test.setTimeout(300_000);
      const context = await browser.newContext({ ...screen, colorScheme: theme });
      for (const place of places)
        await test.step(place.name, async () => {
          const page = await context.newPage();
          await visit(page, shop, place);
          await page.evaluate(() => scrollTo(0, 0));
          const path = join(folder, `${place.name}-${theme}-${screen.viewport.width}.png`);
          await page.screenshot({ path, fullPage: !(await page.getByRole("dialog").count()), animations: "disabled" });
          await page.close();
        });
      await context.close();
    });

test.afterAll(() => void process.stdout.write(`The pictures are in ${folder}\n`));
