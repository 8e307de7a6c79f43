// How the page is built: two HTML files, hashed assets, relative URLs.
//
// `/ui` is served without a slash at its end, so the assets live in `ui/assets`: the relative
// address `./ui/assets/...` is right for `/ui`, and `../ui/assets/...` for `/ui/hosted`.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    target: "es2022",
    assetsDir: "ui/assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { ui: "ui.html", hosted: "ui/hosted.html" } },
  },
  test: {
    environment: "jsdom",
    include: ["tests/unit/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/unit/setup.ts"],
    maxWorkers: 1,
    minWorkers: 1,
  },
});
