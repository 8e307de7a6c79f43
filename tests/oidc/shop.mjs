// A shop that people have accounts at: an authorization server (oidc-provider) that asks its users,
// and a small API that takes the server's access tokens, or keys. For tests with a real browser and
// for the example app.
//
// It prints one line of JSON, `{"issuer": "...", "api": "..."}`, when it listens, and ends with its
// standard input. Everybody may sign in, under any name. `shop-key-<name>` is a key of that account.
// `POST /revoke/<name>` is what the shop's own settings would do: it ends the account's grants.
import { createServer } from 'node:http';
import { once } from 'node:events';
import Provider from 'oidc-provider';

const redirectUris = (process.env.REDIRECT_URIS ?? 'http://127.0.0.1/oauth/callback').split(',');
const KEY_PREFIX = 'shop-key-';
const NOTES_MAX = 200;
const BODY_BYTES_MAX = 64 << 10;

const server = createServer();
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

/** What each account wrote, and the grants that it gave. */
const notes = new Map();
const grants = new Map();

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'shop-app',
      client_secret: process.env.CLIENT_SECRET ?? 'canary-client-secret',
      client_name: process.env.CLIENT_NAME ?? 'Acorn',
      redirect_uris: redirectUris,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  // Without an adapter everything is kept in memory and signed with keys for development.
  cookies: { keys: ['a key for tests only'] },
  scopes: ['openid', 'profile', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: {
    AccessToken: 3600,
    AuthorizationCode: 60,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: nameOf(id) }),
  }),
  loadExistingGrant: async (ctx) => {
    const { session, client, params } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    grants.set(session.accountId, [...(grants.get(session.accountId) ?? []), grant.jti]);
    return grant;
  },
});

function nameOf(account) {
  return `${account[0].toUpperCase()}${account.slice(1)}'s shop`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function consentPage(uid, { scope, login_hint: hint }) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in to the shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh;
background:#f2f5f3;color:#1d2a24}main{background:#fff;padding:2rem;border-radius:12px;max-width:22rem;
box-shadow:0 2px 12px #0002}input{font:inherit;padding:.4rem;width:100%;box-sizing:border-box}
button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0;border-radius:8px;border:1px solid #1b5e3f}
#allow{background:#1b5e3f;color:#fff}</style></head><body><main><h1>The shop</h1>
<form method="post" action="/interaction/${escaped(uid)}">
<label>Your account <input name="account" value="${escaped(hint ?? 'ada')}" required maxlength="60"></label>
<p>The app asks for: ${escaped(scope)}</p>
<button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny" formnovalidate>Deny</button></form></main></body></html>`;
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_BYTES_MAX) throw new Error('the body is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

async function interaction(request, response) {
  const { uid, params } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(consentPage(uid, params));
    return;
  }
  const form = new URLSearchParams(await bodyOf(request));
  const account = (form.get('account') || 'ada').slice(0, 60);
  const outcome =
    form.get('decision') === 'allow'
      ? { login: { accountId: account } }
      : { error: 'access_denied', error_description: 'the user said no' };
  await provider.interactionFinished(request, response, outcome);
}

/** Whose token or key it is. */
async function accountOf(request) {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  if (token.startsWith(KEY_PREFIX) && token.length > KEY_PREFIX.length) {
    return token.slice(KEY_PREFIX.length);
  }
  const found = token ? await provider.AccessToken.find(token) : undefined;
  return found?.isValid ? found.accountId : undefined;
}

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function api(request, response, url) {
  const account = await accountOf(request);
  if (!account) {
    json(response, 401, { error: 'this token or key is not good' });
    return;
  }
  const own = notes.get(account) ?? [];
  const call = `${request.method} ${url.pathname}`;
  if (call === 'GET /api/me') {
    json(response, 200, { id: account, name: nameOf(account) });
  } else if (call === 'GET /api/notes') {
    json(response, 200, { notes: own });
  } else if (call === 'POST /api/notes') {
    const { text } = JSON.parse((await bodyOf(request)) || '{}');
    if (typeof text !== 'string' || text === '') {
      json(response, 422, { error: 'a note has a text' });
      return;
    }
    const note = { id: own.length + 1, text };
    notes.set(account, [...own, note].slice(-NOTES_MAX));
    json(response, 201, note);
  } else {
    json(response, 404, { error: 'there is no such thing in the shop' });
  }
}

async function revoke(response, account) {
  for (const id of grants.get(account) ?? []) {
    for (const model of [provider.AccessToken, provider.RefreshToken]) {
      await model.revokeByGrantId(id);
    }
  }
  grants.delete(account);
  json(response, 200, {});
}

const serve = provider.callback();
server.on('request', (request, response) => {
  const url = new URL(request.url, issuer);
  const handled = async () => {
    if (url.pathname.startsWith('/interaction/')) return interaction(request, response);
    if (url.pathname.startsWith('/api/')) return api(request, response, url);
    const [, revoked] = /^\/revoke\/([\w-]+)$/.exec(url.pathname) ?? [];
    if (revoked && request.method === 'POST') return revoke(response, revoked);
    return serve(request, response);
  };
  handled().catch((error) => {
    if (!response.headersSent) json(response, 400, { error: error.message });
  });
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(JSON.stringify({ issuer, api: `${issuer}/api` }));
