// What the page needs of whoever shows it. Two implementations: `SdkHost` (an iframe that the
// builder's SDK drives by postMessage) and `HttpHost` (a page of its own that speaks HTTP).

import type { Option } from "../wire/input";
import type { Integration } from "../wire/integration";
import type { JsonObject } from "../wire/read";
import type { HostState } from "../wire/update";

export interface RequestInit {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  body?: unknown;
  credentialId?: string;
  configurationId?: string;
}

export interface OAuthRequest {
  integration: Integration;
  accountTypeId?: string;
  /** What the user gave before, such as a subdomain. */
  values: JsonObject;
  installOptions: JsonObject;
}

export interface Page {
  options: Option[];
  nextCursor?: string;
}

export interface PageRequest {
  cursor?: string;
  search?: string;
}

export type HostEvent =
  | { type: "onIntegrationInstall"; integrationId: string; integrationType: string }
  | {
      type: "onWorkflowChange";
      integrationId: string;
      integrationType: string;
      workflowId: string;
      workflowStateChange: JsonObject;
    };

export interface Host {
  /** The state now and after each change. Returns how to stop. */
  subscribe(listener: (state: HostState) => void): () => void;

  /** Calls `/projects/{id}{path}` as the user. Fails with a `Failure`. */
  request(path: string, init: RequestInit): Promise<unknown>;

  /**
   * Opens the provider's page in a popup. Resolves when it is open; the account arrives as a change
   * of state. Fails with a `Failure` of kind `popup_blocked` when the browser did not open it.
   * Must be called from a click, or the browser will not.
   */
  beginOAuth(request: OAuthRequest): Promise<void>;

  /** Forgets a popup that `beginOAuth` opened and closes it where that is possible. */
  cancelOAuth(): void;

  /** Makes an account that the server answered part of the state. */
  applyCredential(integration: Integration, credential: JsonObject): Promise<void>;

  /** Removes an account at the server and from the state. */
  disconnect(integration: Integration, credentialId: string): Promise<void>;

  announce(event: HostEvent): void;

  /** Options that the builder's app loads by itself. */
  loadDropdown(key: string, page: PageRequest): Promise<Page>;
  loadMapping(
    integration: Integration,
    key: string,
    what: { kind: "objectTypes" } | { kind: "integrationFields"; objectType: string },
    page: PageRequest,
  ): Promise<Page>;

  /** The address where a provider can send events of this user. */
  webhookUrl(workflowId: string, credentialId: string): Promise<string>;

  /** Forgets the error of the last attempt to connect. */
  clearError(): void;

  setVisible(isVisible: boolean): void;
  /** The portal was shown to the user. */
  opened(): void;
  /** The user closed the portal. */
  closed(): void;
  /** Ends what the app had asked for, when the portal was never shown for it. */
  dismiss(): void;
}
