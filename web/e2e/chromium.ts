import { existsSync } from "node:fs";

const places = [
  process.env.CHROMIUM ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Where the machine's Chromium is. */
export const program = places.find((p) => p && existsSync(p)) ?? "chromium";

/** How the browser is started, and what it says of its viewer. */
export const chromium = {
  browserName: "chromium" as const,
  launchOptions: { executablePath: program, args: ["--no-sandbox"] },
  viewport: { width: 1440, height: 900 },
  locale: "en-GB",
  timezoneId: "Europe/Berlin",
};
