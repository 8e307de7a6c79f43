// What an app does for the user who is signed in: one method an intent, each a call or two.

import { errorOf, isRecord, TenonError } from "../errors.js";
import { answerOf, type HeaderValues, proxyTarget } from "../http.js";
import { type ConnectOptions, connectAccount } from "./accounts.js";
import { Emitter, type EventMap, type Listener } from "./emitter.js";
import { type Portal, PortalFrame, type PortalOptions } from "./portal.js";
import { type CallOptions, Session, type SessionOptions, type Target } from "./session.js";
import type {
  Account,
  CatalogEntry,
  Configuration,
  ConnectedUser,
  Integration,
  OptionPage,
  Settings,
} from "./wire.js";

export interface SettingsChange extends CallOptions {
  /** A configuration's id, or `ext:` and your own name. Without it: the default one. */
  configuration?: string;
  /** Settings of all workflows together. Members are merged; null clears an optional one. */
  shared?: Settings;
  /** By the workflow's id. */
  workflows?: Record<string, { enabled?: boolean; settings?: Settings }>;
}

export interface OptionsRequest extends Target, CallOptions {
  /** What was chosen before, by the key that the source's `refreshDependencies` name. */
  parameters?: Record<string, unknown>;
  cursor?: string;
  search?: string;
}

export interface EventOptions extends Target, CallOptions {
  /** Names this event, so that sending it again runs nothing twice. */
  idempotencyKey?: string;
}

export interface WorkflowRequest extends Target, CallOptions {
  method?: string;
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  /** An object goes out as JSON; form data, text and blobs as they are. */
  body?: unknown;
  idempotencyKey?: string;
}

export interface WorkflowAnswer<Body = unknown> {
  status: number;
  /** What the workflow's response step said; without such a step `{run}`. */
  body: Body;
  /** The run, where the server names it. */
  run?: string;
}

export interface ProxyRequest extends Target, CallOptions {
  method?: string;
  query?: Record<string, string | number | boolean | undefined>;
  headers?: HeaderValues;
  /** An object goes out as JSON; form data, text, blobs and streams as they are. */
  body?: unknown;
  /** Another token of the account by its type, such as `user`. */
  tokenType?: string;
  /** `follow` goes where the provider redirects to; without it a redirect is an error. */
  redirect?: "follow";
}

/** A connected user's session. Made by [connect]. */
export class TenonClient {
  readonly #emitter = new Emitter();
  readonly #session: Session;
  #portal?: PortalFrame;

  constructor(options: SessionOptions) {
    this.#session = new Session(options, this.#emitter);
  }

  /** Listens to an event; call what it gives to stop. */
  subscribe<Name extends keyof EventMap>(name: Name, listener: Listener<Name>): () => void {
    return this.#emitter.subscribe(name, listener);
  }

  // The user and what there is

  /** The user with accounts and settings, as they are now. */
  user(options: CallOptions = {}): Promise<ConnectedUser> {
    return this.#session.call("/me", options);
  }

  /** Merges metadata of the user; null takes a member away. */
  async setMetadata(meta: Record<string, unknown>, options: CallOptions = {}): Promise<void> {
    await this.#session.call("/me", { ...options, method: "PATCH", body: { meta } });
  }

  /** The integrations of the project with inputs and workflows. */
  integrations(options: CallOptions = {}): Promise<Integration[]> {
    return this.#session.call("/integrations", options);
  }

  /** Names, colours and icons of what users can connect. */
  catalog(options: CallOptions = {}): Promise<CatalogEntry[]> {
    return this.#session.call("/metadata", options);
  }

  // Accounts

  /** Opens the portal over the page. A portal that is open already is closed. */
  async openPortal(integration: string, options: PortalOptions = {}): Promise<Portal> {
    this.#portal?.close();
    const [user, integrations] = await Promise.all([this.user(), this.integrations()]);
    const found = integrations.find(({ id, type }) => type === integration || id === integration);
    if (!found) {
      const message = `the project has no integration \`${integration}\``;
      throw new TenonError("integration_unknown", message);
    }
    this.#portal?.close();
    const portal = new PortalFrame(
      this.#session,
      this.#emitter,
      { user, integration: found },
      options,
    );
    this.#portal = portal;
    await portal.open();
    return portal;
  }

  /**
   * Connects an account without the portal. By the provider's page, unless `by` says otherwise: call
   * it in a click and await nothing before, or the browser blocks the window. An account that comes
   * back `PENDING` needs `completeSetup`.
   */
  async connectAccount(integration: string, options?: ConnectOptions): Promise<Account> {
    const account = await connectAccount(this.#session, integration, options);
    this.#announce(integration, account);
    return account;
  }

  /** Gives what an account lacks that is `PENDING`. */
  async completeSetup(
    account: Account,
    fields: Settings,
    options: CallOptions = {},
  ): Promise<Account> {
    const path = `${accountPath(account.id)}/complete-setup`;
    const body = { integrationId: account.integrationId, config: {}, payload: fields };
    const done = await this.#session.call<Account>(path, { ...options, method: "POST", body });
    this.#announce(account.integrationId, done);
    return done;
  }

  /** An account, by its id or `ext:` and your own name. */
  account(account: string, options: CallOptions = {}): Promise<Account> {
    return this.#session.call(accountPath(account), options);
  }

  /** Disconnects an account; without `account`, every one of the integration. */
  async disconnect(
    integration: string,
    options: CallOptions & { account?: string } = {},
  ): Promise<void> {
    const path = `/integrations/${encodeURIComponent(integration)}`;
    await this.#session.call(path, { ...options, method: "DELETE" });
    this.#emitter.emit("disconnected", { integration, accountId: options.account });
  }

  // Workflows and settings

  enableWorkflow(workflowId: string, options: Target & CallOptions = {}): Promise<void> {
    return this.#switch(workflowId, true, options);
  }

  disableWorkflow(workflowId: string, options: Target & CallOptions = {}): Promise<void> {
    return this.#switch(workflowId, false, options);
  }

  /** Changes settings. Nothing is changed when a value is refused: `meta.errors` says why. */
  async updateSettings(account: string, change: SettingsChange): Promise<Account> {
    const { configuration, shared, workflows, signal } = change;
    const config = { sharedSettings: shared, workflowSettings: workflows };
    const call = { method: "PATCH", body: { config }, account, configuration, signal };
    const answer = await this.#session.call<Account>(accountPath(account), call);
    const { errors, ...saved } = answer;
    if (Array.isArray(errors) && errors.length > 0) {
      throw new TenonError("invalid_settings", errors.join(" "), { status: 200, meta: { errors } });
    }
    for (const [workflowId, changed] of Object.entries(workflows ?? {})) {
      this.#emitter.emit("workflowChanged", { workflowId, change: changed });
    }
    return saved as Account;
  }

  /** Further sets of settings of an account. */
  readonly configurations = {
    list: async (account: string, options: CallOptions = {}): Promise<Configuration[]> => {
      return (await this.account(account, options)).configurations;
    },

    create: async (
      account: string,
      options: CallOptions & { externalId?: string } = {},
    ): Promise<Configuration> => {
      const { externalId, signal } = options;
      const call = { method: "POST", body: { externalId }, signal };
      const changed = await this.#session.call<Account>(configurationsPath(account), call);
      // The answer is the account; the new one is its youngest.
      const youngest = [...changed.configurations].sort(byAge).at(-1);
      if (!youngest) throw new TenonError("bad_answer", "the account has no configuration");
      return youngest;
    },

    /** Merges what your app keeps there. */
    setMetadata: async (
      account: string,
      configuration: string,
      meta: Record<string, unknown>,
      options: CallOptions = {},
    ): Promise<Account> => {
      const call = { ...options, method: "PATCH", body: { meta }, account, configuration };
      return await this.#session.call(configurationsPath(account), call);
    },

    delete: async (
      account: string,
      configuration: string,
      options: CallOptions = {},
    ): Promise<void> => {
      const call = { ...options, method: "DELETE", account, configuration };
      await this.#session.call(configurationsPath(account), call);
    },
  };

  /** One page of the options that an input of type `DYNAMIC_ENUM` and the like offers. */
  async options<Record = unknown>(
    integration: string,
    sourceKey: string,
    request: OptionsRequest = {},
  ): Promise<OptionPage<Record>> {
    const { parameters = {}, cursor, search, ...rest } = request;
    const body = {
      action: integration,
      sourceKey,
      parameters: Object.entries(parameters).map(([key, value]) => ({
        key,
        source: { type: "VALUE", value },
      })),
      paginationParameters: { pageCursor: cursor ?? 0, search },
    };
    const call = { ...rest, method: "POST", body };
    const answer = await this.#session.call<{ output: unknown }>("/actions", call);
    const { output } = answer;
    if (Array.isArray(output)) return { records: output };
    if (isRecord(output) && Array.isArray(output.records)) {
      return output as unknown as OptionPage<Record>;
    }
    throw new TenonError("bad_answer", "the server gave no options");
  }

  // Running things

  /** Tells that something happened in the app; runs every workflow that listens. */
  async event(
    name: string,
    payload?: unknown,
    options: EventOptions = {},
  ): Promise<{ runs: Run[] }> {
    const { idempotencyKey, ...rest } = options;
    const url = `${this.#session.base("events")}/v2/projects/${encodeURIComponent(this.#session.projectId)}/sdk/events/trigger`;
    const response = await this.#session.ask(url, {
      ...rest,
      method: "POST",
      body: { name, payload: payload ?? null },
      headers: onceHeaders(idempotencyKey),
    });
    return (await response.json()) as { runs: Run[] };
  }

  /** Runs a workflow that has a request trigger, and gives what it answers. */
  async runWorkflow<Body = unknown>(
    workflowId: string,
    request: WorkflowRequest = {},
  ): Promise<WorkflowAnswer<Body>> {
    const { method = "POST", headers, idempotencyKey, ...rest } = request;
    const url = this.#session.url(`/triggers/${encodeURIComponent(workflowId)}`, "events");
    const response = await this.#session.ask(url, {
      ...rest,
      method,
      headers: { ...headers, ...onceHeaders(idempotencyKey) },
    });
    const body = (await answerOf(response)) as Body;
    const run = response.headers.get("tenon-run") ?? runIn(body);
    return { status: response.status, body, run };
  }

  /**
   * Calls the provider's API with the user's account. The answer is the provider's own, as it
   * streams: its status is yours to look at. Problems of Tenon are thrown.
   */
  async request(integration: string, path: string, request: ProxyRequest = {}): Promise<Response> {
    const { query, tokenType, ...rest } = request;
    const root = this.#session.url(`/proxy/${encodeURIComponent(integration)}/`, "proxy");
    const target = proxyTarget(root, path, query);
    const headers = new Headers(request.headers);
    for (const [name, value] of Object.entries(target.headers)) headers.set(name, value);
    headers.set("X-Tenon-Raw-Response", "true");
    if (!headers.has("Accept")) headers.set("Accept", "*/*");
    if (tokenType) headers.set("X-Tenon-Token-Type", tokenType);
    // Without it browsers call every text `text/plain`; `auto` lets the proxy look.
    if (typeof request.body === "string" && !headers.has("Content-Type")) {
      headers.set("Content-Type", "auto");
    }
    const response = await this.#session.send(target.url, { ...rest, headers });
    if (response.type === "opaqueredirect") {
      throw new TenonError("redirected", "the provider redirects, which pages cannot see");
    }
    if (response.ok || response.headers.get("x-tenon-source") === "provider") return response;
    throw await errorOf(response);
  }

  async #switch(
    workflowId: string,
    enabled: boolean,
    options: Target & CallOptions,
  ): Promise<void> {
    const path = `/workflows/${encodeURIComponent(workflowId)}`;
    await this.#session.call(path, { ...options, method: enabled ? "POST" : "DELETE" });
    this.#emitter.emit("workflowChanged", { workflowId, change: { enabled } });
  }

  #announce(integration: string, account: Account): void {
    if (account.status === "VALID") this.#emitter.emit("connected", { integration, account });
  }
}

/** A run that an event started. */
export interface Run {
  id: string;
  workflow: string;
  name: string;
  credential?: string;
  configuration?: string;
}

function accountPath(account: string): string {
  return `/credentials/${encodeURIComponent(account)}`;
}

function configurationsPath(account: string): string {
  return `${accountPath(account)}/configurations`;
}

function byAge(a: Configuration, b: Configuration): number {
  return Date.parse(a.dateCreated) - Date.parse(b.dateCreated);
}

function onceHeaders(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { "Idempotency-Key": key };
}

function runIn(body: unknown): string | undefined {
  return isRecord(body) && typeof body.run === "string" ? body.run : undefined;
}
