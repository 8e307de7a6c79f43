// Installing without the portal: the app draws everything itself.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { DESK, LEDGER, SHOP } from "../setup.mjs";
import {
  allow,
  ask,
  done,
  heardNames,
  hears,
  notesAt,
  portalOf,
  shopWindow,
  signIn,
  stateOf,
  until,
} from "../steps.mjs";

export const checks = [
  {
    name: "the flow goes to the provider and comes back",
    async run(run) {
      await headless(run);
      const popup = await shopWindow(run, () => start(run, SHOP));
      assert.deepEqual(await stages(run), ["oauth"]);
      await allow(popup, run.account);
      const event = await finished(run);
      assert.equal(event.integrationType, SHOP);
      assert.equal(event.credential.status, "VALID");
      assert.equal((await stateOf(run, SHOP)).enabled, true);
      await hears(run, "onIntegrationInstall");
      assert.equal(await run.page.locator("#paragon-connect-frame").isVisible(), false);
      await until("the window is closed", () => popup.isClosed());
    },
  },
  {
    name: "the flow asks for keys and says which are not good",
    async run(run) {
      await headless(run);
      await start(run, LEDGER);
      const [stage] = await run.page.evaluate(() => window.stages);
      assert.equal(stage.stage, "preOptions");
      const ids = stage.options.map(({ id }) => id);
      assert.deepEqual(ids, ["api_key", "subdomain"]);
      await fill(run, "setPreOptions", { api_key: "wrong", subdomain: "acme" });
      const { text, context } = await until("it is refused", () =>
        run.page.evaluate(() => window.flow.error),
      );
      assert.match(text, /\w{4}/);
      assert.deepEqual(context, { stage: "preOptions" });
      await start(run, LEDGER);
      await fill(run, "setPreOptions", { api_key: `shop-key-${run.account}`, subdomain: "acme" });
      const event = await finished(run);
      assert.equal(event.integrationType, LEDGER);
      assert.equal((await stateOf(run, LEDGER)).providerId, run.account);
    },
  },
  {
    name: "the flow asks for the kind of account, before the provider and after it",
    async run(run) {
      await headless(run);
      await start(run, DESK);
      const [first] = await run.page.evaluate(() => window.stages);
      assert.deepEqual(
        [first.stage, first.options.map(({ id }) => id)],
        ["accountType", ["oauth", "key"]],
      );
      await fill(run, "setAccountType", "oauth");
      const popup = await shopWindow(run, () => fill(run, "setPreOptions", { site: "acme" }));
      await allow(popup, run.account);
      await until("the last questions come", async () => (await stages(run)).at(-1) === "postOptions");
      assert.deepEqual(await stages(run), ["accountType", "preOptions", "oauth", "postOptions"]);
      assert.equal((await stateOf(run, DESK)).enabled, false);
      const options = await run.page.evaluate(() => window.stages.at(-1).options);
      assert.deepEqual(options.map(({ title }) => title), ["Brand"]);
      await fill(run, "setPostOptions", { [options[0].id]: "North" });
      const event = await finished(run);
      assert.equal(event.integrationType, DESK);
      assert.equal((await stateOf(run, DESK)).credentialStatus, "VALID");
    },
  },
  {
    name: "a flow that is cancelled leaves no account",
    async run(run) {
      await headless(run);
      await start(run, DESK);
      await fill(run, "setAccountType", "oauth");
      const popup = await shopWindow(run, () => fill(run, "setPreOptions", { site: "acme" }));
      await allow(popup, run.account);
      await until("the last questions come", async () => (await stages(run)).at(-1) === "postOptions");
      await run.page.evaluate(() => window.paragon.installFlow.cancel());
      await signIn(run);
      assert.deepEqual((await stateOf(run, DESK)).allCredentials, []);
    },
  },
  {
    name: "an installation without the portal shows it only to ask something",
    async run(run) {
      await signIn(run);
      const frame = run.page.locator("#paragon-connect-frame");
      const popup = await shopWindow(run, () => install(run, SHOP));
      assert.equal(await frame.isVisible(), false);
      await allow(popup, run.account);
      await until("it is installed", () => run.page.evaluate(() => window.installed));
      assert.equal(await frame.isVisible(), false);
      assert.equal((await stateOf(run, SHOP)).enabled, true);
      await install(run, LEDGER);
      const { portal, button } = portalOf(run);
      await portal.getByLabel("API key", { exact: true }).fill(`shop-key-${run.account}`);
      await portal.getByLabel("Subdomain").fill("acme");
      await button("Connect").click();
      await until("it is installed", () => run.page.evaluate(() => window.installed));
      await frame.waitFor({ state: "hidden" });
    },
  },
  {
    name: "an app with a page of its own at the provider hands in the code",
    async run(run) {
      await signIn(run);
      const codeVerifier = randomBytes(32).toString("base64url");
      const redirectUrl = `${run.app.origin}/back`;
      const address = new URL(`${run.shop.issuer}/auth`);
      address.search = new URLSearchParams({
        client_id: "shop-app",
        response_type: "code",
        redirect_uri: redirectUrl,
        scope: "openid profile offline_access",
        prompt: "login",
        code_challenge_method: "S256",
        code_challenge: createHash("sha256").update(codeVerifier).digest("base64url"),
      });
      const own = await run.context.newPage();
      await own.goto(address.href);
      await allow(own, run.account);
      await own.waitForURL(/\/back\?/);
      const authorizationCode = new URL(own.url()).searchParams.get("code");
      const options = { authorizationCode, redirectUrl, integrationOptions: { codeVerifier } };
      const made = { ...options, showPortalAfterInstall: false };
      await done(run, "completeInstall", SHOP, made);
      assert.equal((await stateOf(run, SHOP)).providerId, run.account);
      const again = await ask(run, "completeInstall", SHOP, made);
      assert.ok(again.error, "a code is good once");
      assert.equal((await stateOf(run, SHOP)).allCredentials.length, 1);
    },
  },
  {
    name: "several accounts have names of the app's own",
    async run(run) {
      await headless(run);
      for (const name of ["north", "south"]) {
        const options = { allowMultipleCredentials: true, externalId: name };
        const popup = await shopWindow(run, () => start(run, SHOP, options));
        await allow(popup, `${run.account}-${name}`);
        await finished(run);
      }
      const { allCredentials } = await stateOf(run, SHOP);
      assert.deepEqual(allCredentials.map(({ externalId }) => externalId).sort(), [
        "north",
        "south",
      ]);
      await done(run, "request", SHOP, "notes", {
        method: "POST",
        body: { text: "to the south" },
        selectedCredentialId: "ext:south",
      });
      assert.deepEqual(await notesAt(run, `${run.account}-north`), []);
      assert.deepEqual(await notesAt(run, `${run.account}-south`), ["to the south"]);
      await done(run, "uninstallIntegration", SHOP, { selectedCredentialId: "ext:north" });
      const left = (await stateOf(run, SHOP)).allCredentials;
      assert.deepEqual(left.map(({ externalId }) => externalId), ["south"]);
      assert.ok((await heardNames(run)).includes("onIntegrationUninstall"));
    },
  },
];

async function headless(run) {
  await signIn(run);
  await done(run, "setHeadless", true);
}

function start({ page }, type, options) {
  return page.evaluate(([name, value]) => window.startFlow(name, value), [type, options]);
}

function fill({ page }, method, value) {
  return page.evaluate(([name, given]) => {
    window.paragon.installFlow[name](given);
  }, [method, value]);
}

function install({ page }, type, options = {}) {
  return page.evaluate(
    ([name, value]) => {
      window.installed = undefined;
      window.paragon.installIntegration(name, value).then((result) => {
        window.installed = JSON.parse(JSON.stringify(result ?? {}));
      });
    },
    [type, options],
  );
}

async function stages({ page }) {
  return (await page.evaluate(() => window.stages)).map(({ stage }) => stage);
}

async function finished({ page }) {
  return until("the flow is done", () =>
    page.evaluate(() => window.flow.done && JSON.parse(JSON.stringify(window.flow.done))),
  );
}
