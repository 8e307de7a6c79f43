// Draws docs/images/connect-app.png from a real run: start the app, then
//
//   node scripts/picture.mjs http://127.0.0.1:7090
//
// It needs Debian's chromium (or CHROMIUM=/path) and `npm ci` in tests/connect. It is a test of the
// example as well: it connects an account, switches the workflows on, sends an event, and waits for
// what comes of it.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { chromium } = createRequire(at("../../../tests/connect/package.json"))("playwright-core");
const [url] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const context = await browser.newContext({ viewport: { width: 1000, height: 820 } });
context.setDefaultTimeout(20_000);
const page = await context.newPage();
page.on("pageerror", (error) => {
  throw error;
});
await page.goto(url);
const portal = page.frameLocator("#paragon-connect-frame");
const button = (name) => portal.getByRole("button", { name, exact: true });

await page.getByRole("button", { name: "Connect", exact: true }).click();
const [shop] = await Promise.all([context.waitForEvent("page"), button("Connect Notebook").click()]);
await shop.click("#allow");
await portal.getByText("Connected", { exact: true }).waitFor();
for (const name of ["Say hello", "New orders"]) {
  await portal.getByRole("switch", { name }).click();
  await portal.getByRole("switch", { name, checked: true }).waitFor();
}
await button("Done").click();
await page.getByText("Connected: Ada's shop").waitFor();
await page.getByRole("button", { name: "Send the event" }).click();
await page.locator("td.succeeded").nth(1).waitFor();
await page.getByRole("button", { name: "Call the provider" }).click();
await page.getByText("order 1 of 120 euros").waitFor();
await page.screenshot({ path: at("../../../docs/images/connect-app.png"), fullPage: true });

await page.locator("#user").selectOption("ben");
await page.getByText("Not connected").waitFor();
await browser.close();
console.log("ada connected an account and ran two workflows; ben has seen none of it");
