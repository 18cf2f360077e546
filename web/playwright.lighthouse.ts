import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

// npm run lighthouse: by itself, so that nothing else takes the time that it measures.
export default defineConfig({ ...tests, testMatch: "lighthouse.ts", workers: 1, use: {} });
