// The portal, as the published package opens it: connecting, settings, workflows, disconnecting.

import assert from "node:assert/strict";
import { DESK, LEDGER, SHOP } from "../setup.mjs";
import {
  allow,
  api,
  ask,
  connectShop,
  done,
  heard,
  heardNames,
  hears,
  notes,
  open,
  portalOf,
  shopWindow,
  signIn,
  stateOf,
  until,
} from "../steps.mjs";

export const checks = [
  {
    name: "an account is connected by OAuth, set up, and put to work",
    async run(run) {
      const { page, workflows } = run;
      await signIn(run);
      const { portal, look, button, connected, close } = await open(run, SHOP);
      await button("Connect Shop").waitFor();
      await look("overview-oauth");
      const popup = await shopWindow(run, () => button("Connect Shop").click());
      await look("oauth-waiting");
      await allow(popup, run.account);
      await connected();
      await look("connected");
      await until("the shop's window is closed", () => popup.isClosed());
      const { value } = await until("connect() ends", () => page.evaluate(() => window.connected));
      assert.equal(value.integrationType, SHOP);
      const state = await stateOf(run, SHOP);
      assert.equal(state.enabled, true);
      assert.equal(state.credentialStatus, "VALID");
      assert.equal(state.credentialId, value.credentialId);
      assert.equal(state.providerId, run.account);

      assert.equal(await portal.getByText("Quotes").count(), 0, "a hidden workflow");
      assert.equal(await portal.getByText("For the pro plan").count(), 0, "one of other plans");
      const hello = portal.getByRole("switch", { name: "Say hello" });
      await hello.click();
      await portal.getByText("Fill in the required settings", { exact: false }).waitFor();
      await look("workflow-needs-settings");
      await portal.getByLabel("Shelf").fill("front");
      await portal.getByText("Saved", { exact: true }).waitFor();
      await look("settings-saved");
      await hears(run, "onWorkflowChange", (event) => event.workflowId === workflows.hello);
      await portal.getByRole("switch", { name: "New orders" }).click();
      await hears(run, "onWorkflowChange", ({ workflowId }) => workflowId === workflows["new-order"]);
      await portal.getByRole("tab", { name: "About" }).click();
      await look("about");
      await close();
      assert.ok(await hello.isHidden());
      const names = await heardNames(run);
      for (const name of ["onPortalOpen", "onOpen", "onIntegrationInstall", "onInstall", "onPortalClose", "onClose"]) {
        assert.equal(names.filter((one) => one === name).length, 1, `${name} of ${names}`);
      }
      await until("the workflow said hello, once", async () => {
        const found = await notes(run);
        assert.ok(found.length < 2, String(found));
        return found[0] === `hello from ${run.name}`;
      });
    },
  },
  {
    name: "a key form says what is wrong, then connects",
    async run(run) {
      await signIn(run);
      const { portal, look, button, connected } = await open(run, LEDGER);
      await look("overview-key");
      await button("Connect Ledger").click();
      await button("Connect").click();
      await portal.getByText("This is required.").first().waitFor();
      await look("key-form-required");
      await portal.getByLabel("API key", { exact: true }).fill("wrong");
      await portal.getByLabel("Subdomain").fill("acme");
      await button("Connect").click();
      const alert = portal.getByRole("alert");
      await alert.first().waitFor();
      await look("key-form-refused");
      assert.match(await alert.first().innerText(), /\w{4}/);
      assert.equal((await stateOf(run, LEDGER)).enabled, false);
      await portal.getByLabel("API key", { exact: true }).fill(`shop-key-${run.account}`);
      await button("Connect").click();
      await connected();
      assert.deepEqual(
        (await heard(run)).filter(({ name }) => name === "onIntegrationInstall").length,
        1,
      );
      assert.equal((await stateOf(run, LEDGER)).providerId, run.account);
      const stored = JSON.stringify(await stateOf(run, LEDGER));
      assert.ok(!stored.includes("shop-key-"), "the key is never shown again");
    },
  },
  {
    name: "every kind of question is shown and its answer is kept",
    async run(run) {
      await signIn(run);
      await connectByKey(run);
      const dropdowns = { teams: [{ label: "Team one", value: "one" }] };
      const { portal, look, close } = await open(run, LEDGER, { dropdowns });
      const field = (title) => portal.getByRole("textbox", { name: new RegExp(`^${title}`) });
      await field("Text").fill("hello");
      await field("Lines").fill("one\ntwo");
      await field("Email").fill("nobody");
      await field("Address \\(optional\\)").fill("https://a.example/b");
      await portal.getByText("Enter an email address", { exact: false }).waitFor();
      await field("Email").fill("ada@acorn.example");
      await portal.getByLabel(/^Secret word/).first().fill("sesame");
      await portal.getByRole("combobox", { name: /^Color/ }).click();
      await portal.getByRole("option", { name: "Blue" }).click();
      await portal.getByRole("combobox", { name: /^Team/ }).click();
      await look("dropdown-open");
      await portal.getByRole("option", { name: "Team one" }).click();
      await portal.locator("input[type=file]").setInputFiles({
        name: "statement.csv",
        mimeType: "text/csv",
        buffer: Buffer.from("a,b\n1,2\n"),
      });
      await look("inputs-top");
      await portal.getByText("Fixed").scrollIntoViewIfNeeded();
      await look("inputs-bottom");
      const stored = await until("all of it is kept", async () => {
        const { sharedSettings } = await fresh(run, LEDGER);
        const byName = Object.fromEntries(
          (await inputsOf(run, LEDGER)).map(({ id, title }) => [title, sharedSettings[id]]),
        );
        return byName.Statement && byName["Secret word"] && byName;
      });
      assert.equal(stored.Text, "hello");
      assert.equal(stored.Lines, "one\ntwo");
      assert.equal(stored.Number, 25);
      assert.equal(stored.Email, "ada@acorn.example");
      assert.equal(stored.Color, "blue");
      assert.equal(stored.Team, "one");
      assert.notEqual(stored["Secret word"], "sesame", "a password is not shown again");
      assert.equal(Buffer.from(stored.Statement.data, "base64").toString(), "a,b\n1,2\n");
      await close();
    },
  },
  {
    name: "a refusal at the provider is told, to the app too, and can be tried again",
    async run(run) {
      await signIn(run);
      const { portal, look, button, connected } = await open(run, SHOP);
      let popup = await shopWindow(run, () => button("Connect Shop").click());
      await popup.click("#deny");
      await hears(run, "onError");
      await button("Try again").waitFor();
      await look("oauth-denied");
      assert.match(await portal.locator("body").innerText(), /the user said no|refused|denied/i);
      const { error } = await until("connect() ends", () =>
        run.page.evaluate(() => window.connected),
      );
      assert.match(error, /\w{4}/);
      assert.equal((await stateOf(run, SHOP)).enabled, false);
      popup = await shopWindow(run, () => button("Try again").click());
      await allow(popup, run.account);
      await connected();
      assert.equal((await stateOf(run, SHOP)).enabled, true);
    },
  },
  {
    name: "a window that the browser blocks is told and can be tried again",
    async run(run) {
      const { page } = run;
      await signIn(run);
      const { portal, look, button, connected } = await open(run, SHOP);
      await page.evaluate(() => {
        window.realOpen = window.open;
        window.open = () => null;
      });
      await button("Connect Shop").click();
      await portal.getByText("Your browser blocked the window").waitFor();
      await look("oauth-blocked");
      await page.evaluate(() => {
        window.open = window.realOpen;
      });
      await allow(await shopWindow(run, () => button("Try again").click()), run.account);
      await connected();
    },
  },
  {
    name: "account type, questions before the sign-in and after it",
    async run(run) {
      await signIn(run);
      const { portal, look, button, connected } = await open(run, DESK);
      await button("Connect Desk").click();
      await portal.getByText("Which account do you want to connect?").waitFor();
      await look("account-type");
      await portal.getByRole("button", { name: /with sign-in/ }).click();
      await portal.getByLabel("Site").fill("acme");
      await look("pre-oauth-inputs");
      await allow(await shopWindow(run, () => button("Continue").click()), run.account);
      await portal.getByText("One last step").waitFor();
      await look("post-oauth-inputs");
      assert.ok(!(await heardNames(run)).includes("onIntegrationInstall"), "not before it is whole");
      // Later is as good as now.
      await run.page.reload();
      await signIn(run);
      assert.equal((await stateOf(run, DESK)).credentialStatus, "PENDING");
      await open(run, DESK);
      await portal.getByText("Setting up is not finished").waitFor();
      await look("pending");
      await button("Finish setting up").click();
      await portal.getByLabel("Brand").fill("North");
      await button("Finish").click();
      await connected();
      assert.ok((await heardNames(run)).includes("onIntegrationInstall"));
      assert.equal((await stateOf(run, DESK)).credentialStatus, "VALID");
    },
  },
  {
    name: "several accounts: choose one, add one, disconnect one, and the last",
    async run(run) {
      await signIn(run);
      const first = `${run.account}-1`;
      const { portal, look, button, connected } = await connectShop(run, first, {
        allowMultipleCredentials: true,
      });
      const second = `${run.account}-2`;
      await portal.getByRole("button", { name: /^Choose an account/ }).click();
      await allow(await shopWindow(run, () => button("Connect another account").click()), second);
      await portal.getByRole("button", { name: new RegExp(`account: ${second}`, "i") }).waitFor();
      assert.equal((await stateOf(run, SHOP)).allCredentials.length, 2);
      await portal.getByRole("button", { name: /^Choose an account/ }).click();
      await look("account-picker");
      await run.page.keyboard.press("Escape");
      await portalOf(run).button("Disconnect").click();
      await portal.getByRole("alertdialog").waitFor();
      await look("disconnect");
      await portal.getByRole("alertdialog").getByRole("button", { name: "Disconnect" }).click();
      await hears(run, "onIntegrationUninstall");
      await connected();
      assert.deepEqual(
        (await stateOf(run, SHOP)).allCredentials.map(({ providerId }) => providerId),
        [first],
      );
      await button("Disconnect").click();
      await portal.getByRole("alertdialog").getByRole("button", { name: "Disconnect" }).click();
      await button("Connect Shop").waitFor();
      assert.equal((await stateOf(run, SHOP)).enabled, false);
    },
  },
  {
    name: "an account that stopped working is connected again and keeps its settings",
    async run(run) {
      await signIn(run);
      const { portal, look, button, connected, close } = await connectShop(run);
      await portal.getByLabel("Shelf").fill("back");
      await portal.getByText("Saved", { exact: true }).waitFor();
      await close();
      await run.shop.revoke(run.account);
      await ask(run, "request", SHOP, "notes", { method: "GET" });
      await until("the account is known to be broken", async () => {
        return (await fresh(run, SHOP)).credentialStatus === "INVALID";
      });
      // The package asks anew with the next sign-in.
      await signIn(run);
      await open(run, SHOP);
      await button("Reconnect").waitFor();
      await look("reconnect");
      await allow(await shopWindow(run, () => button("Reconnect").click()), run.account);
      await connected();
      assert.equal(await portal.getByLabel("Shelf").inputValue(), "back");
      assert.equal((await stateOf(run, SHOP)).allCredentials.length, 1);
      assert.deepEqual(await notes(run), []);
    },
  },
  {
    name: "the network is lost while connecting, and comes back",
    async run(run) {
      const { context, page } = run;
      await signIn(run);
      const { portal, look, button, connected } = await open(run, LEDGER);
      await button("Connect Ledger").click();
      await portal.getByLabel("API key", { exact: true }).fill(`shop-key-${run.account}`);
      await portal.getByLabel("Subdomain").fill("acme");
      await context.setOffline(true);
      await button("Connect").click();
      await portal.getByText("No connection. Check your network", { exact: false }).waitFor();
      await look("offline");
      await context.setOffline(false);
      await button("Connect").click();
      await connected();
      assert.equal((await stateOf(run, LEDGER)).allCredentials.length, 1);

      // By OAuth: the account is made, and the news of it does not come through.
      const again = await open(run, SHOP);
      const popup = await shopWindow(run, () => again.button("Connect Shop").click());
      const lost = /session-id|\/sdk\/credentials(\/|$)/;
      await page.route(lost, (route) => route.abort());
      await allow(popup, run.account);
      await until("the shop's window is closed", () => popup.isClosed());
      await page.waitForTimeout(1_200);
      await page.unroute(lost);
      const finished = again.button("I have finished");
      if (await finished.isVisible()) await finished.click();
      await again.connected();
      assert.equal((await stateOf(run, SHOP)).allCredentials.length, 1);
    },
  },
  {
    name: "the keyboard alone is enough, and Escape closes",
    async run(run) {
      const { page } = run;
      await signIn(run);
      await connectByKey(run);
      const { portal } = await open(run, LEDGER);
      await portal.getByRole("combobox", { name: /^Color/ }).focus();
      await page.keyboard.press("Enter");
      await portal.getByRole("option", { name: "Red" }).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await portal.getByRole("combobox", { name: /^Color: (Red|Blue)/ }).waitFor();
      await page.keyboard.press("Escape");
      await page.locator("#paragon-connect-frame").waitFor({ state: "hidden" });
    },
  },
];

/** Connects the ledger by its form, without the portal. */
async function connectByKey(run) {
  const integrationId = await done(run, "getIntegrationId", LEDGER);
  const payload = { api_key: `shop-key-${run.account}`, subdomain: "acme" };
  await api(run, "POST", "/credentials", { integrationId, payload, installOptions: {} });
  await signIn(run);
}

/** The state as the server has it now. */
async function fresh(run, type) {
  return (await api(run, "GET", "/me")).integrations[type];
}

async function inputsOf(run, type) {
  const all = await api(run, "GET", "/integrations");
  return all.find((one) => one.type === type).configs[0].values.sharedMeta.inputs;
}
