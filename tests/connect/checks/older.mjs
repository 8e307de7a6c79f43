// Older versions of the package: what they know of the above. 1.0.14 takes no addresses, only a host
// below which it looks for names, so it goes through https.

import assert from "node:assert/strict";
import { LEDGER, SHOP } from "../setup.mjs";
import {
  allow,
  ask,
  done,
  heardNames,
  hears,
  notes,
  open,
  shopWindow,
  signIn,
  stateOf,
  until,
  user,
} from "../steps.mjs";

const all = (version) => [
  {
    version,
    name: "a user signs in, connects by OAuth, and the account works",
    async run(run) {
      const { workflows } = run;
      await signIn(run);
      const me = await user(run);
      assert.deepEqual([me.authenticated, me.userId], [true, run.name]);
      assert.equal(me.integrations[SHOP].enabled, false);
      const { portal, look, button, connected, close } = await open(run, SHOP);
      const popup = await shopWindow(run, () => button("Connect Shop").click());
      await allow(popup, run.account);
      await connected();
      await hears(run, "onIntegrationInstall");
      await until("the window is closed", () => popup.isClosed());
      await portal.getByLabel("Shelf").fill("front");
      await portal.getByRole("switch", { name: "New orders" }).click();
      await hears(run, "onWorkflowChange", ({ workflowId }) => workflowId === workflows["new-order"]);
      await look("connected");
      await close();
      assert.equal((await stateOf(run, SHOP)).enabled, true);
      assert.ok((await heardNames(run)).includes("onPortalClose"));

      await done(run, "event", "order.created", { id: 7, total: 1 });
      await until("the order is noted", async () => (await notes(run)).length > 0);
      assert.deepEqual(await notes(run), ["order 7 on front"]);
      const made = await done(run, "request", SHOP, "/notes", {
        method: "POST",
        body: { text: "by hand" },
      });
      assert.equal(made.text, "by hand");

      const { credentialId } = await stateOf(run, SHOP);
      await run.call("PATCH", `/credentials/${credentialId}/configurations/${await first(run)}`, {
        workflow_settings: { [workflows.quote]: { enabled: true } },
      });
      await signIn(run);
      const answer = await done(run, "workflow", workflows.quote, { body: { pieces: 2 } });
      assert.deepEqual(answer, { total: 2, shelf: "front", tried: "no" });
      const off = await ask(run, "disableWorkflow", workflows["new-order"]);
      assert.equal(off.error, undefined);
      await done(run, "uninstallIntegration", SHOP);
      assert.equal((await stateOf(run, SHOP)).enabled, false);
    },
  },
  {
    version,
    name: "a user connects by a key, and a refusal at the provider is told",
    async run(run) {
      await signIn(run);
      const { portal, button, connected, close } = await open(run, LEDGER);
      await button("Connect Ledger").click();
      await portal.getByLabel("API key", { exact: true }).fill(`shop-key-${run.account}`);
      await portal.getByLabel("Subdomain").fill("acme");
      await button("Connect").click();
      await connected();
      await close();
      assert.equal((await stateOf(run, LEDGER)).enabled, true);
      const again = await open(run, SHOP);
      const popup = await shopWindow(run, () => again.button("Connect Shop").click());
      await popup.click("#deny");
      await hears(run, "onError");
      await again.button("Try again").waitFor();
      assert.equal((await stateOf(run, SHOP)).enabled, false);
    },
  },
  {
    version,
    name: "metadata is kept",
    async run(run) {
      await signIn(run);
      const me = await done(run, "setUserMetadata", { Name: "Ada", Email: "ada@acorn.example" });
      assert.equal(me.meta.Name, "Ada");
      await signIn(run);
      assert.equal((await user(run)).meta.Email, "ada@acorn.example");
    },
  },
];

export const checks = ["2.1.1", "1.0.14"].flatMap(all);

async function first(run) {
  const { allCredentials } = await stateOf(run, SHOP);
  return allCredentials[0].configurations[0].id;
}
