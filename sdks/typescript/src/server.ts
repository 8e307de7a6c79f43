// Tenon on the builder's server. Start with `new Tenon`.

import { Api, type ApiOptions } from "./server/api.js";
import { ConnectSessions, Credentials, PortalLinks, Users } from "./server/people.js";
import { ProviderProxy } from "./server/proxy.js";
import { EventLog, Events, Runs, Workflows } from "./server/work.js";

/** A project, by its API key. */
export class Tenon {
  readonly events: Events;
  readonly workflows: Workflows;
  readonly runs: Runs;
  readonly users: Users;
  readonly credentials: Credentials;
  readonly connectSessions: ConnectSessions;
  readonly portalLinks: PortalLinks;
  readonly proxy: ProviderProxy;
  readonly eventLog: EventLog;

  constructor(options: ApiOptions) {
    const api = new Api(options);
    this.events = new Events(api);
    this.workflows = new Workflows(api);
    this.runs = new Runs(api);
    this.users = new Users(api);
    this.credentials = new Credentials(api);
    this.connectSessions = new ConnectSessions(api);
    this.portalLinks = new PortalLinks(api);
    this.proxy = new ProviderProxy(api);
    this.eventLog = new EventLog(api);
  }
}

export { TenonError } from "./errors.js";
export type { components, operations, paths } from "./generated/api.js";
export type { ApiOptions, CallOptions } from "./server/api.js";
export { type Page, Pages } from "./server/pages.js";
export type {
  Configurations,
  ConnectSessions,
  Credentials,
  PortalLinks,
  Users,
} from "./server/people.js";
export type { ProviderProxy, ProxyInit } from "./server/proxy.js";
export type * from "./server/schemas.js";
export {
  importKey,
  type Operation,
  type Permissions,
  type Scope,
  type SigningKey,
  signUserToken,
  type TokenOptions,
} from "./server/user-token.js";
export type {
  EventLog,
  Events,
  NewEvent,
  Runs,
  Target,
  WorkflowAnswer,
  WorkflowRequest,
  Workflows,
} from "./server/work.js";
