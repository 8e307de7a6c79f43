// What others would do with the window that leads to the provider, and with tokens.

import assert from "node:assert/strict";
import { SHOP } from "../setup.mjs";
import { connectShop, done, open, shopWindow, signIn, stateOf, until } from "../steps.mjs";

export const checks = [
  {
    name: "the end of the way is refused in another browser, and the first one may go on",
    async run(run) {
      const { callback, popup } = await held(run);
      const other = await run.browser.newContext();
      const theirs = await other.newPage();
      const answer = await theirs.goto(callback);
      assert.equal(answer.status(), 400);
      assert.match(await theirs.locator("body").innerText(), /Not connected/);
      await nobodyIsConnected(run);
      await comeBack(popup, callback);
      await connectedIn(run);
      await other.close();
    },
  },
  {
    name: "without the cookie of its beginning the end is refused",
    async run(run) {
      const { callback, popup } = await held(run);
      await run.context.clearCookies({ domain: new URL(run.base).hostname });
      const answer = await popup.goto(callback);
      assert.equal(answer.status(), 400);
      await nobodyIsConnected(run);
    },
  },
  {
    name: "what the provider sent back is taken once",
    async run(run) {
      const { callback, popup } = await held(run);
      await comeBack(popup, callback);
      await connectedIn(run);
      const again = await run.context.newPage();
      assert.equal((await again.goto(callback)).status(), 400);
      const changed = new URL(callback);
      changed.searchParams.set("state", `${changed.searchParams.get("state")}x`);
      assert.equal((await again.goto(changed.href)).status(), 400);
      assert.equal((await fresh(run)).allCredentials.length, 1);
    },
  },
  {
    name: "somebody else's beginning connects nothing to this user",
    async run(run) {
      // Eve begins, and has the user's browser go to the end of her way.
      const { callback } = await held(run);
      const victim = await run.browser.newContext();
      const page = await victim.newPage();
      const name = `${run.name}-victim`;
      const theirs = { ...run, context: victim, page, name, token: (c) => run.signer.token(name, c) };
      await signIn(theirs);
      const begun = await open(theirs, SHOP);
      await shopWindow(theirs, () => begun.button("Connect Shop").click());
      const trap = await victim.newPage();
      assert.equal((await trap.goto(callback)).status(), 400);
      assert.deepEqual((await fresh(theirs)).allCredentials, []);
      await nobodyIsConnected(run);
      await victim.close();
    },
  },
  {
    name: "the window tells nobody but the page that opened it",
    async run(run) {
      const { page, base, project } = run;
      await signIn(run);
      const integrationId = await done(run, "getIntegrationId", SHOP);
      const address = (origin) => {
        const url = new URL(`${base}/projects/${project}/sdk/actions/oauth-nonce`);
        url.search = new URLSearchParams({
          action: "custom",
          integrationId,
          originForPostMessage: origin,
          userToken: run.token(),
        });
        return url.href;
      };
      const told = (origin) =>
        page.evaluate(async (url) => {
          const heard = [];
          window.addEventListener("message", ({ data }) => heard.push(data?.type));
          const popup = window.open(url, "", "width=500,height=600");
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          popup?.close();
          return heard;
        }, address(origin));
      assert.ok((await told(run.app.origin)).includes("oauth-nonce-loaded"));
      for (const origin of ["https://evil.example", "*", "null", "javascript:alert(1)"]) {
        const heard = await told(origin);
        assert.ok(!heard.includes("oauth-nonce-loaded"), `${origin}: ${heard}`);
      }
      run.problems.length = 0; // Chromium says in the console that it did not deliver a message.
    },
  },
  {
    name: "the portal takes orders from the page that holds it, and from nobody else",
    async run(run) {
      const { page } = run;
      await signIn(run);
      const { close } = await connectShop(run);
      await close();
      const { allCredentials } = await stateOf(run, SHOP);
      // A frame of another origin in the same page sends what the package would send.
      const isShown = await page.evaluate(async () => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        const message = { messageType: "UI_UPDATE", nextContext: {}, nextModalState: { integration: {} } };
        frame.srcdoc = `<script>parent.frames[0].postMessage(${JSON.stringify(message)}, "*")</script>`;
        document.body.append(frame);
        await new Promise((resolve) => setTimeout(resolve, 800));
        return document.querySelector("#paragon-connect-frame").style.display;
      });
      assert.equal(isShown, "none");
      assert.deepEqual((await stateOf(run, SHOP)).allCredentials, allCredentials);
    },
  },
];

/** A user who said yes at the shop, whose window did not come back yet: where it was to go. */
async function held(run) {
  const { context, base } = run;
  await signIn(run);
  const { button } = await open(run, SHOP);
  const popup = await shopWindow(run, () => button("Connect Shop").click());
  const form = { account: run.account, decision: "allow" };
  // With the cookies of this browser, step by step, since it would go on by itself.
  let answer = await context.request.post(popup.url(), { form, maxRedirects: 0 });
  for (let turn = 0; turn < 5; turn += 1) {
    const next = new URL(answer.headers().location, answer.url()).href;
    if (next.startsWith(`${base}/oauth/callback`)) return { callback: next, popup };
    answer = await context.request.get(next, { maxRedirects: 0 });
  }
  throw new Error(`the shop does not send the window back: ${answer.url()}`);
}

/** The window closes itself at the end of the way, maybe before it is told to have come there. */
async function comeBack(popup, callback) {
  await popup.goto(callback).catch((error) => {
    if (!popup.isClosed()) throw error;
  });
}

async function fresh({ base, project, token }) {
  const response = await fetch(`${base}/projects/${project}/sdk/me`, {
    headers: { authorization: `Bearer ${token()}` },
  });
  return (await response.json()).integrations[SHOP];
}

async function nobodyIsConnected(run) {
  assert.deepEqual((await fresh(run)).allCredentials, []);
}

async function connectedIn(run) {
  await until("it is connected", async () => (await fresh(run)).allCredentials.length === 1);
}
