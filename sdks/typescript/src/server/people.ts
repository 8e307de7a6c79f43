// Connected users, their accounts, and links by which they connect one.

import { type Api, type CallOptions, part } from "./api.js";
import { Pages } from "./pages.js";
import type {
  AccountConfiguration,
  ConnectRequest,
  ConnectSession,
  Credential,
  LinkRequest,
  OpenedConnectSession,
  PortalLink,
  PortalLinkRequest,
  Probe,
  SettingsChange,
  User,
  UserFilter,
} from "./schemas.js";

export class Users {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Users in the order of their ids. */
  list(filter: UserFilter & CallOptions = {}): Pages<User> {
    const { signal, timeoutMs, ...query } = filter;
    return new Pages(async (cursor) => {
      const call = { query: { ...query, cursor }, signal, timeoutMs };
      const page = await this.#api.call<{ users: User[]; next?: string | null }>("/users", call);
      return { items: page.users, next: page.next ?? undefined };
    });
  }

  get(user: string, options: CallOptions = {}): Promise<User> {
    return this.#api.call(`/users/${part(user)}`, options);
  }

  /** Merges metadata, one level deep; null takes a member away. Adds a user who is new. */
  setMetadata(
    user: string,
    meta: Record<string, unknown>,
    options: CallOptions = {},
  ): Promise<User> {
    const path = `/users/${part(user)}`;
    return this.#api.call(path, { ...options, method: "PATCH", body: { meta } });
  }

  /** Nothing runs for the user from now on, and tokens of the user are refused. */
  disable(user: string, options: CallOptions = {}): Promise<User> {
    return this.#put(user, true, options);
  }

  enable(user: string, options: CallOptions = {}): Promise<User> {
    return this.#put(user, false, options);
  }

  /** Turns a workflow on or off for a user. */
  async setWorkflow(
    user: string,
    workflowId: string,
    enabled: boolean,
    options: CallOptions = {},
  ): Promise<void> {
    const path = `/users/${part(user)}/workflows/${part(workflowId)}`;
    await this.#api.call(path, { ...options, method: "PUT", body: { enabled } });
  }

  #put(user: string, disabled: boolean, options: CallOptions): Promise<User> {
    return this.#api.call(`/users/${part(user)}`, {
      ...options,
      method: "PUT",
      body: { disabled },
    });
  }
}

export class Credentials {
  readonly configurations: Configurations;
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
    this.configurations = new Configurations(api);
  }

  /** A user's accounts, oldest first. */
  async list(user: string, options: CallOptions = {}): Promise<Credential[]> {
    const path = `/users/${part(user)}/credentials`;
    return (await this.#api.call<{ credentials: Credential[] }>(path, options)).credentials;
  }

  get(credential: string, options: CallOptions = {}): Promise<Credential> {
    return this.#api.call(`/credentials/${part(credential)}`, options);
  }

  /** Links an account by fields, or by a code that your app received. */
  link(user: string, request: LinkRequest, options: CallOptions = {}): Promise<Credential> {
    const path = `/users/${part(user)}/credentials`;
    return this.#api.call(path, { ...options, method: "POST", body: request });
  }

  /** Gives what a `pending` account lacks. */
  completeSetup(
    credential: string,
    fields: Record<string, unknown>,
    options: CallOptions = {},
  ): Promise<Credential> {
    const path = `/credentials/${part(credential)}/complete-setup`;
    return this.#api.call(path, { ...options, method: "POST", body: { fields } });
  }

  /** Asks the provider whether it works. */
  probe(credential: string, options: CallOptions = {}): Promise<Probe> {
    return this.#api.call(`/credentials/${part(credential)}/probe`, { ...options, method: "POST" });
  }

  async disconnect(credential: string, options: CallOptions = {}): Promise<void> {
    await this.#api.call(`/credentials/${part(credential)}`, { ...options, method: "DELETE" });
  }
}

/** Sets of settings of an account. A name is an id, or `ext:` and your own. */
export class Configurations {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Oldest first; the first is the default. */
  async list(credential: string, options: CallOptions = {}): Promise<AccountConfiguration[]> {
    const path = pathOf(credential);
    const list = await this.#api.call<{ configurations: AccountConfiguration[] }>(path, options);
    return list.configurations;
  }

  add(
    credential: string,
    options: CallOptions & { externalId?: string } = {},
  ): Promise<AccountConfiguration> {
    const { externalId, ...rest } = options;
    const body = externalId === undefined ? {} : { external_id: externalId };
    return this.#api.call(pathOf(credential), { ...rest, method: "POST", body });
  }

  /** Members are merged; null takes one away. */
  change(
    credential: string,
    configuration: string,
    change: SettingsChange,
    options: CallOptions = {},
  ): Promise<AccountConfiguration> {
    const path = `${pathOf(credential)}/${part(configuration)}`;
    return this.#api.call(path, { ...options, method: "PATCH", body: change });
  }

  async delete(
    credential: string,
    configuration: string,
    options: CallOptions = {},
  ): Promise<void> {
    const path = `${pathOf(credential)}/${part(configuration)}`;
    await this.#api.call(path, { ...options, method: "DELETE" });
  }
}

function pathOf(credential: string): string {
  return `/credentials/${part(credential)}/configurations`;
}

export class ConnectSessions {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Opens one. Show its `authorize_url` to this user only. */
  create(
    user: string,
    request: ConnectRequest,
    options: CallOptions = {},
  ): Promise<OpenedConnectSession> {
    const path = `/users/${part(user)}/connect-sessions`;
    return this.#api.call(path, { ...options, method: "POST", body: request });
  }

  /** What became of it. */
  get(session: string, options: CallOptions = {}): Promise<ConnectSession> {
    return this.#api.call(`/connect-sessions/${part(session)}`, options);
  }
}

export class PortalLinks {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Makes one. It lets one browser in, once: send this user there, and nobody else. */
  create(request: PortalLinkRequest, options: CallOptions = {}): Promise<PortalLink> {
    return this.#api.call("/portal-links", { ...options, method: "POST", body: request });
  }
}
