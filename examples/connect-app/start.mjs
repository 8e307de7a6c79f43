// Starts everything that the example needs on this machine, and prints one address:
//
//   node start.mjs path/to/tenon
//
// An authorization server with a small API (tests/oidc/shop.mjs), `tenon dev` in a folder of its own,
// the connector, the integration and its workflows, a signing key, and the app. Ctrl-C stops all of
// it, and nothing else, and removes the folder.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startApp } from "./server.mjs";

const CONNECTOR = "custom.notebook";
const READY_LINE = "Ctrl-C stops it.";
const STOP_GRACE_MS = 15_000;

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const program = resolve(process.argv[2] ?? at("../../target/debug/tenon"));
const folder = mkdtempSync(join(tmpdir(), "tenon-connect-app-"));
// PostgreSQL runs as an account of its own where this is root. What is secret in here says so itself.
chmodSync(folder, 0o755);
const children = [];
let app;
let isStopping = false;

async function start() {
  const port = await freePort(Number(process.env.TENON_PORT ?? 7080));
  const shop = await startShop(`http://127.0.0.1:${port}/oauth/callback`);
  const tenon = await startTenon(port);
  await setUp(tenon, shop);
  const key = await signingKey(tenon);
  app = await startApp({ port: await freePort(Number(process.env.PORT ?? 7090)), tenon, key });
  console.log(`\nThe app is at ${app.url}   (Tenon at ${tenon.server}). Ctrl-C stops both.`);
}

/** Ends with this process, whatever ends it: its standard input is ours. */
async function startShop(redirectUri) {
  const secret = crypto.randomUUID();
  const child = spawn(process.execPath, [at("../../tests/oidc/shop.mjs")], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, PORT: "0", REDIRECT_URIS: redirectUri, CLIENT_SECRET: secret },
    // Ctrl-C is for us; we stop the others in their order.
    detached: true,
  });
  children.push(child);
  const said = await firstLine(child, (line) => line.startsWith("{"));
  return { ...JSON.parse(said), secret };
}

async function startTenon(port) {
  const data = join(folder, "data");
  const listen = `127.0.0.1:${port}`;
  const child = spawn(program, ["dev", "--listen", listen, "--without-demo", "--dir", data], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TENON_LOG__FILTER: process.env.TENON_LOG__FILTER ?? "warn" },
    cwd: folder,
    detached: true,
  });
  children.push(child);
  await firstLine(child, (line) => line.startsWith(READY_LINE));
  return JSON.parse(readFileSync(join(data, "dev.json"), "utf8"));
}

async function firstLine(child, fits) {
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${child.spawnfile} ended with ${code}`);
  });
  const found = (async () => {
    for await (const line of lines) if (fits(line)) return line;
    throw new Error(`${child.spawnfile} said nothing`);
  })();
  const line = await Promise.race([found, ended]);
  ended.catch(() => stop(isStopping ? 0 : 1));
  child.stdout.resume();
  return line;
}

async function setUp(tenon, shop) {
  const call = async (method, path, body) => {
    const url = `${tenon.server}/api/v1/projects/${tenon.project}${path}`;
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${tenon.api_key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  const manifest = JSON.parse(readFileSync(at("tenon/connector.json"), "utf8"));
  await call("PUT", `/connectors/${CONNECTOR}`, manifest);
  await cli(tenon, ["apply", "-f", at("tenon/notebook.yaml"), "-f", at("tenon/hello.yaml"), "-f", at("tenon/orders.yaml")]);
  const { issuer, api, secret } = shop;
  const values = { issuer, api, client_id: "shop-app", client_secret: secret };
  await call("PUT", `/integrations/${CONNECTOR}/apps/oauth`, { values });
}

/** The private half stays in the folder, readable by its owner only. */
async function signingKey(tenon) {
  const file = join(folder, "signing-key.pem");
  const made = JSON.parse(await cli(tenon, ["signing-keys", "create", "--out", file, "--json"]));
  return { id: made.id, pem: readFileSync(file, "utf8") };
}

async function cli({ server, project, api_key: key }, args) {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TENON_SERVER: server, TENON_PROJECT: project, TENON_API_KEY: key },
  });
  let text = "";
  child.stdout.on("data", (part) => {
    text += part;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`tenon ${args[0]} ended with ${code}: ${text}`);
  return text;
}

/** The wanted port, or any other where somebody has it. */
async function freePort(wanted) {
  for (const port of [wanted, 0]) {
    const server = createServer();
    const isFree = await new Promise((done) => {
      server.once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => done(true));
    });
    if (!isFree) continue;
    const found = server.address().port;
    await new Promise((done) => server.close(done));
    return found;
  }
  throw new Error("no port is free");
}

async function stop(code) {
  if (isStopping) return;
  isStopping = true;
  await app?.stop();
  for (const child of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
    await ended;
    clearTimeout(late);
  }
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(0));
start().catch((error) => {
  console.error(error.message);
  stop(1);
});
