// A stub of the Connect API for the browser test: the documented shapes over an object in memory.
// It is no model of the server's rules. `control` changes how it behaves; `log` has what was called.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { actionOutput, integrations, PROJECT_ID, uuid } from "./fixtures.mjs";
import { oauthRoutes } from "./stub-oauth.mjs";

const MIME = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

export class Refusal extends Error {
  constructor(status, code, message, meta = {}) {
    super(message);
    this.status = status;
    this.body = { message, code, status, meta };
  }
}

export function startStub(dist) {
  const state = {
    credentials: new Map(),
    nextId: 1_000,
    oauth: new Map(),
    control: { refuse: {}, delayMs: 0, userLimit: false },
    log: [],
    usedLinks: new Set(),
  };
  const routes = [...apiRoutes(state), ...oauthRoutes(state, { createCredential, readBody })];
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://stub");
    handle({ state, routes, dist }, request, response, url).catch((error) => {
      const status = error.status ?? 500;
      if (status === 500) console.error(error);
      send(response, status, error.body ?? { message: error.message, code: "1", status, meta: {} });
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const origin = `http://localhost:${server.address().port}`;
      resolve({ server, origin, state });
    });
  });
}

async function handle({ state, routes, dist }, request, response, url) {
  response.setHeader("Access-Control-Allow-Origin", request.headers.origin ?? "*");
  response.setHeader("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE");
  const asked = request.headers["access-control-request-headers"];
  if (asked) response.setHeader("Access-Control-Allow-Headers", asked);
  if (request.method === "OPTIONS") return void response.writeHead(204).end();
  if (serveStatic(dist, response, url)) return;
  const body = await readBody(request);
  const call = `${request.method} ${url.pathname}`;
  state.log.push({ call, body, headers: request.headers });
  const refusal = Object.entries(state.control.refuse).find(([part]) => call.includes(part));
  if (refusal) throw new Refusal(400, "5000", refusal[1]);
  if (state.control.delayMs) await new Promise((done) => setTimeout(done, state.control.delayMs));
  for (const [method, pattern, answer] of routes) {
    const match = method === request.method && pattern.exec(url.pathname);
    if (!match) continue;
    const result = await answer({ match, body, url, request, response });
    if (!response.headersSent) send(response, 200, result ?? null);
    return;
  }
  throw new Refusal(404, "404", `no route ${call}`);
}

function serveStatic(dist, response, url) {
  const icon = /^\/(?:integrations|images)\/(?:.*\/)?([\w.-]+)\.svg$/.exec(url.pathname);
  if (icon) {
    response.writeHead(200, { "Content-Type": "image/svg+xml" }).end(picture(icon[1]));
    return true;
  }
  const page = { "/ui": "ui.html", "/ui/hosted": "ui/hosted.html" }[url.pathname];
  const isAsset = url.pathname.startsWith("/ui/assets/");
  if (!page && !isAsset) return false;
  const file = join(dist, normalize(page ?? url.pathname));
  if (!file.startsWith(dist) || !existsSync(file) || !statSync(file).isFile()) return false;
  const type = MIME[extname(file)] ?? "application/octet-stream";
  response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": CSP });
  createReadStream(file).pipe(response);
  return true;
}

function picture(name) {
  const hue = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0) * 7, 0) % 360;
  const colour = `hsl(${hue} 60% 48%)`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect x="2" y="2" width="22" height="22" rx="7" fill="${colour}"/><circle cx="27" cy="27" r="11" fill="${colour}" opacity=".55"/></svg>`;
}

export function send(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return text;
  }
}

/** Makes an account, or makes one whole again. */
export function createCredential(state, integrationId, options, status = "VALID", name = "") {
  const now = new Date(Date.now() + state.nextId).toISOString();
  const wanted = options?.selectedCredentialId;
  const old = wanted ? state.credentials.get(wanted) : undefined;
  if (old) {
    const renewed = { ...old, status, statusReason: undefined, dateUpdated: now };
    state.credentials.set(old.id, renewed);
    return renewed;
  }
  state.nextId += 2;
  const id = uuid(state.nextId);
  const credential = {
    id,
    projectId: PROJECT_ID,
    integrationId,
    personaId: uuid(9),
    isPreviewCredential: false,
    providerId: "",
    providerData: { accountName: name || `account-${state.nextId}@example.com` },
    dateCreated: now,
    dateUpdated: now,
    dateRefreshed: now,
    refreshFailureCount: 0,
    status,
    configurations: [
      {
        id: uuid(state.nextId + 1),
        connectCredentialId: id,
        dateCreated: now,
        dateUpdated: now,
        isDefault: true,
        sharedSettings: {},
        workflowSettings: {},
        configMeta: {},
      },
    ],
  };
  state.credentials.set(id, credential);
  return credential;
}

function me(state) {
  const states = {};
  for (const integration of integrations) {
    const all = [...state.credentials.values()].filter(
      ({ integrationId }) => integrationId === integration.id,
    );
    const first = all[0];
    states[integration.type] = {
      enabled: first?.status === "VALID",
      credentialId: first?.id,
      credentialConfigId: first?.configurations[0].id,
      credentialStatus: first?.status,
      providerId: "",
      providerData: first?.providerData,
      allCredentials: all,
    };
  }
  return {
    authenticated: true,
    userId: "user-1",
    meta: {},
    resources: [],
    project: {
      id: PROJECT_ID,
      billingPlan: "enterprise",
      accessibleFeatures: ["headless-cp", "dfm", "user-metadata", "workflow-permissions"],
      branding: state.control.branding ?? { name: "Acorn", logoUrl: "/images/acorn.svg" },
    },
    integrations: states,
  };
}

function apiRoutes(state) {
  const P = "^/projects/[\\w-]+/sdk";
  const route = (method, path, answer) => [method, new RegExp(`${P}${path}$`), answer];
  const find = (id) => {
    const credential = state.credentials.get(id);
    if (!credential) throw new Refusal(404, "404", "no such account");
    return credential;
  };
  const setEnabled = ({ match, request }, enabled) => {
    const credential = find(request.headers["x-paragon-credential"]);
    const configuration = credential.configurations[0];
    const old = configuration.workflowSettings[match[1]] ?? { settings: {} };
    configuration.workflowSettings[match[1]] = { ...old, enabled };
  };
  return [
    route("GET", "/me", () => withAbsoluteLogo(me(state), state)),
    route("GET", "/integrations", () =>
      integrations.map((one) => ({ ...one, connectedUserLimitReached: state.control.userLimit })),
    ),
    route("POST", "/credentials", ({ body }) => {
      const { payload, integrationId, installOptions } = body;
      if (payload.API_KEY && payload.API_KEY !== "right") {
        throw new Refusal(401, "0704", "The API key was refused", {
          isIntegrationError: true,
          message: "Ledger refused this API key.",
        });
      }
      return createCredential(state, integrationId, installOptions, "VALID", payload.SUBDOMAIN);
    }),
    route("POST", "/credentials/([\\w-]+)/complete-setup", ({ match, body }) => {
      const credential = find(match[1]);
      credential.status = "VALID";
      credential.dateUpdated = new Date().toISOString();
      credential.configurations[0].sharedSettings = body.payload;
      return credential;
    }),
    route("GET", "/credentials/([\\w-]+)", ({ match }) => find(match[1])),
    route("PATCH", "/credentials/([\\w-]+)", ({ match, body }) => {
      const credential = find(match[1]);
      const configuration = credential.configurations[0];
      const { sharedSettings, workflowSettings } = body.config;
      Object.assign(configuration.sharedSettings, sharedSettings);
      for (const [id, change] of Object.entries(workflowSettings ?? {})) {
        const old = configuration.workflowSettings[id] ?? { enabled: false, settings: {} };
        const settings = { ...old.settings, ...change.settings };
        configuration.workflowSettings[id] = { enabled: change.enabled ?? old.enabled, settings };
      }
      return { ...credential, errors: [] };
    }),
    route("DELETE", "/integrations/([\\w-]+)", ({ request }) => {
      state.credentials.delete(request.headers["x-paragon-credential"]);
    }),
    route("POST", "/workflows/([\\w-]+)", (call) => setEnabled(call, true)),
    route("DELETE", "/workflows/([\\w-]+)", (call) => setEnabled(call, false)),
    route("POST", "/actions", ({ body }) => ({
      output: actionOutput(body.sourceKey, body.parameters, body.paginationParameters),
    })),
    [
      "POST",
      /^\/connect\/hosted\/session$/,
      ({ body, request, response }) => {
        const hasCookie = (request.headers.cookie ?? "").includes("hosted=1");
        const isFresh = body.link === "good-link" && !state.usedLinks.has(body.link);
        if (!hasCookie && !isFresh) throw new Refusal(410, "410", "the link was used");
        if (body.link) state.usedLinks.add(body.link);
        response.setHeader(
          "Set-Cookie",
          "hosted=1; HttpOnly; SameSite=Strict; Path=/connect/hosted",
        );
        return {
          token: "hosted-token",
          projectId: PROJECT_ID,
          integration: "chatter",
          apiUrl: "",
          options: { allowMultipleCredentials: true },
        };
      },
    ],
  ];
}

function withAbsoluteLogo(user, state) {
  const { branding } = user.project;
  return {
    ...user,
    project: {
      ...user.project,
      branding: { ...branding, logoUrl: `${state.origin}${branding.logoUrl}` },
    },
  };
}
