// The records of the management API under short names. They are generated from its description.

import type { components, operations } from "../generated/api.js";

type Schemas = components["schemas"];

export type AcceptedRun = Schemas["AcceptedRun"];
export type AccountConfiguration = Schemas["AccountConfiguration"];
export type ConnectRequest = Schemas["ConnectRequest"];
export type ConnectSession = Schemas["ConnectSession"];
export type Credential = Schemas["Credential"];
export type LinkRequest = Schemas["LinkRequest"];
export type LoggedEvent = Schemas["Event"];
export type OpenedConnectSession = Schemas["OpenedConnectSession"];
export type PortalLink = Schemas["PortalLink"];
export type PortalLinkRequest = Schemas["PortalLinkRequest"];
export type Probe = Schemas["Probe"];
export type ProxyCall = Schemas["ProxyCall"];
export type Run = Schemas["Run"];
export type RunStatus = Schemas["RunStatus"];
export type SettingsChange = Schemas["SettingsChangeRequest"];
export type StepRecord = Schemas["StepRecord"];
export type User = Schemas["User"];

/** Members of a query without the cursor, which pages have themselves. */
type FilterOf<Name extends keyof operations> = operations[Name] extends {
  parameters: { query?: infer Query };
}
  ? Omit<NonNullable<Query>, "cursor">
  : never;

export type ProxyCallFilter = FilterOf<"list_proxy_calls">;
export type RunFilter = FilterOf<"list_runs">;
export type StepFilter = FilterOf<"list_run_steps">;
export type UserFilter = FilterOf<"list_users">;

/** What the gateway answers to an event. */
export interface EventAccepted {
  /** One for each workflow and installation that runs; empty when none listens. */
  runs: {
    id: string;
    workflow: string;
    name: string;
    credential?: string;
    configuration?: string;
  }[];
}
