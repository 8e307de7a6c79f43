// An integration of the project as a user sees it: names, texts, how to connect, workflows.

import { type Input, readInputs, readSources, type Sources } from "./input";
import { flag, isObject, type JsonObject, object, objects, strings, text } from "./read";

export interface AccountType {
  id: string;
  scheme: string;
  description?: string;
  inputs: Input[];
  skipsSetup: boolean;
}

export interface Workflow {
  id: string;
  name: string;
  infoText?: string;
  defaultEnabled: boolean;
  inputs: Input[];
  order: number;
  hasWebhook: boolean;
}

export interface Integration {
  id: string;
  /** The name that the SDK knows the integration by, `custom.<slug>` for custom ones. */
  type: string;
  isCustom: boolean;
  name: string;
  icon?: string;
  brandColor?: string;
  authenticationType: string;
  needsInputsBeforeOAuth: boolean;
  userLimitReached: boolean;
  oauthInputs: Input[];
  keyInputs: Input[];
  customInputs: Input[];
  setupInputs: Input[];
  accountTypes: AccountType[];
  packageInstallUrl?: string;
  sources: Sources;
  /** The record as it came, for calls of the SDK that want it back. */
  raw: JsonObject;
}

export interface PortalConfig {
  accentColor?: string;
  description?: string;
  overview?: string;
  sharedInputs: Input[];
  workflows: Workflow[];
}

export function typeNameOf(raw: JsonObject): string {
  const type = text(raw.type) ?? "";
  if (type !== "custom") return type;
  return text(object(raw.customIntegration).slug) ?? type;
}

export function readIntegration(raw: unknown): Integration | undefined {
  if (!isObject(raw)) return undefined;
  const id = text(raw.id);
  const type = typeNameOf(raw);
  if (!id || !type) return undefined;
  const sdk = object(raw.sdkIntegrationConfig);
  const custom = isObject(raw.customIntegration) ? raw.customIntegration : undefined;
  return {
    id,
    type,
    isCustom: custom !== undefined || type.startsWith("custom."),
    name: text(raw.name) ?? text(custom?.name) ?? type,
    icon: text(custom?.icon),
    brandColor: text(raw.brandColor),
    authenticationType: text(raw.authenticationType) ?? text(custom?.authenticationType) ?? "oauth",
    needsInputsBeforeOAuth: flag(raw.needPreOauthInputs),
    userLimitReached: flag(raw.connectedUserLimitReached),
    oauthInputs: readInputs(sdk.oauthInputs),
    keyInputs: readInputs(sdk.authConfigInputs),
    customInputs: readInputs(custom?.inputFields),
    setupInputs: readInputs(sdk.postOauthInputs),
    accountTypes: objects(sdk.accountTypes).map(readAccountType),
    packageInstallUrl: text(object(sdk.authSchemeOptions).packageInstallUrl),
    sources: readSources(sdk.dataSources),
    raw,
  };
}

function readAccountType(raw: JsonObject): AccountType {
  return {
    id: text(raw.id) ?? "",
    scheme: text(raw.scheme) ?? "oauth",
    description: text(raw.accountDescription),
    inputs: readInputs(raw.endUserSuppliedValues),
    skipsSetup: flag(raw.skipPostOAuthInputs),
  };
}

/** The portal's texts and settings; `integration` says which workflows this user may see. */
export function readConfig(values: unknown, integration: JsonObject): PortalConfig {
  const config = object(values);
  return {
    accentColor: text(config.accentColor),
    description: text(config.description),
    overview: text(config.overview),
    sharedInputs: readInputs(object(config.sharedMeta).inputs),
    workflows: readWorkflows(object(config.workflowMeta), integration),
  };
}

function readWorkflows(meta: JsonObject, integration: JsonObject): Workflow[] {
  const deployed = new Map(
    objects(integration.workflows).map((workflow) => [text(workflow.id), workflow]),
  );
  const forbidden = new Set(strings(integration.noPermissionWorkflows));
  const visible = Object.entries(meta).flatMap(([key, value]) => {
    const entry = object(value);
    const id = text(entry.id) ?? key;
    const workflow = deployed.get(id);
    if (!workflow || flag(entry.hidden) || forbidden.has(id)) return [];
    return [readWorkflow(id, entry, workflow)];
  });
  return visible.sort((a, b) => a.order - b.order);
}

function readWorkflow(id: string, entry: JsonObject, workflow: JsonObject): Workflow {
  return {
    id,
    name: text(workflow.description) ?? text(entry.description) ?? id,
    infoText: text(entry.infoText),
    defaultEnabled: flag(entry.defaultEnabled),
    inputs: readInputs(entry.inputs),
    order: typeof entry.order === "number" ? entry.order : Number.MAX_SAFE_INTEGER,
    hasWebhook: text(workflow.customWebhookTriggerId) !== undefined,
  };
}
