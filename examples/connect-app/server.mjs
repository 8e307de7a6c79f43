// The app's server: it signs tokens for its users, and asks Tenon with its API key for what pages
// must not ask themselves. Vite serves the page.

import { createPrivateKey, sign } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createServer as createVite } from "vite";

/** The two users of this app. Yours are in a database, and they log in. */
const USERS = ["ada", "ben"];
const TOKEN_SECONDS = 15 * 60;

/**
 * `tenon` has its address, project and API key; `key` the id and the private half of a signing key.
 * Answers the app's address and how to stop it.
 */
export async function startApp({ port, tenon, key }) {
  const secret = createPrivateKey(key.pem);
  const server = createServer();
  const vite = await createVite({
    root: fileURLToPath(new URL(".", import.meta.url)),
    configFile: false,
    logLevel: "error",
    appType: "spa",
    server: { middlewareMode: true, hmr: { server } },
    // Found before the first page asks for it, or that page would be loaded twice.
    optimizeDeps: { include: ["@useparagon/connect"] },
    // The package reads it where a bundler would have put it.
    define: { "process.env.API_TRIGGER_KIT_PUBLIC_URL": '""' },
  });
  server.on("request", (request, response) => {
    const url = new URL(request.url, "http://app");
    const routes = { "/api/session": session, "/api/runs": runs };
    const route = routes[url.pathname];
    if (!route) {
      vite.middlewares(request, response);
      return;
    }
    const user = url.searchParams.get("user");
    if (!USERS.includes(user)) {
      json(response, 404, { error: "there is no such user" });
      return;
    }
    route({ tenon, key, secret, user }, response).catch((error) => {
      json(response, 502, { error: error.message });
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const stop = async () => {
    await vite.close();
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

/** A token for the user who is logged in: RS256, with the key's id as `kid`. */
async function session({ tenon, key, secret, user }, response) {
  const now = Math.floor(Date.now() / 1_000);
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = encoded({ alg: "RS256", typ: "JWT", kid: key.id });
  const claims = encoded({ sub: user, iat: now, exp: now + TOKEN_SECONDS });
  const text = `${header}.${claims}`;
  const token = `${text}.${sign("sha256", Buffer.from(text), secret).toString("base64url")}`;
  json(response, 200, { tenon: tenon.server, project: tenon.project, token });
}

/** The latest runs of the user. */
async function runs({ tenon, user }, response) {
  const path = `/api/v1/projects/${tenon.project}/runs?limit=8&user=${user}`;
  const answer = await fetch(`${tenon.server}${path}`, {
    headers: { authorization: `Bearer ${tenon.api_key}` },
  });
  json(response, answer.status, await answer.json());
}

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
