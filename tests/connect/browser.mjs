// What the checks stand on: Chromium, the builder's app on an origin of its own, a shop, a front
// with TLS, pictures and axe.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer, request as forward } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Names below it lead to the front. */
export const HOST = "tenon.test";

const SDKS = {
  "2.4.0": "@useparagon/connect",
  "2.1.1": "connect-2-1",
  "1.0.14": "connect-1-0",
};

const DESKTOP = { width: 1180, height: 820 };
const MOBILE = { width: 390, height: 780 };

export async function launch(executablePath, frontPort) {
  const args = ["--no-sandbox", "--disable-gpu"];
  // Until it is told another address, the package frames a page of its maker.
  const rules = ["MAP *.useparagon.com ~NOTFOUND"];
  if (frontPort) rules.push(`MAP *.${HOST} 127.0.0.1:${frontPort}`);
  args.push(`--host-resolver-rules=${rules.join(", ")}`);
  return chromium.launch({ executablePath, args });
}

/** The builder's app: one page for each version of the package, as it is published. */
export async function startApp() {
  const scripts = {};
  for (const [version, name] of Object.entries(SDKS)) {
    const built = await build({
      entryPoints: [at("app.mjs")],
      bundle: true,
      write: false,
      define: { "process.env.API_TRIGGER_KIT_PUBLIC_URL": '""', "process.env.NODE_ENV": '"production"' },
      alias: { "the-sdk": name },
      absWorkingDir: at("."),
      logLevel: "error",
    });
    scripts[`/${version}/app.js`] = built.outputFiles[0].contents;
  }
  const page = (version) => `<!doctype html><html lang="en"><head><title>Acorn</title>
<style>body{font-family:system-ui;margin:40px;background:#f4f5f7;color:#222}
@media (prefers-color-scheme:dark){body{background:#121317;color:#ddd}}</style></head><body>
<h1>Acorn</h1><p>A page of the builder's app.</p><script src="/${version}/app.js"></script></body></html>`;
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://app").pathname;
    if (scripts[path]) {
      response.writeHead(200, { "content-type": "text/javascript" }).end(scripts[path]);
    } else {
      const version = path.split("/")[1];
      const html = SDKS[version] ? page(version) : "<!doctype html><title>Back</title><p>Back.</p>";
      response.writeHead(200, { "content-type": "text/html" }).end(html);
    }
  });
  await listening(server);
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/** The shop of `tests/oidc`. It ends with this process. */
export async function startShop(redirectUris) {
  const secret = `canary-client-secret-${Math.random().toString(36).slice(2)}`;
  const child = spawn(process.execPath, [at("../oidc/shop.mjs")], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, REDIRECT_URIS: redirectUris.join(","), CLIENT_SECRET: secret },
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await new Promise((resolve, reject) => {
    lines.once("line", (text) => resolve([text]));
    child.once("exit", () => reject(new Error("the shop ended at once")));
  });
  const revoke = (account) =>
    fetch(`${JSON.parse(line).issuer}/revoke/${account}`, { method: "POST" });
  return { ...JSON.parse(line), secret, revoke, stop: () => child.stdin.end() };
}

/** https for every name below {@link HOST}, as an ingress would do it; it changes nothing else. */
export async function startFront(base, { certificate, key }) {
  const { hostname, port } = new URL(base);
  const server = createTlsServer({ cert: certificate, key }, (request, response) => {
    const { method, url: path, headers } = request;
    const onward = forward({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await listening(server);
  return { server, port: server.address().port };
}

function listening(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}

/** What goes wrong in a page without anyone noticing. */
export function watch(page, problems, said) {
  page.on("pageerror", (error) => problems.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    said.push(`${message.type()}: ${text.slice(0, 500)}`);
    if (/Content Security Policy|violates|Refused to/.test(text)) problems.push(text);
  });
}

/** A state of a page: drawn in light, dark and small, and checked by axe in the first two. */
export async function lookAt(page, frame, folder, name) {
  await mkdir(folder, { recursive: true });
  const problems = [];
  for (const look of ["light", "dark", "mobile"]) {
    await page.emulateMedia({ colorScheme: look === "dark" ? "dark" : "light" });
    await page.setViewportSize(look === "mobile" ? MOBILE : DESKTOP);
    await page.waitForTimeout(260);
    await page.screenshot({ path: `${folder}/${name}-${look}.png` });
    if (look !== "mobile") problems.push(...(await violations(frame, `${name} (${look})`)));
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
