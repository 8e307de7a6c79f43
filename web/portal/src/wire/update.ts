// What the page knows: one `UI_UPDATE` of the SDK, read into our own words.
//
// The user's token is part of that message; it is dropped here and kept nowhere.

import { type Credential, readCredentials } from "./credential";
import { type Integration, type PortalConfig, readConfig, readIntegration } from "./integration";
import { flag, isObject, type JsonObject, list, object, strings, text } from "./read";

export interface Branding {
  name?: string;
  logoUrl?: string;
  accentColor?: string;
}

/** Fields of the builder's app that a field mapper offers. */
export interface MappingOptions {
  fields: { value: string; label: string }[];
  defaultFields: string[];
  canRemove: boolean;
  canCreate: boolean;
  /** The host loads object types and fields of the integration itself. */
  isLoadedByHost: boolean;
}

/** What the builder's app asked for when it opened the portal. */
export interface OpenOptions {
  isApiInstallation: boolean;
  showPortalAfterInstall: boolean;
  bypassesSetup: boolean;
  allowsManyAccounts: boolean;
  accountTypeId?: string;
  accountTypeIds: string[];
  selectedConfigurationId?: string;
  /** The options as they came; they go back with an installation. */
  raw: JsonObject;
}

/** Why the last attempt to connect failed; stays until `Host.clearError`. */
export interface ConnectionError {
  message?: string;
}

export interface Portal {
  integration: Integration;
  config: PortalConfig;
  credentials: Credential[];
  /** The account that the SDK has chosen. */
  currentCredentialId?: string;
  currentConfigurationId?: string;
  options: OpenOptions;
  connectionError?: ConnectionError;
  showAfterInstall: boolean;
  mappingOptions: Record<string, MappingOptions>;
  /** Where the provider sends the user back to, if that is a page of the builder's. */
  redirectUrl?: string;
}

export interface HostState {
  isAuthenticated: boolean;
  userId?: string;
  assetsUrl: string;
  branding: Branding;
  /** What is open; nothing when the portal is closed. */
  portal?: Portal;
}

/** Reads the two halves of a `UI_UPDATE`; nothing when it is not one. */
export function readUpdate(context: unknown, modal: unknown): HostState | undefined {
  if (!isObject(context) || !isObject(modal)) return undefined;
  const user = object(context.user);
  return {
    isAuthenticated: flag(user.authenticated),
    userId: text(user.userId),
    assetsUrl: text(object(context.environments).CDN_PUBLIC_URL) ?? "",
    branding: readBranding(object(context.project).branding),
    portal: readPortal(context, modal, object(user.integrations)),
  };
}

function readBranding(value: unknown): Branding {
  const branding = object(value);
  return {
    name: text(branding.name),
    logoUrl: text(branding.logoUrl),
    accentColor: text(branding.accentColor),
  };
}

function readPortal(
  context: JsonObject,
  modal: JsonObject,
  states: JsonObject,
): Portal | undefined {
  const integration = readIntegration(modal.integration);
  if (!integration) return undefined;
  const state = object(states[integration.type]);
  const config = modal.config ?? object(list(integration.raw.configs)[0]).values;
  const endUser = object(context.endUserIntegrationConfig);
  return {
    integration,
    config: readConfig(config, integration.raw),
    credentials: readCredentials(state.allCredentials),
    currentCredentialId: text(modal.selectedCredentialId) ?? text(state.credentialId),
    currentConfigurationId: text(state.credentialConfigId),
    options: readOptions(object(modal.apiInstallationOptions)),
    connectionError: readConnectionError(modal.connectionError),
    showAfterInstall: flag(modal.shouldShowPortalAfterInstall),
    mappingOptions: readMappingOptions(endUser.mapObjectFields),
    redirectUrl: text(endUser.overrideRedirectUrl),
  };
}

function readOptions(raw: JsonObject): OpenOptions {
  const many = Array.isArray(raw.accountType) ? raw.accountType : raw.selectedMultipleAccountTypes;
  return {
    isApiInstallation: flag(raw.isApiInstallation),
    showPortalAfterInstall: flag(raw.showPortalAfterInstall),
    bypassesSetup: flag(raw.bypassPostOAuthPrompt),
    allowsManyAccounts: flag(raw.allowMultipleCredentials),
    accountTypeId: text(object(raw.selectedAccountConfig).id) ?? text(raw.accountType),
    accountTypeIds: strings(many),
    selectedConfigurationId: text(raw.selectedConfigurationId),
    raw,
  };
}

/** An error of the SDK (`message`), or the message that the provider's popup sent (`error`). */
function readConnectionError(value: unknown): ConnectionError | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof Error) return { message: value.message };
  const error = object(value);
  const response = object(error.errorResponse);
  const message =
    text(error.message) ??
    text(response.message) ??
    text(error.error) ??
    text(object(error.error).message) ??
    text(error.errorResponse);
  return { message };
}

function readMappingOptions(value: unknown): Record<string, MappingOptions> {
  const found: Record<string, MappingOptions> = {};
  for (const [name, entry] of Object.entries(object(value))) {
    const options = Array.isArray(entry) ? { fields: entry } : object(entry);
    found[name] = {
      fields: list(options.fields).flatMap((field) => {
        const fieldValue = text(object(field).value);
        if (!fieldValue) return [];
        return [{ value: fieldValue, label: text(object(field).label) ?? fieldValue }];
      }),
      defaultFields: strings(options.defaultFields),
      canRemove: options.userCanRemoveMappings === true,
      canCreate: options.userCanCreateFields === true,
      isLoadedByHost: options.useBYOFieldMappingOption === true,
    };
  }
  return found;
}
