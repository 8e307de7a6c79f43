// Who is signed in, and what the page may know of it.

import assert from "node:assert/strict";
import { newSigner, SHOP } from "../setup.mjs";
import { api, ask, connectShop, done, fillShelf, signIn, stateOf, until, user } from "../steps.mjs";

export const checks = [
  {
    name: "a user signs in and sees what there is to connect",
    async run(run) {
      assert.deepEqual(await signIn(run), { value: null });
      const me = await user(run);
      assert.equal(me.authenticated, true);
      assert.equal(me.userId, run.name);
      assert.deepEqual(Object.keys(me.integrations).sort(), [
        "custom.desk",
        "custom.ledger",
        "custom.shop",
      ]);
      for (const state of Object.values(me.integrations)) {
        assert.equal(state.enabled, false);
        assert.deepEqual(state.allCredentials, []);
      }
      const metadata = await done(run, "getIntegrationMetadata");
      const shop = metadata.find(({ type }) => type === SHOP);
      assert.deepEqual([shop.name, shop.brandColor], ["Shop", "#1b5e3f"]);
      const icon = await fetch(shop.icon);
      assert.equal(icon.status, 200, shop.icon);
      assert.match(icon.headers.get("content-type"), /svg/);
      const config = await done(run, "getIntegrationConfig", SHOP);
      assert.ok(config, "the portal's configuration of an integration");
    },
  },
  {
    name: "metadata is kept, and decides which workflows there are",
    async run(run) {
      const { workflows } = run;
      await signIn(run, { options: { metadata: { Name: "Ada", Email: "ada@acorn.example" } } });
      assert.equal((await user(run)).meta.Name, "Ada");
      const isOffered = async () => {
        const me = await done(run, "setUserMetadata", { Name: "Ada", plan: await plan() });
        assert.equal(me.meta.Name, "Ada");
        const shop = (await api(run, "GET", "/integrations")).find(({ type }) => type === SHOP);
        return !shop.noPermissionWorkflows.includes(workflows["for-some"]);
      };
      let chosen = "free";
      const plan = async () => chosen;
      assert.equal(await isOffered(), false);
      chosen = "pro";
      assert.equal(await isOffered(), true);
      await signIn(run);
      assert.equal((await user(run)).meta.plan, "pro", "it is still there at the next sign-in");
    },
  },
  {
    name: "the page goes on with the session after a reload",
    async run(run) {
      await signIn(run);
      await run.page.reload();
      assert.equal((await user(run)).userId, run.name);
      await until("the package has asked again", async () =>
        (await done(run, "getIntegrationMetadata")).length > 0,
      );
      await connectShop(run);
    },
  },
  {
    name: "a token that has ended, or whose key was revoked, signs nobody in",
    async run(run) {
      const past = Math.floor(Date.now() / 1_000) - 600;
      const ended = await signIn(run, { token: run.token({ iat: past - 600, exp: past }) });
      assert.ok(ended.error, JSON.stringify(ended));
      const other = await newSigner(run.call);
      await run.call("DELETE", `/signing-keys/${other.id}`);
      const revoked = await signIn(run, { token: other.token(run.name) });
      assert.ok(revoked.error, JSON.stringify(revoked));
      assert.equal((await user(run)).authenticated, false);
    },
  },
  {
    name: "what a token does not allow is refused, and the user stays signed in",
    async run(run) {
      const { quote } = run.workflows;
      await signIn(run);
      await connectShop(run);
      await fillShelf(run, "front");
      await done(run, "enableWorkflow", quote);
      const claim = { "urn:useparagon:connect:permissions": { "integration:*": ["event"] } };
      await signIn(run, { token: run.token(claim) });
      for (const [method, ...parameters] of [
        ["request", SHOP, "notes", { method: "GET" }],
        ["uninstallIntegration", SHOP],
        ["enableWorkflow", run.workflows.hello],
        ["workflow", quote, { body: { pieces: 1 } }],
      ]) {
        const { error } = await ask(run, method, ...parameters);
        assert.match(error ?? "", /token does not allow/, method);
      }
      assert.deepEqual(await ask(run, "event", "order.created", { id: 1, total: 1 }), {
        value: null,
      });
      assert.equal((await stateOf(run, SHOP)).enabled, true);
      assert.equal((await user(run)).authenticated, true);
    },
  },
];
