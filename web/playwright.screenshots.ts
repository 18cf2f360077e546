import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

// npm run screenshots: no tests, but pictures of what the tests look at.
export default defineConfig({
  ...tests,
  testMatch: "screenshots.ts",
  use: { ...tests.use, trace: "off" },
});
