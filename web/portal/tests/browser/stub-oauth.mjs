// The stub's OAuth: nonce page, authorization address, a provider's page with two buttons, and the
// callback that makes the account and closes the window.

import { integrations } from "./fixtures.mjs";

const html = (response, body) =>
  response
    .writeHead(200, { "Content-Type": "text/html" })
    .end(`<!doctype html><html lang="en"><title>Provider</title><body>${body}</body></html>`);

export function oauthRoutes(state, { createCredential }) {
  const begin = (key, details) => {
    state.oauth.set(key, details);
    return `${state.origin}/provider/authorize?state=${key}`;
  };
  return [
    [
      "GET",
      /^\/projects\/[\w-]+\/sdk\/actions\/oauth-nonce$/,
      ({ url, response }) => {
        const target = JSON.stringify(url.searchParams.get("originForPostMessage"));
        html(
          response,
          `<script>window.opener.postMessage({ type: "oauth-nonce-loaded" }, ${target});</script>`,
        );
      },
    ],
    [
      // SDK 2.1: the popup itself comes here and is sent on.
      "GET",
      /^\/projects\/[\w-]+\/sdk\/actions\/build-oauth$/,
      ({ url, response }) => {
        const get = (name) => url.searchParams.get(name);
        const location = begin(get("sessionId"), {
          integrationId: get("integrationId"),
          values: JSON.parse(get("endUserSuppliedValues") ?? "{}"),
          installOptions: JSON.parse(get("installOptions") ?? "{}"),
          origin: get("originForPostMessage"),
        });
        response.writeHead(302, { Location: location }).end();
      },
    ],
    [
      "GET",
      /^\/v2\/projects\/[\w-]+\/sdk\/actions\/build-oauth$/,
      ({ url }) => {
        const get = (name) => url.searchParams.get(name);
        const installOptions = JSON.parse(get("installOptions") ?? "{}");
        const redirectUrl = begin(get("oauthMetaKeyId"), {
          integrationId: get("integrationId"),
          values: JSON.parse(get("endUserSuppliedValues") ?? "{}"),
          installOptions,
          origin: get("originForPostMessage"),
        });
        return { redirectUrl };
      },
    ],
    [
      "POST",
      /^\/projects\/[\w-]+\/sdk\/hosted\/oauth$/,
      ({ body }) => ({
        url: begin(body.oauthMetaKeyId, {
          integrationId: body.integrationId,
          values: body.endUserSuppliedValues,
          installOptions: body.installOptions,
          origin: body.originForPostMessage,
        }),
      }),
    ],
    [
      "GET",
      /^\/provider\/authorize$/,
      ({ url, response }) => {
        const key = url.searchParams.get("state");
        html(
          response,
          `<h1>Allow access?</h1><a id="allow" href="/oauth?state=${key}&code=1">Allow</a>
           <a id="deny" href="/oauth?state=${key}&error=access_denied">Deny</a>`,
        );
      },
    ],
    [
      "GET",
      /^\/oauth$/,
      ({ url, response }) => {
        const session = state.oauth.get(url.searchParams.get("state"));
        const { integrationId, installOptions, origin } = session;
        if (url.searchParams.get("error")) {
          const message = {
            type: "oauth_error_callback",
            error: "Access was denied at the provider.",
            errorResponse: { message: "Access was denied at the provider." },
            integrationId,
          };
          html(
            response,
            `<script>window.opener?.postMessage(${JSON.stringify(message)}, ${JSON.stringify(origin)}); window.close();</script>`,
          );
          return;
        }
        const integration = integrations.find(({ id }) => id === integrationId);
        const needsSetup = integration.sdkIntegrationConfig.postOauthInputs.length > 0;
        const status = needsSetup ? "PENDING" : "VALID";
        session.credentialId = createCredential(state, integrationId, installOptions, status).id;
        html(response, "<p>Done</p><script>window.close();</script>");
      },
    ],
    [
      "GET",
      /^\/projects\/[\w-]+\/sdk\/actions\/session-id\/(\w+)$/,
      ({ match }) => {
        const connectCredentialId = state.oauth.get(match[1])?.credentialId;
        return connectCredentialId ? { connectCredentialId } : null;
      },
    ],
    ["DELETE", /^\/projects\/[\w-]+\/sdk\/actions\/session-id\/(\w+)$/, () => ({})],
  ];
}
