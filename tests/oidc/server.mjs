// A certified authorization server (oidc-provider) on loopback, for the credential tests.
//
// It prints one line of JSON, `{"issuer": "..."}`, when it listens, and ends with its standard
// input. Everybody is logged in as the `login_hint` and consents, except the user `deny`.
import { createServer } from 'node:http';
import { once } from 'node:events';
import Provider from 'oidc-provider';

const lifeSeconds = Number(process.env.TOKEN_SECONDS ?? 5);
const redirectUri = process.env.REDIRECT_URI ?? 'http://127.0.0.1/oauth/callback';

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'tenon-tests',
      client_secret: process.env.CLIENT_SECRET ?? 'canary-client-secret',
      redirect_uris: [redirectUri],
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
    AccessToken: lifeSeconds,
    AuthorizationCode: 60,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 60,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: `Name of ${id}` }),
  }),
  loadExistingGrant: async (ctx) => {
    const { session, client, params } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
});

const serve = provider.callback();
server.on('request', async (request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    serve(request, response);
    return;
  }
  const { params } = await provider.interactionDetails(request, response);
  const user = params.login_hint ?? 'somebody';
  const outcome =
    user === 'deny'
      ? { error: 'access_denied', error_description: 'the user said no' }
      : { login: { accountId: user } };
  await provider.interactionFinished(request, response, outcome);
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(JSON.stringify({ issuer }));
