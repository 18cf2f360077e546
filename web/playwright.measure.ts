import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

// Measurements are no tests: they print figures, and nothing depends on how fast the machine is.
export default defineConfig({ ...tests, testMatch: "measure.ts", workers: 1, timeout: 900_000 });
