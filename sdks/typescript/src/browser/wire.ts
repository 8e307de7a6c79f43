// The records of the Connect API, as far as an app needs them. Servers may add members.

/** The connected user and what is connected. */
export interface ConnectedUser {
  authenticated: boolean;
  userId: string;
  meta: Record<string, unknown>;
  project: { id: string; [more: string]: unknown };
  /** By the integration's type; all active ones, connected or not. */
  integrations: Record<string, IntegrationState>;
}

/** What a user has of an integration. The members beside `allCredentials` are of the oldest account
 * that works. */
export interface IntegrationState {
  enabled: boolean;
  credentialId?: string;
  credentialStatus?: AccountStatus;
  credentialConfigId?: string;
  providerId?: string | null;
  providerData?: Record<string, unknown>;
  sharedSettings?: Settings;
  workflowSettings?: Record<string, WorkflowState>;
  configMeta?: Record<string, unknown>;
  externalId?: string;
  /** The user's accounts, oldest first. */
  allCredentials: Account[];
}

export type AccountStatus = "VALID" | "INVALID" | "PENDING";

/** A connected account. */
export interface Account {
  id: string;
  integrationId: string;
  status: AccountStatus;
  /** Why it does not work, for people. */
  statusReason?: string;
  externalId?: string;
  providerId?: string | null;
  /** What the provider said of it; `accountName` is its name for people. */
  providerData: Record<string, unknown>;
  /** All of its configurations; one is the default. */
  configurations: Configuration[];
  dateCreated: string;
  dateUpdated: string;
  [more: string]: unknown;
}

/** A set of settings of an account. */
export interface Configuration {
  id: string;
  connectCredentialId: string;
  externalId?: string;
  isDefault: boolean;
  sharedSettings: Settings;
  workflowSettings: Record<string, WorkflowState>;
  configMeta: Record<string, unknown>;
  dateCreated: string;
  dateUpdated: string;
}

export interface WorkflowState {
  enabled: boolean;
  settings: Settings;
}

export type Settings = Record<string, unknown>;

/** An integration that the project offers. */
export interface Integration {
  id: string;
  /** Its name in every call, such as `slack` or `custom.<slug>`. */
  type: string;
  name: string;
  isActive: boolean;
  brandColor: string | null;
  /** `oauth`: the user goes to the provider's page. Otherwise a form asks for `fields`. */
  authenticationType: "oauth" | "basic" | (string & {});
  needPreOauthInputs: boolean;
  workflows: { id: string; description: string; [more: string]: unknown }[];
  /** Workflows that this user may not see. */
  noPermissionWorkflows?: string[];
  configs: { values: PortalConfig; [more: string]: unknown }[];
  sdkIntegrationConfig: IntegrationSetup | null;
  [more: string]: unknown;
}

/** Texts and inputs of the portal. */
export interface PortalConfig {
  accentColor?: string | null;
  description?: string | null;
  overview?: string | null;
  sharedMeta?: { inputs: Input[] };
  workflowMeta?: Record<string, WorkflowMeta>;
  [more: string]: unknown;
}

export interface WorkflowMeta {
  id: string;
  description: string;
  infoText?: string | null;
  defaultEnabled: boolean;
  hidden: boolean;
  order: number;
  inputs: Input[];
  [more: string]: unknown;
}

/** How accounts of an integration are connected. */
export interface IntegrationSetup {
  /** Asked for before the provider's page is opened. */
  oauthInputs: Input[];
  /** Asked for by a form, such as an API key. */
  authConfigInputs: Input[];
  /** Asked for by `completeSetup`, when the account is `PENDING`. */
  postOauthInputs: Input[];
  /** The ways to connect, when there are several. */
  accountTypes: {
    id: string;
    scheme: string;
    accountDescription?: string;
    endUserSuppliedValues?: Input[];
    [more: string]: unknown;
  }[];
  dataSources: Record<string, unknown>;
  [more: string]: unknown;
}

/** Something that a form asks for. */
export interface Input {
  id: string;
  title: string;
  /** Such as `TEXT_NO_VARS`, `PASSWORD`, `ENUM`; `docs/reference/integrations.md` has all. */
  type: string;
  required?: boolean;
  sourceType?: string;
  key?: string;
  [more: string]: unknown;
}

/** A line of the catalogue. */
export interface CatalogEntry {
  type: string;
  name: string;
  brandColor: string | null;
  /** The address of its icon. */
  icon: string;
}

export interface Option {
  label: string;
  value: string;
  subtitle?: string;
}

/** One page of options. */
export interface OptionPage<Record = unknown> {
  records: Record[];
  nextPageCursor?: string | null;
}
