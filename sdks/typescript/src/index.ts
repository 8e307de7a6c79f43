// Tenon in the browser, for the pages of a builder's app. Start with `connect`.

import { TenonClient } from "./browser/client.js";
import type { SessionOptions } from "./browser/session.js";

/** Begins a session of a connected user. It calls nothing yet. */
export function connect(options: SessionOptions): TenonClient {
  return new TenonClient(options);
}

export type {
  ConnectByBrowser,
  ConnectByCode,
  ConnectByFields,
  ConnectOptions,
} from "./browser/accounts.js";
export type {
  EventOptions,
  OptionsRequest,
  ProxyRequest,
  Run,
  SettingsChange,
  TenonClient,
  WorkflowAnswer,
  WorkflowRequest,
} from "./browser/client.js";
export type { EventMap, Listener } from "./browser/emitter.js";
export type { Portal, PortalOptions } from "./browser/portal.js";
export type {
  Dropdown,
  LoadedFields,
  LoadedOptions,
  ObjectFields,
  OwnFields,
} from "./browser/portal-state.js";
export type { Addresses, CallOptions, SessionOptions, Target, Token } from "./browser/session.js";
export type * from "./browser/wire.js";
export { TenonError } from "./errors.js";
