// What the checks have in common: signing in, opening the portal, finding things in it, waiting.

import assert from "node:assert/strict";
import { HOST, lookAt } from "./browser.mjs";

/** Opens the app's page and signs a user in. */
export async function signIn(run, { token = run.token(), options } = {}) {
  const { page, app, project, base, version } = run;
  await page.goto(`${app.origin}/${version}/`);
  // The oldest package knows names below a host, and nothing else.
  const to = version === "1.0.14" ? { host: HOST } : { apiUrl: base };
  await page.evaluate((value) => window.pointAt(value), to);
  return ask(run, "authenticate", project, token, options);
}

/** Calls a method of the package; what it throws is in `error`. */
export function ask({ page }, method, ...parameters) {
  const given = parameters.filter((value) => value !== undefined);
  return page.evaluate(([name, values]) => window.ask(name, ...values), [method, given]);
}

/** The same, for a call that must work. */
export async function done(run, method, ...parameters) {
  const { value, error } = await ask(run, method, ...parameters);
  assert.equal(error, undefined, `${method}: ${error}`);
  return value;
}

/** A call of the Connect API with the user's token, past the package; what must work does. */
export async function api(run, method, path, body, headers = {}) {
  const response = await fetch(`${run.base}/projects/${run.project}/sdk${path}`, {
    method,
    headers: {
      authorization: `Bearer ${run.token()}`,
      "content-type": "application/json",
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export const user = (run) => done(run, "getUser");

/** What the package says of an integration of the user's. */
export async function stateOf(run, type) {
  return (await user(run)).integrations[type];
}

/** Opens the portal, for an integration. */
export async function open(run, type, options = {}) {
  await run.page.evaluate(([name, value]) => window.openPortal(name, value), [type, options]);
  return portalOf(run);
}

export function portalOf(run) {
  const { page } = run;
  const portal = page.frameLocator("#paragon-connect-frame");
  const frame = () => page.frames().find((one) => new URL(one.url(), "http://x").pathname === "/ui");
  const look = async (name) =>
    run.problems.push(...(await lookAt(page, frame(), run.pictures, `${run.prefix}${name}`)));
  const button = (name) => portal.getByRole("button", { name, exact: true });
  const connected = () => portal.getByText("Connected", { exact: true }).first().waitFor();
  const close = async () => {
    await portal.getByRole("button", { name: "Close" }).first().click();
    await page.locator("#paragon-connect-frame").waitFor({ state: "hidden" });
  };
  return { portal, frame, look, button, connected, close };
}

/** The shop's window, which something opens. */
export async function shopWindow(run, act) {
  const [popup] = await Promise.all([run.context.waitForEvent("page"), act()]);
  popup.on("console", (message) => run.said.push(`popup: ${message.text().slice(0, 300)}`));
  await popup.waitForURL(/\/interaction\//);
  return popup;
}

/** Says yes in the shop's window, as an account. */
export async function allow(popup, account) {
  await popup.fill("input[name=account]", account);
  await popup.click("#allow");
}

/** Connects the shop by OAuth in the portal and leaves it open. */
export async function connectShop(run, account = run.account, options = {}) {
  const portal = await open(run, "custom.shop", options);
  const popup = await shopWindow(run, () => portal.button("Connect Shop").click());
  await allow(popup, account);
  await portal.connected();
  return portal;
}

/** Gives the one setting that all workflows of the shop need. */
export async function fillShelf(run, shelf, options) {
  const config = await done(run, "getIntegrationConfig", "custom.shop");
  const inputs = config.availableUserSettings ?? [];
  const { id } = inputs.find(({ title }) => title === "Shelf");
  const method = "updateIntegrationUserSettings";
  const { errors } = await done(run, method, "custom.shop", { [id]: shelf }, options);
  assert.deepEqual(errors ?? [], []);
  return id;
}

export const heard = (run) => run.page.evaluate(() => window.heard);

/** The names of what was heard, in order. */
export async function heardNames(run) {
  return (await heard(run)).map(({ name }) => name);
}

/** Waits until something was heard. */
export async function hears(run, name, fits = () => true) {
  return until(`${name} is heard`, async () =>
    (await heard(run)).find((event) => event.name === name && fits(event)),
  );
}

/** Waits until something holds; answers it. */
export async function until(what, find, timeoutMs = 12_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await find();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
}

/** The texts of an account's notes at the shop, as a call through the product gives them. */
export async function notes(run, type = "custom.shop", options = {}) {
  const answer = await done(run, "request", type, "notes", { method: "GET", ...options });
  return answer.notes.map(({ text }) => text);
}

/** The key's account at the shop, as the shop itself sees it. */
export async function notesAt({ shop }, account) {
  const answer = await fetch(`${shop.api}/notes`, {
    headers: { authorization: `Bearer shop-key-${account}` },
  });
  return (await answer.json()).notes.map(({ text }) => text);
}
