// The host of the page that stands alone: everything goes over HTTP, with a token that the page got
// for a link. The token is kept in memory; a reload gets a new one by the session's cookie.

import { withCredential, withoutCredential } from "../model/integration-state";
import type { Integration } from "../wire/integration";
import { readIntegration, typeNameOf } from "../wire/integration";
import { type JsonObject, list, object, objects, text } from "../wire/read";
import { type HostState, readUpdate } from "../wire/update";
import { asFailure, Failure, refusedBy } from "./failure";
import type { Host, OAuthRequest, Page, RequestInit } from "./host";

const POLL_PAUSE_MS = 1_000;
const POLL_MAX_MS = 10 * 60_000;

export interface HostedSession {
  token: string;
  projectId: string;
  /** The type of the only integration that the link is for; none when the user may choose. */
  integration?: string;
  /** Where the page goes when the user is done. */
  redirectUrl?: string;
  apiUrl: string;
  options: JsonObject;
}

/** Exchanges a link, or the cookie of an earlier exchange, for a session. */
export async function openHostedSession(
  link: string | undefined,
  doFetch: typeof fetch = fetch,
): Promise<HostedSession> {
  // Relative: the installation may be below a path of its host.
  const answer = await send(doFetch, "../connect/hosted/session", {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(link ? { link } : {}),
  });
  const session = object(answer);
  const token = text(session.token);
  const projectId = text(session.projectId);
  if (!token || !projectId) throw new Failure("refused", "");
  const apiUrl = (text(session.apiUrl) ?? "").replace(/\/$/, "");
  const redirectUrl = text(session.redirectUrl);
  return {
    token,
    projectId,
    integration: text(session.integration),
    apiUrl,
    options: object(session.options),
    ...(redirectUrl && /^https?:\/\//.test(redirectUrl) ? { redirectUrl } : {}),
  };
}

/** The token is not valid any more. */
class SessionEnded extends Failure {}

export interface CatalogueEntry {
  integration: Integration;
  isConnected: boolean;
}

export interface HttpHostOptions {
  session: HostedSession;
  window: Pick<Window, "open" | "addEventListener">;
  fetch?: typeof fetch;
  onClosed(): void;
}

export class HttpHost implements Host {
  readonly #options: HttpHostOptions;
  readonly #fetch: typeof fetch;
  readonly #listeners = new Set<(state: HostState) => void>();
  #me: JsonObject = {};
  #integrations: JsonObject[] = [];
  #connectionError?: JsonObject;
  #isOpen = true;
  #shown: string | undefined;
  #isSignedIn = true;
  #state?: HostState;
  #popup?: { window: Window; isCancelled: boolean };

  constructor(options: HttpHostOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? fetch.bind(globalThis);
    this.#shown = options.session.integration;
    options.window.addEventListener("message", (event) => this.#receive(event));
  }

  /** Loads the user and the integration. The page shows an error when this fails. */
  async load(): Promise<void> {
    const [me, integrations] = await Promise.all([
      this.request("/sdk/me", { method: "GET" }),
      this.request("/sdk/integrations", { method: "GET" }),
    ]);
    this.#me = object(me);
    this.#integrations = objects(integrations);
    this.#publish();
  }

  /** What the user can choose from, where the link is for no single integration. */
  catalogue(): CatalogueEntry[] {
    const states = object(this.#me.integrations);
    return this.#integrations.flatMap((raw) => {
      const integration = raw.isActive === false ? undefined : readIntegration(raw);
      if (!integration) return [];
      const isConnected = object(states[integration.type]).enabled === true;
      return [{ integration, isConnected }];
    });
  }

  /** Opens the portal of one of them. */
  open(type: string): void {
    this.#shown = type;
    this.#isOpen = true;
    this.#connectionError = undefined;
    this.#publish();
  }

  subscribe(listener: (state: HostState) => void): () => void {
    this.#listeners.add(listener);
    if (this.#state) listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  async request(path: string, init: RequestInit): Promise<unknown> {
    const { apiUrl, projectId, token } = this.#options.session;
    const headers: Record<string, string> = {
      Accept: "application/json",
      "Content-Type": "application/json",
      Authorization: `Bearer ${token}`,
    };
    if (init.credentialId) headers["X-Paragon-Credential"] = init.credentialId;
    if (init.configurationId) headers["X-Paragon-Configuration-Id"] = init.configurationId;
    const url = `${apiUrl}/projects/${encodeURIComponent(projectId)}${path}`;
    try {
      return await send(this.#fetch, url, {
        method: init.method,
        headers,
        credentials: "omit",
        ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
      });
    } catch (error) {
      if (error instanceof SessionEnded) this.#signOut();
      throw error;
    }
  }

  async beginOAuth(request: OAuthRequest): Promise<void> {
    this.cancelOAuth();
    // Opened before anything is awaited, or the browser takes it for an unwanted window.
    const popup = this.#options.window.open("about:blank", "", "width=560,height=680");
    if (!popup) throw new Failure("popup_blocked", "");
    const attempt = { window: popup, isCancelled: false };
    this.#popup = attempt;
    const sessionKey = randomKey();
    try {
      const answer = await this.#startOAuth(request, sessionKey);
      const url = text(object(answer).url);
      if (!url || !/^https?:\/\//.test(url)) throw new Failure("refused", "");
      popup.location.href = url;
    } catch (error) {
      popup.close();
      throw asFailure(error);
    }
    void this.#awaitCredential(request.integration, sessionKey, attempt);
  }

  cancelOAuth(): void {
    if (!this.#popup) return;
    this.#popup.isCancelled = true;
    this.#popup.window.close();
    this.#popup = undefined;
  }

  async applyCredential(integration: Integration, credential: JsonObject): Promise<void> {
    this.#change(integration.type, (state) => withCredential(state, credential));
  }

  async disconnect(integration: Integration, credentialId: string): Promise<void> {
    await this.request(`/sdk/integrations/${integration.id}`, { method: "DELETE", credentialId });
    this.#change(integration.type, (state) => withoutCredential(state, credentialId));
  }

  announce(): void {}

  loadDropdown(): Promise<Page> {
    return Promise.reject(new Failure("refused", ""));
  }

  loadMapping(): Promise<Page> {
    return Promise.reject(new Failure("refused", ""));
  }

  async webhookUrl(workflowId: string, credentialId: string): Promise<string> {
    const { apiUrl, projectId } = this.#options.session;
    for (const integration of this.#integrations) {
      const workflow = objects(integration.workflows).find(({ id }) => id === workflowId);
      const trigger = text(workflow?.customWebhookTriggerId);
      if (!trigger) continue;
      const id = text(integration.id) ?? "";
      return `${apiUrl}/triggers/connect/${projectId}/${id}/custom-triggers/${trigger}?id=${credentialId}`;
    }
    return "";
  }

  clearError(): void {
    this.#connectionError = undefined;
    this.#publish();
  }

  setVisible(): void {}

  opened(): void {}

  closed(): void {
    this.#isOpen = false;
    this.#publish();
    this.#options.onClosed();
  }

  dismiss(): void {
    this.closed();
  }

  #signOut(): void {
    this.#isSignedIn = false;
    this.#publish();
  }

  #startOAuth(request: OAuthRequest, oauthMetaKeyId: string): Promise<unknown> {
    return this.request("/sdk/hosted/oauth", {
      method: "POST",
      body: {
        integrationId: request.integration.id,
        accountType: request.accountTypeId,
        endUserSuppliedValues: request.values,
        installOptions: request.installOptions,
        oauthMetaKeyId,
        originForPostMessage: globalThis.location.origin,
      },
    });
  }

  /** Asks until the account is there, the user gave up, or it is too late. Survives lost networks. */
  async #awaitCredential(
    integration: Integration,
    sessionKey: string,
    attempt: { isCancelled: boolean },
  ): Promise<void> {
    const path = `/sdk/actions/session-id/${sessionKey}`;
    const end = Date.now() + POLL_MAX_MS;
    while (!attempt.isCancelled && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, POLL_PAUSE_MS));
      const answer = await this.#quietly(path);
      const credentialId = text(object(answer).connectCredentialId);
      if (!credentialId) continue;
      const credential = await this.#quietly(`/sdk/credentials/${credentialId}`);
      if (!text(object(credential).id)) continue;
      await this.applyCredential(integration, object(credential));
      break;
    }
    await this.request(path, { method: "DELETE" }).catch(() => undefined);
  }

  async #quietly(path: string): Promise<unknown> {
    return await this.request(path, { method: "GET" }).catch(() => undefined);
  }

  /** The provider's page tells its opener that it was refused; only our own popup is heard. */
  #receive(event: MessageEvent): void {
    if (!this.#popup || event.source !== this.#popup.window) return;
    const data = object(event.data);
    if (data.type !== "oauth_error_callback") return;
    this.#connectionError = data;
    this.#publish();
  }

  #change(type: string, change: (state: JsonObject) => JsonObject): void {
    const integrations = object(this.#me.integrations);
    const state = change(object(integrations[type]));
    this.#me = { ...this.#me, integrations: { ...integrations, [type]: state } };
    this.#publish();
  }

  /** Publishes what the SDK would send, so that both hosts are read by the same code. */
  #publish(): void {
    const { session } = this.#options;
    const integration = this.#integrations.find((one) => typeNameOf(one) === this.#shown);
    const config = object(list(integration?.configs)[0]).values;
    const state = readUpdate(
      {
        user: { ...this.#me, authenticated: this.#isSignedIn },
        project: this.#me.project,
        environments: { CDN_PUBLIC_URL: session.apiUrl },
      },
      {
        integration: this.#isOpen ? integration : null,
        config,
        apiInstallationOptions: session.options,
        connectionError: this.#connectionError,
      },
    );
    if (!state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

async function send(
  doFetch: typeof fetch,
  url: string,
  init: globalThis.RequestInit,
): Promise<unknown> {
  let response: Response;
  try {
    response = await doFetch(url, init);
  } catch {
    throw new Failure("network", "");
  }
  const body: unknown = await response.json().catch(() => undefined);
  // A provider that refuses a key also answers 401; only then the body says that it was the provider.
  const isProviders = object(object(body).meta).isIntegrationError === true;
  if (response.status === 401 && !isProviders) throw new SessionEnded("refused", "");
  if (!response.ok) throw refusedBy(body);
  return body;
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
