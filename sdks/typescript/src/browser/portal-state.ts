// What the portal is told: the user, the integration, and what the app adds to its inputs. Pure.

import { isRecord } from "../errors.js";
import type {
  Account,
  ConnectedUser,
  Input,
  Integration,
  IntegrationState,
  Option,
} from "./wire.js";

/** One page of options that the app loads. */
export interface LoadedOptions {
  options: Option[];
  nextPageCursor?: string | null;
}

/** Options of a custom dropdown: all of them, or a function that loads a page. */
export type Dropdown =
  | Option[]
  | {
      loadOptions(cursor: string | undefined, search: string | undefined): Promise<LoadedOptions>;
      /** Whether to load them anew each time the list is opened. */
      refreshOnOpen?: boolean;
    };

interface LoadRequest {
  cursor?: string;
  search?: string;
}

/** Fields of the app's own that a field mapper offers. */
export interface OwnFields {
  fields: Option[];
  defaultFields?: string[];
  userCanRemoveMappings?: boolean;
  userCanCreateFields?: boolean;
}

/** A mapper whose other side, the provider's objects and fields, is loaded by the app. */
export interface LoadedFields {
  applicationFields: OwnFields;
  objectTypes: { get(request: LoadRequest): Promise<LoadedOptions> };
  integrationFields: {
    get(request: LoadRequest & { objectType: string }): Promise<LoadedOptions>;
  };
}

export type ObjectFields = Option[] | OwnFields | LoadedFields;

/** What the app told the portal when it opened it. */
export interface PortalInputs {
  dropdowns?: Record<string, Dropdown>;
  /** By the name of the object, such as `Contact`. */
  mapFields?: Record<string, ObjectFields>;
}

export interface PortalState {
  user: ConnectedUser;
  integration: Integration;
  inputs: PortalInputs;
  /** Options of an installation, as the server names them. */
  installOptions: Record<string, unknown>;
  account?: string;
  connectionError?: { message: string };
}

/** The message that tells the portal everything. It holds no token and no function. */
export function updateOf(state: PortalState, projectId: string, assets: string): object {
  const { user, integration, inputs } = state;
  return {
    messageType: "UI_UPDATE",
    nextContext: {
      user,
      project: user.project,
      projectId,
      environments: { CDN_PUBLIC_URL: assets },
      endUserIntegrationConfig: { mapObjectFields: mappingsOf(inputs.mapFields) },
    },
    nextModalState: {
      integration,
      config: configOf(integration, inputs.dropdowns ?? {}),
      selectedCredentialId: state.account,
      apiInstallationOptions: state.installOptions,
      connectionError: state.connectionError,
    },
  };
}

/** The portal's configuration with the app's options in the inputs that wait for them. */
function configOf(integration: Integration, dropdowns: Record<string, Dropdown>): object {
  const values = integration.configs[0]?.values ?? {};
  const filled = (inputs: Input[] = []) => inputs.map((input) => withOptions(input, dropdowns));
  const workflows = Object.entries(values.workflowMeta ?? {}).map(([id, meta]) => [
    id,
    { ...meta, inputs: filled(meta.inputs) },
  ]);
  return {
    ...values,
    sharedMeta: { ...values.sharedMeta, inputs: filled(values.sharedMeta?.inputs) },
    workflowMeta: Object.fromEntries(workflows),
  };
}

function withOptions(input: Input, dropdowns: Record<string, Dropdown>): Input {
  const dropdown = input.type === "CUSTOM_DROPDOWN" ? dropdowns[input.key ?? ""] : undefined;
  if (!dropdown) return input;
  if (Array.isArray(dropdown)) return { ...input, customDropdownOptions: dropdown };
  return { ...input, customDropdownOptions: [], refreshOnOpen: dropdown.refreshOnOpen ?? false };
}

function mappingsOf(mapFields: Record<string, ObjectFields> = {}): object {
  const entries = Object.entries(mapFields).map(([name, mapping]) => {
    if (Array.isArray(mapping)) return [name, { fields: mapping }];
    if (!("objectTypes" in mapping)) return [name, mapping];
    return [name, { ...mapping.applicationFields, useBYOFieldMappingOption: true }];
  });
  return Object.fromEntries(entries);
}

/** The user with an account put in, or with its newer form. */
export function withAccount(user: ConnectedUser, type: string, account: Account): ConnectedUser {
  const all = user.integrations[type]?.allCredentials ?? [];
  const isKnown = all.some(({ id }) => id === account.id);
  const accounts = isKnown
    ? all.map((one) => (one.id === account.id ? account : one))
    : [...all, account];
  return withAccounts(user, type, accounts, account.id);
}

/** The user without an account. */
export function withoutAccount(user: ConnectedUser, type: string, id: string): ConnectedUser {
  const all = user.integrations[type]?.allCredentials ?? [];
  return withAccounts(
    user,
    type,
    all.filter((one) => one.id !== id),
  );
}

function withAccounts(
  user: ConnectedUser,
  type: string,
  accounts: Account[],
  current?: string,
): ConnectedUser {
  const kept = current ?? user.integrations[type]?.credentialId;
  const first = accounts.find(({ status }) => status === "VALID") ?? accounts[0];
  const account = accounts.find(({ id }) => id === kept) ?? first;
  const configuration = account?.configurations.find(({ isDefault }) => isDefault);
  const state: IntegrationState = {
    ...user.integrations[type],
    enabled: account?.status === "VALID",
    credentialId: account?.id,
    credentialStatus: account?.status,
    credentialConfigId: configuration?.id,
    providerId: account?.providerId,
    providerData: account?.providerData,
    sharedSettings: configuration?.sharedSettings,
    workflowSettings: configuration?.workflowSettings,
    allCredentials: accounts,
  };
  return { ...user, integrations: { ...user.integrations, [type]: state } };
}

/** Whether a value is an account, as far as the portal needs it. */
export function isAccount(value: unknown): value is Account {
  return isRecord(value) && typeof value.id === "string" && Array.isArray(value.configurations);
}
