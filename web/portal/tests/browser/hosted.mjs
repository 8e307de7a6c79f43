// The hosted page against the real product: `npm run test:hosted`.
//
// It starts `tenon dev` (TENON_BIN, else target/debug/tenon), a provider on loopback and Chromium; makes
// links as a builder's server does; and connects accounts in the page. Needs dist/ in the program.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, lookAt, watchErrors } from "./harness.mjs";
import { startProduct, startProvider } from "./product.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const program = process.env.TENON_BIN ?? join(here, "../../../../target/debug/tenon");
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#7a3cff"/><path d="M14 18h20l-3 16H17z" fill="#ffffff"/></svg>`;
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><circle cx="24" cy="24" r="20" fill="#0b7a4b"/><path d="M16 25l6 6 11-13" fill="none" stroke="#ffffff" stroke-width="4"/></svg>`;

const product = await startProduct(program);
const provider = await startProvider();
const app = createServer((_request, response) => {
  response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Back in the app</h1>");
});
await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
const appUrl = `http://127.0.0.1:${app.address().port}/settings?from=tenon`;
const browser = await launch();
const secrets = [];
let failures = 0;

const base = (name, title, more) => ({
  format: 1,
  name,
  version: "1.0.0",
  title,
  description: "A provider on loopback.",
  categories: ["testing"],
  docs: "https://shop.example/docs",
  proxy: { base_url: [{ url: "{{app.api}}" }], allow_http: true },
  ...more,
});

async function setUp() {
  const { call } = product;
  const fields = [
    { name: "issuer", title: "Authorization server", type: "url" },
    { name: "api", title: "API", type: "url" },
  ];
  const identity = {
    steps: [
      {
        id: "me",
        request: { url: "/me" },
        save: { id: "{{response.body.id}}", name: "{{response.body.name}}" },
      },
    ],
    id: "{{steps.me.id}}",
    name: "{{steps.me.name}}",
  };
  const oauth = {
    id: "oauth",
    type: "oauth2",
    authorize_url: "{{app.issuer}}/authorize",
    token_url: "{{app.issuer}}/token",
  };
  const shop = base("shop", "Shop", {
    icon: ICON,
    app_fields: fields,
    auth: [oauth],
    lifecycle: { identity },
  });
  const keys = base("keys", "Key service", {
    proxy: { base_url: [{ url: "https://keys.example" }] },
    auth: [
      {
        id: "key",
        type: "api_key",
        inject: { headers: { authorization: "Bearer {{fields.api_key}}" } },
      },
    ],
  });
  for (const manifest of [shop, keys]) {
    await call("PUT", `/connectors/custom.${manifest.name}`, manifest);
    await call("POST", "/integrations", { connector: `custom.${manifest.name}` });
  }
  const values = {
    issuer: `${provider.origin}/provider`,
    api: provider.origin,
    client_id: "client",
    client_secret: "secret",
  };
  await call("PUT", "/integrations/custom.shop/apps/oauth", { values });
  const documents = [
    {
      kind: "integration",
      version: 1,
      connector: "custom.shop",
      portal: { description: "Orders and stock.", overview: "Keeps **orders** in step." },
      inputs: [{ id: "channel", type: "text", title: "Channel", required: false }],
    },
    {
      version: 1,
      name: "new-orders",
      integration: "custom.shop",
      portal: { title: "New orders", info: "One message for each order." },
      triggers: [{ type: "app_event", event: "order.created" }],
      steps: [{ id: "wait", type: "delay", seconds: 1 }],
      settings: { enabled_by_default: false },
    },
  ];
  const files = documents.map((one, index) => ({
    file: `${index}.json`,
    text: JSON.stringify(one),
  }));
  await call("POST", "/workflows/apply", { documents: files });
  await call("PATCH", "/portal", {
    name: "Acorn",
    accent_color: "#0b7a4b",
    logo: { media_type: "image/svg+xml", data: Buffer.from(LOGO).toString("base64") },
  });
}

async function linkFor(user, more = {}) {
  const link = await product.call("POST", "/portal-links", { user, ...more });
  secrets.push(link.url.split("#link=")[1]);
  return link.url;
}

const isConnected = (page) => page.getByText("Connected", { exact: true }).first().waitFor();
const button = (page, name) => page.getByRole("button", { name, exact: true });
const isRefused = (page) => page.getByText("This link does not work any more").waitFor();

const scenarios = [
  {
    name: "a user connects through the provider and comes back to the app",
    async run({ page, context, problems }) {
      const url = await linkFor("ann", { integration: "custom.shop", redirect_url: appUrl });
      // What a chat does to show a preview.
      for (const method of ["GET", "HEAD"]) await fetch(url, { method });
      await fetch(`${product.server}/connect/hosted/session`);
      let token = "";
      page.on("response", async (response) => {
        if (!response.url().endsWith("/connect/hosted/session") || !response.ok()) return;
        token = (await response.json()).token;
        secrets.push(token);
      });
      await page.goto(url);
      await button(page, "Connect Shop").waitFor();
      assert.ok(!page.url().includes("link="));
      problems.push(...(await lookAt(page, page.mainFrame(), "real-hosted-start")));
      for (const picture of await page.locator("img").all()) {
        assert.ok(await picture.evaluate((image) => image.naturalWidth > 0), "it is shown");
      }
      let popup = await popupOf(context, () => button(page, "Connect Shop").click());
      await popup.click("#deny");
      await button(page, "Try again").waitFor();
      problems.push(...(await lookAt(page, page.mainFrame(), "real-hosted-denied")));
      popup = await popupOf(context, () => button(page, "Try again").click());
      await popup.click("#allow");
      await isConnected(page);
      await page.getByRole("switch", { name: "New orders" }).click();
      await until(async () => (await enabledOf("ann")).length === 1);
      problems.push(...(await lookAt(page, page.mainFrame(), "real-hosted-connected")));
      await page.reload();
      await isConnected(page);
      const kept = () => [document.cookie, localStorage.length, sessionStorage.length];
      assert.deepEqual(await page.evaluate(kept), ["", 0, 0]);
      await opensNothingElse(token);
      await button(page, "Close").first().click();
      await page.getByText("Back in the app").waitFor();
      assert.equal(page.url(), appUrl);
      // Again, in another browser.
      const other = await browser.newContext();
      const second = await other.newPage();
      await second.goto(url);
      await isRefused(second);
      problems.push(...(await lookAt(second, second.mainFrame(), "real-hosted-used")));
      await other.close();
    },
  },
  {
    name: "a link for no single integration lets the user choose",
    async run({ page, problems }) {
      await page.goto(await linkFor("bob", { metadata: { plan: "pro" } }));
      await button(page, "Key service").waitFor();
      problems.push(...(await lookAt(page, page.mainFrame(), "real-hosted-catalogue")));
      await button(page, "Key service").click();
      await page.getByRole("button", { name: /^Connect/ }).click();
      await page.getByRole("textbox", { name: "API key" }).fill("key-1");
      await page.getByRole("button", { name: /^Connect/ }).click();
      await isConnected(page);
      await button(page, "Close").first().click();
      await page.getByRole("button", { name: "Key service Connected" }).waitFor();
      problems.push(...(await lookAt(page, page.mainFrame(), "real-hosted-chosen")));
      await button(page, "Done").click();
      await page.getByText("All done.", { exact: false }).waitFor();
      assert.equal((await product.call("GET", "/users/bob/credentials")).credentials.length, 1);
    },
  },
  {
    name: "what is too old, changed or of another project opens nothing",
    async run({ page }) {
      const late = await linkFor("ann", { expires_seconds: 1 });
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      const good = await linkFor("ann");
      const [start, link] = good.split("#link=");
      const changed = link.endsWith("A") ? `${link.slice(0, -1)}B` : `${link.slice(0, -1)}A`;
      const elsewhere = `AAAAAAAAQACAAAAAAAAAAA${link.slice(22)}`;
      for (const bad of [late, `${start}#link=${changed}`, `${start}#link=${elsewhere}`, start]) {
        await page.goto("about:blank");
        await page.goto(bad);
        await isRefused(page);
      }
      await page.goto("about:blank");
      await page.goto(good);
      await button(page, "Shop Connected").waitFor();
    },
  },
];

async function enabledOf(user) {
  const { credentials } = await product.call("GET", `/users/${user}/credentials`);
  const { configurations } = await product.call(
    "GET",
    `/credentials/${credentials[0].id}/configurations`,
  );
  return Object.values(configurations[0].workflow_settings).filter(({ enabled }) => enabled);
}

/** The page's token is for connecting accounts: not for the provider, events or the API. */
async function opensNothingElse(token) {
  const { server, project } = product;
  const below = `${server}/projects/${project}/sdk`;
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  assert.equal((await fetch(`${below}/me`, { headers })).status, 200);
  const event = { method: "POST", headers, body: JSON.stringify({ name: "order.created" }) };
  for (const [url, init] of [
    [`${below}/proxy/custom.shop/me`, { headers }],
    [`${below}/events/trigger`, event],
    [`${server}/api/v1/projects/${project}/portal`, { headers }],
  ]) {
    assert.equal((await fetch(url, init)).status, 401, url);
  }
}

async function popupOf(context, click) {
  const [popup] = await Promise.all([context.waitForEvent("page"), click()]);
  await popup.waitForURL(/provider\/authorize/);
  return popup;
}

async function until(isTrue) {
  const end = Date.now() + 8_000;
  while (!(await isTrue())) {
    assert.ok(Date.now() < end, `waited in vain for ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

try {
  await setUp();
  for (const scenario of scenarios) {
    const context = await browser.newContext({ viewport: { width: 1180, height: 820 } });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const problems = [];
    watchErrors(page, problems);
    try {
      await scenario.run({ page, context, problems });
      assert.deepEqual(problems, []);
      console.log(`ok      ${scenario.name}`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED  ${scenario.name}\n${error.stack}\n`);
      const path = join(here, "..", "screenshots", "failed.png");
      await page.screenshot({ path }).catch(() => {});
    }
    await context.close();
  }
  const log = product.readLog();
  assert.ok(secrets.length > 5, "links and tokens were seen");
  assert.deepEqual(
    secrets.filter((secret) => log.includes(secret)),
    [],
    "no log has a secret",
  );
  console.log("ok      no link and no token is in the product's log");
} catch (error) {
  failures += 1;
  console.log(`FAILED  ${error.stack}`);
} finally {
  await browser.close();
  provider.server.close();
  app.close();
  await product.stop();
}
console.log(failures === 0 ? "all scenarios passed" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
