// What scenarios have in common: opening the portal through the SDK, finding things in it, waiting.

import assert from "node:assert/strict";
import { integrations } from "./fixtures.mjs";
import { lookAt } from "./harness.mjs";

export const idOf = (type) => integrations.find((one) => one.type === type).id;

export async function open(run, type, options = {}) {
  const { page, host, target } = run;
  await page.goto(host.origin);
  await page.evaluate((value) => window.signIn(value), target);
  await page.evaluate(([name, value]) => window.openPortal(name, value), [type, options]);
  return portalOf(page);
}

export function portalOf(page) {
  const portal = page.frameLocator("#paragon-connect-frame");
  const frame = () =>
    page.frames().find((one) => one.url().includes("/ui?") || one.url().endsWith("/ui"));
  const look = async (run, name) => run.problems.push(...(await lookAt(page, frame(), name)));
  const button = (name) => portal.getByRole("button", { name, exact: true });
  return { portal, frame, look, button };
}

export const events = (page) => page.evaluate(() => window.sdkEvents);
export const eventNames = async (page) => (await events(page)).map(({ name }) => name);
export const calls = (stub, part) => stub.log.filter(({ call }) => call.includes(part));

export async function popupOf(run, click) {
  const [popup] = await Promise.all([run.context.waitForEvent("page"), click()]);
  await popup.waitForURL(/provider\/authorize/);
  return popup;
}

export async function choose(portal, label, option) {
  await portal.getByRole("combobox", { name: new RegExp(`^${literal(label)}(:|$)`) }).click();
  await portal.getByRole("option", { name: new RegExp(`^${literal(option)}`) }).click();
}

function literal(text) {
  return text.replace(/[()#.]/g, "\\$&");
}

export async function until(isTrue, timeoutMs = 8_000) {
  const end = Date.now() + timeoutMs;
  while (!isTrue()) {
    assert.ok(Date.now() < end, `waited in vain for ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
