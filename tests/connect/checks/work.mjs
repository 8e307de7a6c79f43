// What an app does with a connected account: settings, workflows, events, requests, calls.

import assert from "node:assert/strict";
import { LEDGER, SHOP } from "../setup.mjs";
import {
  ask,
  connectShop,
  done,
  fillShelf,
  hears,
  heardNames,
  notes,
  signIn,
  stateOf,
  until,
  user,
} from "../steps.mjs";

export const checks = [
  {
    name: "an event runs the workflow that is on, and none that is off",
    async run(run) {
      const order = run.workflows["new-order"];
      await connected(run);
      const early = await ask(run, "enableWorkflow", order);
      assert.match(early.error, /must have a value/, "a setting is missing");
      await fillShelf(run, "front");
      await done(run, "event", "order.created", { id: 0, total: 5 });
      await done(run, "enableWorkflow", order);
      const configuration = defaultOf(await stateOf(run, SHOP));
      assert.equal(configuration.workflowSettings[order].enabled, true);
      await done(run, "event", "order.created", { id: 1, total: 5 });
      await until("the order is noted", async () =>
        (await notes(run)).includes("order 1 on front"),
      );
      await done(run, "disableWorkflow", order);
      await done(run, "event", "order.created", { id: 2, total: 5 });
      const { user: after, errors } = await done(run, "updateWorkflowState", { [order]: true });
      assert.deepEqual(errors, []);
      assert.equal(defaultOf(after.integrations[SHOP]).workflowSettings[order].enabled, true);
      await done(run, "event", "order.created", { id: 3, total: 5 });
      await until("the next order is noted", async () =>
        (await notes(run)).includes("order 3 on front"),
      );
      assert.deepEqual(await notes(run), ["order 1 on front", "order 3 on front"]);
    },
  },
  {
    name: "settings are changed, and wrong ones are refused with a sentence",
    async run(run) {
      const order = run.workflows["new-order"];
      await connected(run);
      const shelf = await fillShelf(run, "back");
      assert.equal(defaultOf(await stateOf(run, SHOP)).sharedSettings[shelf], "back");
      const config = await done(run, "getIntegrationConfig", SHOP);
      const loud = config.availableUserSettings.find(({ title }) => title === "In capitals").id;
      const method = "updateIntegrationUserSettings";
      const wrong = await done(run, method, SHOP, { [loud]: "perhaps" });
      assert.match(wrong.errors.join(" "), /^In capitals .+\.$/);
      await done(run, "enableWorkflow", order);
      const { inputs } = config.availableWorkflows.find(({ id }) => id === order);
      const minimum = inputs.find(({ title }) => title === "Smallest order").id;
      const changed = await done(run, "updateWorkflowUserSettings", SHOP, order, { [minimum]: 10 });
      assert.deepEqual(changed.errors, []);
      await done(run, "event", "order.created", { id: 1, total: 9 });
      await done(run, "event", "order.created", { id: 2, total: 10 });
      await until("the large order is noted", async () => (await notes(run)).length > 0);
      assert.deepEqual(await notes(run), ["order 2 on back"]);
      await signIn(run);
      const stored = defaultOf(await stateOf(run, SHOP));
      assert.equal(stored.workflowSettings[order].settings[minimum], 10);
      assert.equal(stored.workflowSettings[order].enabled, true);
    },
  },
  {
    name: "configurations are made, told apart and taken away",
    async run(run) {
      const order = run.workflows["new-order"];
      const { credentialId } = await connected(run);
      await fillShelf(run, "front");
      await done(run, "enableWorkflow", order);
      const made = await done(run, "createConfiguration", { credentialId, externalId: "branch" });
      assert.equal(made.externalId, "branch");
      assert.equal(made.isDefault, false);
      const branch = { selectedCredentialId: credentialId, selectedConfigurationId: "ext:branch" };
      // Here the package knows configurations by their ids alone.
      const byId = { ...branch, selectedConfigurationId: made.id };
      await fillShelf(run, "cellar", byId);
      const meta = { place: "Ghent" };
      const changed = await done(run, "updateConfiguration", { id: made.id, credentialId, meta });
      assert.equal(changed.configMeta?.place ?? changed.meta?.place, "Ghent");
      await done(run, "enableWorkflow", order, branch);
      await done(run, "event", "order.created", { id: 1, total: 1 }, branch);
      await until("the branch notes it", async () => (await notes(run)).length > 0);
      assert.deepEqual(await notes(run), ["order 1 on cellar"]);
      await done(run, "event", "order.created", { id: 2, total: 1 });
      await until("both note it", async () => (await notes(run)).length === 3);
      const both = (await notes(run)).slice(1).sort();
      assert.deepEqual(both, ["order 2 on cellar", "order 2 on front"]);
      const again = await ask(run, "createConfiguration", { credentialId, externalId: "branch" });
      assert.ok(again.error, "a name is taken once");
      await done(run, "destroyConfiguration", { id: made.id, credentialId });
      const { allCredentials } = await stateOf(run, SHOP);
      assert.equal(allCredentials[0].configurations.length, 1);
      await done(run, "event", "order.created", { id: 3, total: 1 });
      await until("one notes it", async () => (await notes(run)).length === 4);
      assert.equal((await notes(run))[3], "order 3 on front");
    },
  },
  {
    name: "a workflow answers a request, and says so when it is off",
    async run(run) {
      const { quote } = run.workflows;
      await connected(run);
      await fillShelf(run, "front");
      const off = await ask(run, "workflow", quote, { body: { pieces: 3 } });
      assert.ok(off.error, JSON.stringify(off));
      await done(run, "enableWorkflow", quote);
      const answer = await done(run, "workflow", quote, {
        body: { pieces: 3 },
        query: { tried: "yes" },
        headers: { "X-Own": "of the app" },
      });
      assert.deepEqual(answer, { total: 3, shelf: "front", tried: "yes" });
    },
  },
  {
    name: "calls reach the provider and its answers come back",
    async run(run) {
      const { credentialId } = await connected(run);
      const made = await done(run, "request", SHOP, "notes", {
        method: "POST",
        body: { text: "by hand" },
      });
      assert.deepEqual(made, { id: 1, text: "by hand" });
      const chosen = { selectedCredentialId: credentialId };
      assert.deepEqual(await notes(run, SHOP, chosen), ["by hand"]);
      const refused = await ask(run, "request", SHOP, "/notes", { method: "POST", body: {} });
      assert.match(refused.error, /the provider answered 422/);
      assert.equal(refused.response.output.error, "a note has a text");
      const missing = await ask(run, "request", SHOP, "nowhere", { method: "GET" });
      assert.match(missing.response.output.error, /no such thing/);
      const elsewhere = await ask(run, "request", SHOP, "/me", {
        method: "GET",
        headers: { "X-Paragon-Proxy-Url": `${run.base}/api/v1/openapi.json` },
      });
      assert.ok(elsewhere.error, "only the provider can be called");
      const other = await ask(run, "request", LEDGER, "notes", { method: "GET" });
      assert.ok(other.error, "no account there");
      assert.equal((await user(run)).authenticated, true);
    },
  },
  {
    name: "the account can be looked at, and triggers are listed",
    async run(run) {
      const { credentialId } = await connected(run);
      const account = await done(run, "getIntegrationAccount", SHOP);
      assert.equal(account.providerId ?? account.credential?.providerId, run.account);
      assert.ok(!JSON.stringify(account).includes("accessToken"));
      const { triggers } = await done(run, "getTriggers", SHOP, {
        selectedCredentialId: credentialId,
      });
      assert.equal(typeof triggers, "object");
    },
  },
  {
    name: "uninstalling ends everything and is told",
    async run(run) {
      const order = run.workflows["new-order"];
      await connected(run);
      await fillShelf(run, "front");
      await done(run, "enableWorkflow", order);
      await done(run, "uninstallIntegration", SHOP);
      await hears(run, "onIntegrationUninstall");
      const { enabled, allCredentials } = await stateOf(run, SHOP);
      assert.deepEqual([enabled, allCredentials], [false, []]);
      const gone = await ask(run, "request", SHOP, "notes", { method: "GET" });
      assert.ok(gone.error);
      await signIn(run);
      assert.equal((await stateOf(run, SHOP)).enabled, false);
      assert.equal((await heardNames(run)).length, 0, "a new page has heard nothing");
    },
  },
];

/** A user with an account at the shop. */
async function connected(run) {
  await signIn(run);
  const { close } = await connectShop(run);
  await close();
  return stateOf(run, SHOP);
}

function defaultOf(state) {
  return state.allCredentials[0].configurations.find(({ isDefault }) => isDefault);
}
