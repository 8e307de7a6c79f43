// Which steps lead to a connected account: account type, package, inputs, OAuth.
// It decides; showing the steps and calling the server is done elsewhere.

import type { Input } from "../wire/input";
import type { AccountType, Integration } from "../wire/integration";
import type { OpenOptions } from "../wire/update";

export type ConnectStep =
  | { step: "accountType" }
  | { step: "package"; accountTypeId?: string }
  | { step: "inputs"; accountTypeId?: string }
  | { step: "oauth"; accountTypeId?: string };

/** An OAuth app that the user brings needs no package of the builder. */
const OWN_APP = "user-configured-oauth";

const CLIENT_CREDENTIALS: Input[] = [
  clientInput("clientId", "Client ID", "TEXT_NO_VARS"),
  clientInput("clientSecret", "Client secret", "PASSWORD"),
];

function clientInput(id: string, title: string, type: Input["type"]): Input {
  return {
    id,
    title,
    type,
    required: true,
    hidden: false,
    readOnly: false,
    options: [],
    refreshOnOpen: false,
    labels: [],
    useDynamicMapper: false,
    useDynamicFields: false,
    requiredScopes: [],
    scopes: [],
  };
}

/** The account types among which this user may choose. */
export function choicesOf(integration: Integration, options: OpenOptions): AccountType[] {
  const all = integration.accountTypes;
  if (options.accountTypeId) return all.filter(({ id }) => id === options.accountTypeId);
  if (options.accountTypeIds.length > 0) {
    const chosen = all.filter(({ id }) => options.accountTypeIds.includes(id));
    if (chosen.length > 0) return chosen;
  }
  const [first, second] = all;
  if (all.length === 2 && first?.id === "default" && second?.id === OWN_APP) return [first];
  return all;
}

export function firstStep(integration: Integration, options: OpenOptions): ConnectStep {
  const choices = choicesOf(integration, options);
  if (choices.length > 1) return { step: "accountType" };
  return stepAfterAccountType(integration, choices[0]?.id);
}

export function stepAfterAccountType(
  integration: Integration,
  accountTypeId?: string,
): ConnectStep {
  const needsPackage =
    safeLink(integration.packageInstallUrl) !== undefined &&
    usesOAuth(integration, accountTypeId) &&
    accountTypeId !== OWN_APP;
  return needsPackage
    ? { step: "package", accountTypeId }
    : stepAfterPackage(integration, accountTypeId);
}

export function stepAfterPackage(integration: Integration, accountTypeId?: string): ConnectStep {
  const hasInputs = inputsOf(integration, accountTypeId).some((input) => !input.hidden);
  return usesOAuth(integration, accountTypeId) && !hasInputs
    ? { step: "oauth", accountTypeId }
    : { step: "inputs", accountTypeId };
}

export function accountTypeOf(integration: Integration, id?: string): AccountType | undefined {
  return integration.accountTypes.find((accountType) => accountType.id === id);
}

export function usesOAuth(integration: Integration, accountTypeId?: string): boolean {
  const scheme = accountTypeOf(integration, accountTypeId)?.scheme;
  return (scheme ?? integration.authenticationType) === "oauth";
}

/** What the user must give before the account can be made. */
export function inputsOf(integration: Integration, accountTypeId?: string): Input[] {
  const accountType = accountTypeOf(integration, accountTypeId);
  const scheme = accountType?.scheme ?? integration.authenticationType;
  if (integration.isCustom) {
    if (scheme === "oauth_client_credential") return CLIENT_CREDENTIALS;
    return scheme === "oauth" ? integration.oauthInputs : integration.customInputs;
  }
  if (accountType && accountType.inputs.length > 0) return accountType.inputs;
  if (scheme !== "oauth") return integration.keyInputs;
  if (!integration.needsInputsBeforeOAuth) return [];
  return integration.oauthInputs.length > 0 ? integration.oauthInputs : integration.keyInputs;
}

/** Whether the SDK opens the provider's window itself when it installs without the portal. */
export function isOpenedBySdk(integration: Integration, options: OpenOptions): boolean {
  const choices = choicesOf(integration, options);
  const [only] = choices;
  if (!usesOAuth(integration, choices.length === 1 ? only?.id : undefined)) return false;
  if (!integration.needsInputsBeforeOAuth) return true;
  return choices.length === 1 && only?.inputs.length === 0 && only.scheme === "oauth";
}

/** A link that is safe to open, or nothing. */
export function safeLink(url: string | undefined): string | undefined {
  if (!url) return undefined;
  try {
    const parsed = new URL(url.includes("://") ? url : `https://${url}`);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed.href : undefined;
  } catch {
    return undefined;
  }
}
