// The package in a real browser, with the real portal: `npm run test:browser`.
//
// It needs Debian's `chromium` (or `CHROMIUM=/path`) and a built `web/portal`; the Connect API is
// the stub of the portal's own browser test.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { integrations, PROJECT_ID, uuid } from "../../../../web/portal/tests/browser/fixtures.mjs";
import { createCredential, startStub } from "../../../../web/portal/tests/browser/stub-server.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = at("../../../../web/portal/dist");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TOKEN = "the-token-of-the-user";

const scenarios = [
  {
    name: "the portal connects by OAuth, switches a workflow, disconnects and closes",
    async run({ page, context, stub }) {
      const { portal, button } = await open(page, "chatter");
      await button("Connect Chatter").waitFor();
      const popup = await popupOf(context, () => button("Connect Chatter").click());
      await popup.click("#allow");
      await portal.getByText("Connected", { exact: true }).waitFor();
      await portal.getByRole("switch", { name: "New tickets" }).click();
      await page.waitForFunction(() => window.heard.some(({ name }) => name === "workflowChanged"));
      const stored = [...stub.credentials.values()][0].configurations[0];
      assert.equal(stored.workflowSettings[uuid(11)]?.enabled, true);
      await portal.getByRole("button", { name: "Close" }).first().click();
      await page.locator("iframe").waitFor({ state: "detached" });
      await page.evaluate(() => window.portal.closed);
      const names = await page.evaluate(() => window.heard.map(({ name }) => name));
      assert.deepEqual(names, [
        "portalOpened",
        "connected",
        "workflowChanged",
        "portalClosed",
        "onClosed",
      ]);
    },
  },
  {
    name: "a key form says what is wrong, then connects",
    async run({ page }) {
      const { portal, button } = await open(page, "ledger");
      await button("Connect Ledger").click();
      await portal.getByLabel("Subdomain").fill("acme");
      await portal.getByLabel("API key", { exact: true }).fill("wrong");
      await button("Connect").click();
      await portal.getByText("Ledger refused this API key.").waitFor();
      await portal.getByLabel("API key", { exact: true }).fill("right");
      await button("Connect").click();
      await portal.getByText("Connected", { exact: true }).waitFor();
      const connected = await page.evaluate(() =>
        window.heard.filter(({ name }) => name === "connected"),
      );
      assert.equal(connected.length, 1);
      assert.equal(connected[0].account.status, "VALID");
      assert.equal(await page.evaluate(() => window.tokenCalls), 1, "a 401 of a provider");
    },
  },
  {
    name: "a refusal at the provider is told and can be tried again",
    async run({ page, context }) {
      const { portal, button } = await open(page, "chatter");
      let popup = await popupOf(context, () => button("Connect Chatter").click());
      await popup.click("#deny");
      await portal.getByText("Access was denied at the provider.").waitFor();
      popup = await popupOf(context, () => button("Try again").click());
      await popup.click("#allow");
      await portal.getByText("Connected", { exact: true }).waitFor();
    },
  },
  {
    name: "a blocked window is told in the portal",
    async run({ page }) {
      const { portal, button } = await open(page, "chatter");
      await page.evaluate(() => {
        window.open = () => null;
      });
      await button("Connect Chatter").click();
      await portal.getByText("Your browser blocked the window").waitFor();
    },
  },
  {
    name: "an account is connected without the portal",
    async run({ page, context }) {
      await page.evaluate((id) => window.offer(id), idOf("chatter"));
      const popup = await popupOf(context, () => page.click("button"));
      await popup.click("#allow");
      await page.waitForFunction(() => window.outcome?.account?.status === "VALID");
      assert.equal((await context.pages()).length, 1, "the window is closed");
      const user = await page.evaluate(() => window.client.user());
      assert.equal(user.integrations.chatter.enabled, true);
    },
  },
  {
    name: "a refusal without the portal is an error of the app",
    async run({ page, context }) {
      await page.evaluate((id) => window.offer(id), idOf("chatter"));
      const popup = await popupOf(context, () => page.click("button"));
      await popup.click("#deny");
      await page.waitForFunction(() => window.outcome?.code === "oauth_failed");
      const { message } = await page.evaluate(() => window.outcome);
      assert.equal(message, "Access was denied at the provider.");
    },
  },
  {
    name: "the app's own dropdowns are loaded",
    async run({ page, stub }) {
      createCredential(stub, idOf("everything"), {});
      const { portal } = await open(page, "everything");
      const choose = async (label, option) => {
        await portal.getByRole("combobox", { name: label }).click();
        await portal.getByRole("option", { name: option }).click();
      };
      await choose(/^From the app/, "Team one");
      await choose(/^Loaded by the app/, /^Person/);
    },
  },
];

function idOf(type) {
  return integrations.find((one) => one.type === type).id;
}

async function open(page, type) {
  await page.evaluate((name) => window.openPortal(name), type);
  const portal = page.frameLocator("iframe");
  return { portal, button: (name) => portal.getByRole("button", { name, exact: true }) };
}

async function popupOf(context, click) {
  const [popup] = await Promise.all([context.waitForEvent("page"), click()]);
  await popup.waitForURL(/provider\/authorize/);
  return popup;
}

async function startApp() {
  const outfile = at(".build/app.js");
  await build({ entryPoints: [at("app.mjs")], bundle: true, outfile, logLevel: "error" });
  const script = readFileSync(outfile);
  const page =
    '<!doctype html><html lang="en"><title>Acorn</title><body><script src="/app.js"></script></body></html>';
  const server = createServer((request, response) => {
    const isScript = request.url === "/app.js";
    const type = isScript ? "text/javascript" : "text/html";
    response.writeHead(200, { "Content-Type": type }).end(isScript ? script : page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

for (const [path, what] of [
  [executablePath, "Chromium"],
  [dist, "web/portal/dist (run `npm run build` in web/portal)"],
]) {
  if (existsSync(path)) continue;
  console.log(`skipped: ${what} is not here`);
  process.exit(0);
}

const stub = await startStub(dist);
stub.state.origin = stub.origin;
const app = await startApp();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const target = { apiUrl: stub.origin, projectId: PROJECT_ID, token: TOKEN };
let failures = 0;

for (const scenario of scenarios) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 820 } });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`page error: ${error.message}`));
  stub.state.credentials.clear();
  stub.state.log.length = 0;
  try {
    await page.goto(app.origin);
    await page.evaluate((value) => window.signIn(value), target);
    await scenario.run({ page, context, stub: stub.state });
    assert.deepEqual(problems, []);
    for (const { call, headers } of stub.state.log) {
      assert.ok(!call.includes(TOKEN), `the token is in an address: ${call}`);
      assert.ok(!JSON.stringify(headers.referer ?? "").includes(TOKEN));
    }
    console.log(`ok      ${scenario.name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${scenario.name}\n${error.stack}\n`);
  }
  await context.close();
}

await browser.close();
app.server.close();
stub.server.close();
console.log(failures === 0 ? "all scenarios passed" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
