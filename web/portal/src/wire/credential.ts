// An account that a user has connected, and its settings.

import { flag, type JsonObject, object, objects, text } from "./read";

export type CredentialStatus = "VALID" | "INVALID" | "PENDING";

export type Settings = Record<string, unknown>;

export interface WorkflowState {
  enabled: boolean;
  settings: Settings;
}

export interface Configuration {
  id: string;
  externalId?: string;
  isDefault: boolean;
  sharedSettings: Settings;
  workflowSettings: Record<string, WorkflowState>;
}

export interface Credential {
  id: string;
  externalId?: string;
  status: CredentialStatus;
  /** Why the account stopped working, when the server says so. */
  statusReason?: string;
  dateCreated: string;
  dateUpdated: string;
  providerId?: string;
  providerData: Record<string, unknown>;
  configurations: Configuration[];
  /** The record as it came: the builder's SDK must get back every field that it gave. */
  raw: JsonObject;
}

export function readCredentials(value: unknown): Credential[] {
  return objects(value)
    .map(readCredential)
    .filter((credential) => credential !== undefined);
}

export function readCredential(raw: JsonObject): Credential | undefined {
  const id = text(raw.id);
  if (!id) return undefined;
  return {
    id,
    externalId: text(raw.externalId),
    status: readStatus(raw.status),
    statusReason: text(raw.statusReason) ?? text(raw.statusMessage),
    dateCreated: text(raw.dateCreated) ?? "",
    dateUpdated: text(raw.dateUpdated) ?? "",
    providerId: text(raw.providerId),
    providerData: object(raw.providerData),
    configurations: objects(raw.configurations).map(readConfiguration),
    raw,
  };
}

function readStatus(value: unknown): CredentialStatus {
  return value === "INVALID" || value === "PENDING" ? value : "VALID";
}

function readConfiguration(raw: JsonObject): Configuration {
  const workflowSettings: Record<string, WorkflowState> = {};
  for (const [id, state] of Object.entries(object(raw.workflowSettings))) {
    const record = object(state);
    workflowSettings[id] = { enabled: flag(record.enabled), settings: object(record.settings) };
  }
  return {
    id: text(raw.id) ?? "",
    externalId: text(raw.externalId),
    isDefault: flag(raw.isDefault),
    sharedSettings: object(raw.sharedSettings),
    workflowSettings,
  };
}

/** The raw record with one configuration changed, as the SDK keeps it. */
export function withConfiguration(
  credential: Credential,
  configurationId: string,
  change: (configuration: JsonObject) => JsonObject,
): JsonObject {
  const configurations = objects(credential.raw.configurations).map((configuration) =>
    configuration.id === configurationId ? change(configuration) : configuration,
  );
  return { ...credential.raw, configurations };
}
