// The real product, and a provider for it, for tests that do not use the stub.

import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_MAX_MS = 60_000;

/** Starts `tenon dev` on a folder of its own. */
export async function startProduct(program) {
  const folder = await mkdtemp(join(tmpdir(), "tenon-hosted-"));
  const logFile = join(folder, "product.log");
  const log = openSync(logFile, "a");
  const options = ["--listen", "127.0.0.1:0", "--without-demo", "--dir", folder];
  const child = spawn(program, ["dev", ...options], {
    stdio: ["ignore", log, log],
    env: { ...process.env, RUST_LOG: "info,tower_http=debug,tenon_http_kit=debug" },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const readLog = () => readFileSync(logFile, "utf8");
  const access = await untilReady(join(folder, "dev.json"), child, readLog);
  const stop = async () => {
    child.kill("SIGINT");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { ...access, call: caller(access), readLog, stop };
}

async function untilReady(file, child, readLog) {
  const end = Date.now() + READY_MAX_MS;
  while (Date.now() < end && child.exitCode === null) {
    try {
      return JSON.parse(readFileSync(file, "utf8"));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`the product did not start:\n${readLog()}`);
}

/** Calls of the management API; fails with the answer where that is an error. */
function caller({ server, project, api_key }) {
  return async (method, path, body) => {
    const response = await fetch(`${server}/api/v1/projects/${project}${path}`, {
      method,
      headers: { Authorization: `Bearer ${api_key}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
}

/** An authorization server with a page that asks, and an API that knows its tokens. */
export async function startProvider() {
  const tokens = new Set();
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://provider");
    const json = (status, body) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (url.pathname === "/provider/authorize") {
      const back = (more) => {
        const to = new URL(url.searchParams.get("redirect_uri"));
        to.searchParams.set("state", url.searchParams.get("state"));
        for (const [name, value] of Object.entries(more)) to.searchParams.set(name, value);
        return to.href.replaceAll("&", "&amp;");
      };
      response.writeHead(200, { "Content-Type": "text/html" }).end(
        `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
         <a id="allow" href="${back({ code: "code-1" })}">Allow</a>
         <a id="deny" href="${back({ error: "access_denied" })}">Deny</a></html>`,
      );
    } else if (url.pathname === "/provider/token") {
      const token = `access-${tokens.size + 1}`;
      tokens.add(`Bearer ${token}`);
      json(200, { access_token: token, token_type: "Bearer", expires_in: 3600 });
    } else if (url.pathname === "/me" && tokens.has(request.headers.authorization)) {
      json(200, { id: "ann-1", name: "ann@shop.example" });
    } else {
      json(401, { error: "unauthorized" });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}
