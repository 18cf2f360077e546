import { defineConfig } from "@playwright/test";
import { chromium } from "./e2e/chromium";

// The browser tests: the built program with a real PostgreSQL and both simulators, as a person meets them.
export default defineConfig({
  testDir: "e2e",
  testMatch: "*.spec.ts",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: !!process.env.CI,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    ...chromium,
    actionTimeout: 15_000,
    trace: "retain-on-failure",
  },
});
