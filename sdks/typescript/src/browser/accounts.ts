// Connecting an account without the portal: by the provider's page, by fields, or by a code.

import { accountOf, openWindow } from "./popup.js";
import type { CallOptions, Session } from "./session.js";
import type { Account, Settings } from "./wire.js";

interface ConnectBase extends CallOptions {
  /** The way to connect, where the integration has several: an id of `accountTypes`. */
  accountType?: string;
  /** Whether the user may have several accounts of this integration. */
  allowMultiple?: boolean;
  /** Your own name for the account. */
  externalId?: string;
  /** The account to connect again; it keeps its id and settings. */
  reconnect?: string;
}

export interface ConnectByBrowser extends ConnectBase {
  by?: "browser";
  /** What is asked for before the provider's page, such as a subdomain. */
  fields?: Settings;
  /** A redirect URL that is registered at the provider, if it is not Tenon's. */
  redirectUrl?: string;
  /** How long to wait for the user, in milliseconds; normally and at most ten minutes. */
  timeoutMs?: number;
}

export interface ConnectByFields extends ConnectBase {
  by: "fields";
  /** What the user filled in, such as an API key. */
  fields: Settings;
}

export interface ConnectByCode extends ConnectBase {
  by: "code";
  /** The code that your own app received from the provider. */
  code: string;
  /** Exactly the redirect URL that the provider was told. */
  redirectUrl: string;
  codeVerifier?: string;
  fields?: Settings;
}

export type ConnectOptions = ConnectByBrowser | ConnectByFields | ConnectByCode;

/** Connects an account. What opens a window has to run in a click, before anything is awaited. */
export function connectAccount(
  session: Session,
  integration: string,
  options: ConnectOptions = {},
): Promise<Account> {
  const { signal } = options;
  const installOptions = installOptionsOf(options);
  switch (options.by) {
    case "fields":
      return create(session, signal, {
        integrationId: integration,
        config: {},
        payload: options.fields,
        installOptions,
      });
    case "code": {
      const { code, redirectUrl, codeVerifier, fields } = options;
      const integrationOptions = { ...fields, ...(codeVerifier ? { codeVerifier } : {}) };
      const body = { integrationId: integration, code, redirectUrl, integrationOptions };
      return create(session, signal, { ...body, installOptions });
    }
    default:
      return byBrowser(session, integration, options, installOptions);
  }
}

/** Asynchronous, so that a blocked window is a rejection; it opens before the first await. */
async function byBrowser(
  session: Session,
  integration: string,
  options: ConnectByBrowser,
  installOptions: Record<string, unknown>,
): Promise<Account> {
  options.signal?.throwIfAborted();
  const { fields, redirectUrl, signal, timeoutMs } = options;
  const request = { integration, fields, installOptions, redirectUrl, signal, timeoutMs };
  return await accountOf(session, openWindow(), request);
}

/** The names that the server has for these options. */
export function installOptionsOf(options: ConnectBase): Record<string, unknown> {
  const named = {
    accountType: options.accountType,
    allowMultipleCredentials: options.allowMultiple,
    externalId: options.externalId,
    selectedCredentialId: options.reconnect,
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

function create(
  session: Session,
  signal: AbortSignal | undefined,
  body: Record<string, unknown>,
): Promise<Account> {
  return session.call("/credentials", { method: "POST", body, signal });
}
