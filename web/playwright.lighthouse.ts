import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

// Lighthouse runs alone: what else the machine does would be counted as the page's slowness.
export default defineConfig({ ...tests, testMatch: "lighthouse.ts", workers: 1, timeout: 240_000 });
