// The published SDK, unmodified, in Chromium against a running Tenon.
//
//   node run.mjs SETTINGS.json [WORDS]
//
// The settings: `base`, `project`, `apiKey` of the product; `pictures`, a folder; `parts`, which
// files of `checks/` run; `certificate` and `key` in PEM for `*.tenon.test`; `secrets`, a file that gets
// what must be in no log. WORDS picks checks by name. It prints one line for each check, as TAP does;
// below one that failed, indented with `#`, why, and what the page said.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { launch, startApp, startFront, startShop, watch } from "./browser.mjs";
import { setUp } from "./setup.mjs";

/** How long one check may take. */
const CHECK_TIMEOUT_MS = 60_000;

const [file, words = ""] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(file, "utf8"));
const { base, project, apiKey, parts, pictures } = settings;

const app = await startApp();
const shop = await startShop([`${base}/oauth/callback`, `${app.origin}/back`]);
const front = settings.certificate && (await startFront(base, settings));
const browser = await launch(settings.chromium ?? "/usr/bin/chromium", front?.port);
const { call, workflows, signer } = await setUp({ base, project, apiKey }, shop);

const checks = [];
for (const part of parts) {
  const found = await import(`./checks/${part}.mjs`);
  checks.push(...found.checks.map((check) => ({ part, version: "2.4.0", ...check })));
}

const failed = [];
let number = 0;
for (const check of checks.filter(({ name }) => name.includes(words))) {
  number += 1;
  const problems = [];
  const said = [];
  const context = await browser.newContext({
    viewport: { width: 1180, height: 820 },
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  watch(page, problems, said);
  const name = `u${number}-${Math.random().toString(36).slice(2, 8)}`;
  const { version } = check;
  const run = {
    ...{ base, project, call, shop, app, workflows, signer, browser, context, page },
    ...{ problems, said, version, pictures, name },
    prefix: version === "2.4.0" ? "" : `${version}-`,
    /** An account at the shop that no other check has. */
    account: `${name}-shop`,
    token: (claims) => signer.token(name, claims),
  };
  const begun = Date.now();
  let timer;
  const late = new Promise((_, reject) => {
    const error = new Error(`it takes longer than ${CHECK_TIMEOUT_MS} ms`);
    timer = setTimeout(() => reject(error), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check.run(run), late]);
    assert.deepEqual(problems, []);
    console.log(`ok ${number} - ${version}: ${check.name} (${Date.now() - begun} ms)`);
  } catch (error) {
    failed.push(check.name);
    console.log(`not ok ${number} - ${version}: ${check.name}`);
    const lines = [...error.stack.split("\n"), ...problems, "the page said:", ...said.slice(-25)];
    for (const line of lines) console.log(`  # ${line.replaceAll("\n", " ")}`);
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: `${pictures}/failed-${number}.png` }).catch(() => {});
  }
  clearTimeout(timer);
  await context.close();
}
console.log(`1..${number}`);

if (settings.secrets) {
  writeFileSync(settings.secrets, JSON.stringify([...signer.given, shop.secret]));
}
await browser.close();
app.server.close();
front?.server.close();
shop.stop();
process.exit(failed.length === 0 && number > 0 ? 0 : 1);
