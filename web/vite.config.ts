import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    // public/.gitkeep comes with every build: the folder has to be there for the Go program to be built without Node.
    emptyOutDir: true,
    // The Content-Security-Policy allows no data: fonts and scripts; files stand on their own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules\/(react|react-dom|scheduler)\// },
            { name: "tanstack", test: /node_modules\/@tanstack\// },
          ],
        },
      },
    },
  },
  // npm run dev shows changes at once, against a Waybill that runs.
  server: {
    proxy: Object.fromEntries(
      ["/api", "/docs"].map((path) => [path, process.env.WAYBILL_URL ?? "http://localhost:8080"]),
    ),
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
