// Names of accounts and the configuration that settings belong to.

import { texts } from "../texts";
import type { Configuration, Credential } from "../wire/credential";
import { text } from "../wire/read";
import type { Portal } from "../wire/update";

/** What providers call the thing that people know their account by, best first. */
const NAME_KEYS = [
  "accountName",
  "email",
  "userEmail",
  "user_email",
  "name",
  "displayName",
  "username",
  "login",
  "teamName",
  "team_name",
  "workspaceName",
  "workspace_name",
  "accountId",
];

export function accountName(credential: Credential, index: number): string {
  for (const key of NAME_KEYS) {
    const name = text(credential.providerData[key])?.trim();
    if (name) return name;
  }
  const provided = credential.providerId?.trim();
  return provided || credential.externalId || texts.account.numbered(index + 1);
}

/** The configuration whose settings the portal shows: the one asked for, or the default. */
export function configurationOf(credential: Credential, portal: Portal): Configuration | undefined {
  const wanted = portal.options.selectedConfigurationId?.trim();
  const external = wanted?.replace(/^ext:/, "");
  const { configurations } = credential;
  return (
    configurations.find((one) => wanted && (one.id === wanted || one.externalId === external)) ??
    configurations.find((one) => one.id === portal.currentConfigurationId) ??
    configurations.find((one) => one.isDefault) ??
    configurations[0]
  );
}
