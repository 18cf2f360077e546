import { defineConfig } from "@hey-api/openapi-ts";

// The client of Waybill's API is generated from its OpenAPI document and committed; CI generates it anew and fails on a
// difference. Nothing of it is written by hand.
export default defineConfig({
  input: "../docs/openapi.json",
  output: { path: "src/api/gen", clean: true },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", { name: "@hey-api/sdk", operations: { strategy: "flat" } }],
});
