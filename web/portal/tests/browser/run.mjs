// The portal in a real browser, driven by the published SDK: `npm run test:browser`.
//
// Without settings it starts a stub of the Connect API. `PORTAL_API_URL`, `PORTAL_PROJECT_ID` and
// `PORTAL_TOKEN` point it at a server that has the project of `fixtures.mjs`; the scenarios that
// need to break the server are left out then. `PORTAL_ONLY=<words>` runs the scenarios whose name has
// them, `PORTAL_SDK=paragon-connect-2-1` uses version 2.1 of the SDK, `PORTAL_SCREENSHOTS=off` takes
// no pictures, `PORTAL_CALLS=1` lists what was called when a scenario fails.

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectScenarios } from "./connect-scenarios.mjs";
import { PROJECT_ID } from "./fixtures.mjs";
import { launch, startHostPage, tokenFor, watchErrors } from "./harness.mjs";
import { settingsScenarios } from "./settings-scenarios.mjs";
import { startStub } from "./stub-server.mjs";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist");
const real = process.env.PORTAL_API_URL;
const stub = real ? undefined : await startStub(dist);
if (stub) stub.state.origin = stub.origin;
const target = {
  apiUrl: real ?? stub.origin,
  projectId: process.env.PORTAL_PROJECT_ID ?? PROJECT_ID,
  token: process.env.PORTAL_TOKEN ?? tokenFor("user-1"),
};
const host = await startHostPage();
const browser = await launch();
const only = process.env.PORTAL_ONLY ?? "";
let failures = 0;

for (const scenario of [...connectScenarios, ...settingsScenarios]) {
  if (!scenario.name.includes(only) || (scenario.needsStub && !stub)) continue;
  const context = await browser.newContext({ viewport: { width: 1180, height: 820 } });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const problems = [];
  watchErrors(page, problems);
  if (stub) {
    stub.state.credentials.clear();
    stub.state.log.length = 0;
    stub.state.control = { refuse: {}, delayMs: 0, userLimit: false };
  }
  const begun = Date.now();
  try {
    await scenario.run({ context, page, host, target, stub: stub?.state, problems });
    assert.deepEqual(problems, []);
    console.log(`ok      ${scenario.name} (${Date.now() - begun} ms)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${scenario.name}\n${error.stack}\n`);
    if (process.env.PORTAL_CALLS) for (const { call } of stub?.state.log ?? []) console.log(call);
    await page
      .screenshot({ path: join(dist, "..", "tests", "screenshots", "failed.png") })
      .catch(() => {});
  }
  await context.close();
}

await browser.close();
host.server.close();
stub?.server.close();
console.log(failures === 0 ? "all scenarios passed" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
