// Connecting accounts, one scenario each. The names say what must be true.

import assert from "node:assert/strict";
import { uuid } from "./fixtures.mjs";
import { lookAt } from "./harness.mjs";
import { calls, choose, eventNames, idOf, open, popupOf, portalOf, until } from "./steps.mjs";
import { createCredential } from "./stub-server.mjs";

export const connectScenarios = [
  {
    name: "a key form says what is wrong, then connects",
    needsStub: true,
    async run(run) {
      const { page, stub } = run;
      const { portal, look, button } = await open(run, "ledger");
      await button("Connect Ledger").waitFor();
      await look(run, "overview-key");
      assert.deepEqual(await eventNames(page), ["onPortalOpen"]);
      await button("Connect Ledger").click();
      await button("Connect").click();
      await portal.getByText("This is required.").first().waitFor();
      await look(run, "key-form-required");
      await portal.getByLabel("Subdomain").fill("acme");
      await portal.getByLabel("API key", { exact: true }).fill("wrong");
      await button("Connect").click();
      await portal.getByText("Ledger refused this API key.").waitFor();
      await look(run, "key-form-refused");
      await portal.getByLabel("API key", { exact: true }).fill("right");
      await button("Connect").click();
      await portal.getByText("Connected", { exact: true }).waitFor();
      await portal.getByText("acme").waitFor();
      const [, sent] = calls(stub, "POST /projects").slice(-2);
      assert.equal(sent.body.payload.SUBDOMAIN, "acme");
      const names = await eventNames(page);
      assert.deepEqual(names, ["onPortalOpen", "onIntegrationInstall"]);
      const user = await page.evaluate(() => window.paragon.getUser());
      assert.equal(user.integrations.ledger.enabled, true);
      await portal.getByRole("button", { name: "Close" }).first().click();
      await page.locator("#paragon-connect-frame").waitFor({ state: "hidden" });
      assert.ok((await eventNames(page)).includes("onPortalClose"));
    },
  },
  {
    name: "OAuth in a popup connects and the settings are saved",
    needsStub: true,
    async run(run) {
      const { page, stub } = run;
      const { portal, look, button } = await open(run, "chatter");
      await button("Connect Chatter").waitFor();
      await look(run, "overview-oauth");
      assert.equal(await portal.getByText("Hidden one").count(), 0);
      assert.equal(await portal.getByText("Forbidden one").count(), 0);
      const popup = await popupOf(run, () => button("Connect Chatter").click());
      await look(run, "oauth-waiting");
      await popup.click("#allow");
      await portal.getByText("Connected", { exact: true }).waitFor();
      await look(run, "connected");

      await portal.getByRole("combobox", { name: /^Channel/ }).click();
      await portal.getByRole("option", { name: "#room-3", exact: true }).waitFor();
      const inPage = await portal.getByRole("option").count();
      assert.ok(inPage < 40, `only what is seen is in the page, not ${inPage} rows`);
      await look(run, "dropdown-open");
      await portal.getByRole("combobox", { name: /^Search/ }).fill("room-4999");
      await portal.getByRole("option", { name: "#room-4999" }).click();
      await portal.getByText("Saved", { exact: true }).waitFor();
      const stored = [...stub.credentials.values()][0].configurations[0];
      assert.equal(stored.sharedSettings[uuid(101)], "C4999");
      assert.equal(stored.sharedSettings[uuid(102)], true, "defaults are saved too");

      await portal.getByRole("switch", { name: "New tickets" }).click();
      await until(() => stored.workflowSettings[uuid(11)]?.enabled === true);
      await portal.getByRole("switch", { name: "Daily summary" }).click();
      await portal.getByText("Fill in the required settings", { exact: false }).waitFor();
      await look(run, "workflow-needs-settings");
      assert.equal(stored.workflowSettings[uuid(12)], undefined);
      await portal.getByLabel("Hour").fill("9");
      await until(() => stored.workflowSettings[uuid(12)]?.enabled === true);
      assert.equal(stored.workflowSettings[uuid(12)].settings[uuid(121)], 9);
      assert.equal(stored.workflowSettings[uuid(11)].enabled, true, "the other one stays on");
      await portal.getByRole("switch", { name: "New tickets" }).click();
      await until(() => stored.workflowSettings[uuid(11)].enabled === false);
      // The app hears of it.
      await page.waitForFunction(
        (id) =>
          window.sdkEvents.some(
            (event) => event.workflowId === id && event.workflowStateChange?.enabled === false,
          ),
        uuid(11),
      );

      await portal.getByRole("tab", { name: "About" }).click();
      await portal.getByRole("link", { name: "the guide" }).waitFor();
      await look(run, "about");
    },
  },
  {
    name: "a refusal at the provider is told and can be tried again",
    needsStub: true,
    async run(run) {
      const { portal, look, button } = await open(run, "chatter");
      let popup = await popupOf(run, () => button("Connect Chatter").click());
      await popup.click("#deny");
      await portal.getByText("Access was denied at the provider.").waitFor();
      await look(run, "oauth-denied");
      popup = await popupOf(run, () => button("Try again").click());
      await popup.click("#deny");
      await portal.getByText("Access was denied at the provider.").waitFor();
      popup = await popupOf(run, () => button("Try again").click());
      await popup.click("#allow");
      await portal.getByText("Connected", { exact: true }).waitFor();
    },
  },
  {
    name: "a blocked popup is told and can be tried again",
    async run(run) {
      const { page } = run;
      const { portal, look, button } = await open(run, "chatter");
      await page.evaluate(() => {
        window.realOpen = window.open;
        window.open = () => null;
      });
      await button("Connect Chatter").click();
      await portal.getByText("Your browser blocked the window").waitFor();
      await look(run, "oauth-blocked");
      await page.evaluate(() => {
        window.open = window.realOpen;
      });
      const popup = await popupOf(run, () => button("Try again").click());
      await popup.click("#allow");
      await portal.getByText("Connected", { exact: true }).waitFor();
    },
  },
  {
    name: "account type, inputs before the sign-in and after it",
    needsStub: true,
    async run(run) {
      const { page, stub } = run;
      const { portal, look, button } = await open(run, "desk");
      await button("Connect Desk").click();
      await portal.getByText("Which account do you want to connect?").waitFor();
      await look(run, "account-type");
      await button("Desk sandbox account").click();
      await portal.getByLabel("Site").fill("acme");
      await look(run, "pre-oauth-inputs");
      const popup = await popupOf(run, () => button("Continue").click());
      await popup.click("#allow");
      await portal.getByText("One last step").waitFor();
      await look(run, "post-oauth-inputs");
      assert.equal([...stub.oauth.values()].at(-1).values.HOST, "acme");
      assert.equal([...stub.oauth.values()].at(-1).installOptions.accountType, "sandbox");
      assert.ok(
        !(await eventNames(page)).includes("onIntegrationInstall"),
        "not before it is whole",
      );
      await portal.getByRole("combobox", { name: /^Brand/ }).click();
      await portal.getByRole("option", { name: "North" }).click();
      await button("Finish").click();
      await portal.getByText("Connected", { exact: true }).waitFor();
      assert.ok((await eventNames(page)).includes("onIntegrationInstall"));
    },
  },
  {
    name: "an account that is not finished can be finished later",
    needsStub: true,
    async run(run) {
      createCredential(run.stub, idOf("desk"), {}, "PENDING", "half@acorn.example");
      const { portal, look, button } = await open(run, "desk");
      await portal.getByText("Setting up is not finished").waitFor();
      await look(run, "pending");
      await button("Finish setting up").click();
      await portal.getByText("One last step").waitFor();
    },
  },
  {
    name: "an account that stopped working is connected again and keeps its settings",
    needsStub: true,
    async run(run) {
      const { stub } = run;
      const broken = createCredential(stub, idOf("chatter"), {}, "INVALID", "old@acorn.example");
      broken.statusReason = "The access was taken back at Chatter on 3 November.";
      broken.configurations[0].sharedSettings[uuid(101)] = "C7";
      const { portal, look, button } = await open(run, "chatter");
      await portal.getByText("The access was taken back", { exact: false }).waitFor();
      await look(run, "reconnect");
      const popup = await popupOf(run, () => button("Reconnect").click());
      await popup.click("#allow");
      await portal.getByRole("combobox", { name: "Channel: #room-7" }).waitFor();
      assert.equal(stub.credentials.size, 1);
    },
  },
  {
    name: "the network is lost while connecting and comes back",
    needsStub: true,
    async run(run) {
      const { context, page } = run;
      const { portal, look, button } = await open(run, "ledger");
      await button("Connect Ledger").click();
      await portal.getByLabel("Subdomain").fill("acme");
      await portal.getByLabel("API key", { exact: true }).fill("right");
      await context.setOffline(true);
      await button("Connect").click();
      await portal.getByText("No connection. Check your network", { exact: false }).waitFor();
      await look(run, "offline");
      await context.setOffline(false);
      await button("Connect").click();
      await portal.getByText("Connected", { exact: true }).waitFor();

      // By OAuth: the account was made, but the news of it did not come through.
      await page.reload();
      const again = await open(run, "chatter");
      const popup = await popupOf(run, () => again.button("Connect Chatter").click());
      await page.route(/session-id|\/sdk\/credentials\//, (route) => route.abort());
      await popup.click("#allow");
      await page.waitForTimeout(1_500);
      await again.button("I have finished").click();
      await again.portal.getByText("Connected", { exact: true }).waitFor();
      await page.unroute(/session-id|\/sdk\/credentials\//);
    },
  },
  {
    name: "an installation without the portal opens it only when something is to be filled in",
    needsStub: true,
    async run(run) {
      const { page, host, target } = run;
      await page.goto(host.origin);
      await page.evaluate((value) => window.signIn(value), target);
      const { portal, button } = portalOf(page);
      const install = (type, options) =>
        page.evaluate(
          ([name, value]) => {
            window.result = undefined;
            window.paragon.installIntegration(name, value).then((result) => {
              window.result = result;
            });
          },
          [type, options ?? {}],
        );
      const frame = page.locator("#paragon-connect-frame");

      const popup = await popupOf(run, () => install("chatter"));
      assert.equal(await frame.isVisible(), false);
      await popup.click("#allow");
      await page.waitForFunction(() => window.result);
      assert.equal(await frame.isVisible(), false);

      await install("ledger");
      await portal.getByLabel("Subdomain").fill("acme");
      await portal.getByLabel("API key", { exact: true }).fill("right");
      await button("Connect").click();
      await page.waitForFunction(() => window.result);
      await frame.waitFor({ state: "hidden" });

      const shown = await popupOf(run, () =>
        install("custom.inhouse", { showPortalAfterInstall: true }),
      );
      await shown.click("#allow");
      await portal.getByText("Connected", { exact: true }).waitFor();
    },
  },
  {
    name: "the hosted page connects without the SDK, once per link",
    needsStub: true,
    async run(run) {
      const { page, context, target, stub } = run;
      stub.usedLinks.clear();
      await page.goto(`${target.apiUrl}/ui/hosted#link=good-link`);
      const button = (name) => page.getByRole("button", { name, exact: true });
      await button("Connect Chatter").waitFor();
      assert.ok(!page.url().includes("good-link"));
      run.problems.push(...(await lookAt(page, page.mainFrame(), "hosted")));
      let popup = await popupOf(run, () => button("Connect Chatter").click());
      await popup.click("#deny");
      await page.getByText("Access was denied at the provider.").waitFor();
      popup = await popupOf(run, () => button("Try again").click());
      await popup.click("#allow");
      await page.getByText("Connected", { exact: true }).waitFor();
      const stored = [...stub.credentials.values()][0].configurations[0];
      await page.getByRole("switch", { name: "New tickets" }).click();
      await page.getByText("Fill in the required settings", { exact: false }).waitFor();
      assert.equal(
        stored.workflowSettings[uuid(11)],
        undefined,
        "what all workflows need is missing",
      );
      await choose(page, "Channel", "#room-3");
      await until(() => stored.workflowSettings[uuid(11)]?.enabled === true);
      await page.reload();
      await page.getByText("Connected", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Close" }).first().click();
      await page.getByText("All done.", { exact: false }).waitFor();
      await context.clearCookies();
      await page.goto("about:blank");
      await page.goto(`${target.apiUrl}/ui/hosted#link=good-link`);
      await page.getByText("This link does not work any more").waitFor();
    },
  },
];
