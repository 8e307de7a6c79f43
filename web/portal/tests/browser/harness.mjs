// The parts of the browser test that are not the test: servers, Chromium, screenshots, axe.

import { readFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = join(here, "..", "screenshots");
const SHOTS_WANTED = process.env.PORTAL_SCREENSHOTS !== "off";

const DESKTOP = { width: 1180, height: 820 };
const MOBILE = { width: 390, height: 780 };

/** The builder's app on an origin of its own, with the SDK as it is published. */
export async function startHostPage() {
  const outfile = join(here, ".build", "host-page.js");
  await build({
    entryPoints: [join(here, "host-page.mjs")],
    bundle: true,
    outfile,
    define: { "process.env.API_TRIGGER_KIT_PUBLIC_URL": '""' },
    alias: { "@useparagon/connect": process.env.PORTAL_SDK ?? "@useparagon/connect" },
    logLevel: "error",
  });
  const page = `<!doctype html><html lang="en"><head><title>Acorn</title>
    <style>body{font-family:system-ui;margin:40px;background:#f4f5f7;color:#222}
    @media (prefers-color-scheme:dark){body{background:#121317;color:#ddd}}</style></head>
    <body><h1>Acorn</h1><p>A page of the builder's app.</p><script src="/host.js"></script></body></html>`;
  const server = createServer(async (request, response) => {
    if (request.url === "/host.js") {
      response.writeHead(200, { "Content-Type": "text/javascript" }).end(await readFile(outfile));
    } else {
      response.writeHead(200, { "Content-Type": "text/html" }).end(page);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

export async function launch() {
  await mkdir(SHOTS, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
}

/** A token that the SDK can read; the stub does not check its signature. */
export function tokenFor(userId) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: userId, iat: now, exp: now + 3600 };
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.c2lnbmF0dXJl`;
}

/** What goes wrong in a page without anyone noticing: errors, refused styles, unhandled rejections. */
export function watchErrors(page, found) {
  page.on("pageerror", (error) => found.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (/Content Security Policy|violates|Refused to/.test(text)) found.push(text);
  });
}

/** A state of the page: looked at in light, dark and small, and checked by axe in the first two. */
export async function lookAt(page, portal, name) {
  const problems = [];
  for (const look of ["light", "dark", "mobile"]) {
    await page.emulateMedia({ colorScheme: look === "dark" ? "dark" : "light" });
    await page.setViewportSize(look === "mobile" ? MOBILE : DESKTOP);
    await page.waitForTimeout(260);
    if (SHOTS_WANTED) await page.screenshot({ path: join(SHOTS, `${name}-${look}.png`) });
    if (look !== "mobile") problems.push(...(await violations(portal, `${name} (${look})`)));
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(DESKTOP);
  return problems;
}

async function violations(frame, name) {
  await frame.evaluate(AXE);
  const results = await frame.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  return results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `axe, ${name}: ${id} (${help}) at ${nodes[0].target.join(" ")}`);
}
