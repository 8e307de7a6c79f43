// Accounts and settings, one scenario each. The names say what must be true.

import assert from "node:assert/strict";
import { uuid } from "./fixtures.mjs";
import { choose, eventNames, idOf, open, popupOf, until } from "./steps.mjs";
import { createCredential } from "./stub-server.mjs";

export const settingsScenarios = [
  {
    name: "a setting that cannot be saved says why and can be retried",
    needsStub: true,
    async run(run) {
      const { stub } = run;
      const made = createCredential(stub, idOf("chatter"), {}, "VALID", "team@acorn.example");
      made.configurations[0].sharedSettings[uuid(101)] = "C7";
      const { portal, look, button } = await open(run, "chatter");
      stub.control.refuse = { "PATCH /projects": "The channel is archived." };
      await portal.getByRole("switch", { name: "Mention people" }).click();
      await portal.getByText("Could not be saved: The channel is archived.").waitFor();
      await look(run, "save-failed");
      stub.control.refuse = {};
      await button("Retry").click();
      await portal.getByText("Saved", { exact: true }).waitFor();
      const stored = [...stub.credentials.values()][0].configurations[0];
      assert.equal(stored.sharedSettings[uuid(102)], false);
      stub.control.refuse = { "POST /projects": "Not allowed by your plan." };
      await portal.getByRole("switch", { name: "New tickets" }).click();
      await portal.getByText("Could not be saved: Not allowed by your plan.").waitFor();
      assert.equal(await portal.getByRole("switch", { name: "New tickets" }).isChecked(), false);
    },
  },
  {
    name: "several accounts: choose one, add one, disconnect one",
    needsStub: true,
    async run(run) {
      const { stub, page } = run;
      const first = createCredential(stub, idOf("chatter"), {}, "VALID", "first@acorn.example");
      const second = createCredential(stub, idOf("chatter"), {}, "VALID", "second@acorn.example");
      second.configurations[0].sharedSettings[uuid(101)] = "C7";
      const { portal, look, button } = await open(run, "chatter", {
        allowMultipleCredentials: true,
      });
      await portal.getByRole("button", { name: /^Choose an account: first@/ }).click();
      await look(run, "account-picker");
      await portal.getByRole("button", { name: /^second@acorn/ }).click();
      await portal.getByRole("switch", { name: "New tickets" }).click();
      await until(() => second.configurations[0].workflowSettings[uuid(11)]?.enabled === true);
      assert.equal(first.configurations[0].workflowSettings[uuid(11)], undefined);

      await portal.getByRole("button", { name: /^Choose an account: second@/ }).click();
      const popup = await popupOf(run, () => button("Connect another account").click());
      await popup.click("#allow");
      await portal.getByRole("button", { name: /^Choose an account: account-/ }).waitFor();
      assert.equal(stub.credentials.size, 3);

      await button("Disconnect").click();
      await portal.getByRole("alertdialog").waitFor();
      await look(run, "disconnect");
      await portal.getByRole("alertdialog").getByRole("button", { name: "Disconnect" }).click();
      await until(() => stub.credentials.size === 2);
      await portal.getByRole("button", { name: /^Choose an account: first@/ }).waitFor();
      assert.ok((await eventNames(page)).includes("onIntegrationUninstall"));
    },
  },
  {
    name: "the last account is disconnected and the overview is back",
    needsStub: true,
    async run(run) {
      createCredential(run.stub, idOf("ledger"), {}, "VALID", "acme");
      const { portal, button } = await open(run, "ledger");
      await button("Disconnect").click();
      await portal.getByRole("alertdialog").getByRole("button", { name: "Disconnect" }).click();
      await button("Connect Ledger").waitFor();
    },
  },
  {
    name: "every kind of input is shown and saved",
    needsStub: true,
    async run(run) {
      const { page, stub } = run;
      const made = createCredential(stub, idOf("everything"), {}, "VALID", "all@acorn.example");
      const stored = made.configurations[0].sharedSettings;
      const { portal, look } = await open(run, "chatter");
      await page.evaluate(() => window.openEverything());
      await portal.getByLabel("Text", { exact: true }).waitFor();
      await look(run, "inputs-top");
      await portal.getByLabel("Text", { exact: true }).fill("hello");
      await portal.getByLabel("Email").fill("nobody");
      await portal.getByLabel("Text", { exact: true }).focus();
      await portal.getByText("Enter an email address", { exact: false }).waitFor();
      await until(() => stored.text === "hello");
      assert.equal(stored.email, undefined, "a wrong value is not saved");
      assert.equal(stored.hidden, "h");
      assert.equal(stored.number, 25);
      await choose(portal, "One of few", "Green");
      await choose(portal, "From the app", "Team two");
      await choose(portal, "Loaded by the app", "Person");
      await choose(portal, "Board and list", "Support");
      await choose(portal, "Board and list (2)", "Open (support)");
      await choose(portal, "Contact fields: Object", "Contact");
      await choose(portal, "First name", "Name of contact");
      await choose(portal, "Task fields: Object", "Company");
      await choose(portal, "Everything field for Title", "Name of company");
      await choose(portal, "Task fields: Add a field", "Due date");
      await choose(portal, "Everything field for Due date", "Status");
      await portal.getByLabel("Write").check();
      await portal.locator("input[type=file]").setInputFiles({
        name: "key.json",
        mimeType: "application/json",
        buffer: Buffer.from('{"k":1}'),
      });
      await until(() => stored.file?.name === "key.json");
      assert.equal(stored.enum, "green");
      assert.equal(stored.dropdown, "two");
      assert.equal(stored.loaded, "p1");
      assert.deepEqual(stored.combo, { mainInput: "support", dependentInput: "open" });
      assert.equal(stored.mapper.objectMapping, "contact");
      assert.deepEqual(stored.mapper.fieldMappings, { "First name": "name" });
      assert.equal(stored.dynamicMapper.mappingType, "DYNAMIC");
      assert.deepEqual(stored.dynamicMapper.dynamicMappings, {
        title: { applicationField: "title", integrationField: "name" },
        due: { applicationField: "due", integrationField: "status" },
      });
      assert.equal(stored.permission, "read write");
      assert.equal(Buffer.from(stored.file.data, "base64").toString(), '{"k":1}');
      await portal.getByText("Task fields").scrollIntoViewIfNeeded();
      await look(run, "inputs-middle");
      await portal.getByLabel("Fixed").scrollIntoViewIfNeeded();
      await look(run, "inputs-bottom");
    },
  },
  {
    name: "the keyboard alone is enough, and Escape closes",
    needsStub: true,
    async run(run) {
      const { page, stub } = run;
      createCredential(stub, idOf("chatter"), {}, "VALID", "keys@acorn.example");
      const { portal } = await open(run, "chatter");
      await portal.getByRole("combobox", { name: /^Channel/ }).focus();
      await page.keyboard.press("Enter");
      await portal.getByRole("option", { name: "#room-1", exact: true }).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await portal.getByRole("combobox", { name: "Channel: #room-2" }).waitFor();
      const focused = () => portal.locator(":focus").getAttribute("aria-label");
      assert.equal(await focused(), "Channel: #room-2", "the focus goes back to the dropdown");
      const seen = new Set();
      for (let turn = 0; turn < 20; turn += 1) {
        await page.keyboard.press("Tab");
        seen.add(await portal.locator(":focus").evaluate((node) => node.textContent || node.id));
      }
      assert.ok(seen.size < 14, "the focus stays inside");
      await page.keyboard.press("Escape");
      await page.locator("#paragon-connect-frame").waitFor({ state: "hidden" });
    },
  },
];
