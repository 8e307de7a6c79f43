// What a user can do on the page, as calls of the host and changes of the session.
// Screens read `session` and call the methods; no screen talks to the host itself.

import { asFailure, Failure } from "../host/failure";
import type { Host, OAuthRequest, PageRequest } from "../host/host";
import {
  type Credential,
  readCredential,
  readCredentials,
  withConfiguration,
} from "../wire/credential";
import { isObject, type JsonObject, object, strings } from "../wire/read";
import type { Portal } from "../wire/update";
import { configurationOf } from "./accounts";
import {
  accountTypeOf,
  type ConnectStep,
  firstStep,
  stepAfterAccountType,
  stepAfterPackage,
  usesOAuth,
} from "./connect-plan";
import type { Values } from "./form";
import {
  actionBody,
  type OptionPage,
  pageOfHost,
  type RemoteOptions,
  readActionPage,
} from "./options";
import {
  type Action,
  initialSession,
  markOf,
  reduce,
  type Session,
  selectedCredential,
} from "./session";

export class Controller {
  readonly #host: Host;
  readonly #listeners = new Set<() => void>();
  #session: Session = initialSession;
  #lastOAuth?: OAuthRequest;
  /** Changes of settings go one after another, or one would undo the other. */
  #writes: Promise<unknown> = Promise.resolve();

  constructor(host: Host) {
    this.#host = host;
    host.subscribe((state) => this.#dispatch({ type: "updated", host: state }));
  }

  get session(): Session {
    return this.#session;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): Session => this.#session;

  // Connecting an account. Each of these runs in a click, so that a popup may open.

  connect(reconnectId?: string): void {
    const portal = this.#portal();
    if (portal) this.#go(firstStep(portal.integration, portal.options), reconnectId);
  }

  chooseAccountType(id: string): void {
    const portal = this.#portal();
    if (portal) this.#go(stepAfterAccountType(portal.integration, id));
  }

  packageInstalled(): void {
    const portal = this.#portal();
    const flow = this.#session.flow;
    if (portal && flow.step === "package") {
      this.#go(stepAfterPackage(portal.integration, flow.accountTypeId));
    }
  }

  /** Gives what the user filled in: to the provider's page, or to the server as the account. */
  async submitInputs(values: Values): Promise<void> {
    const portal = this.#portal();
    const flow = this.#session.flow;
    if (!portal || flow.step !== "inputs" || flow.isBusy) return;
    const { accountTypeId } = flow;
    if (usesOAuth(portal.integration, accountTypeId)) {
      this.#go({ step: "oauth", accountTypeId }, undefined, values);
      return;
    }
    this.#dispatch({ type: "submitted" });
    await this.#createCredential(portal, "/sdk/credentials", values, accountTypeId);
  }

  async submitSetup(values: Values): Promise<void> {
    const portal = this.#portal();
    const flow = this.#session.flow;
    if (!portal || flow.step !== "setup" || flow.isBusy) return;
    this.#dispatch({ type: "submitted" });
    const path = `/sdk/credentials/${encodeURIComponent(flow.credentialId)}/complete-setup`;
    await this.#createCredential(portal, path, values);
  }

  openWindowAgain(): void {
    const flow = this.#session.flow;
    if (flow.step !== "oauth") return;
    const { accountTypeId } = flow;
    this.#go({ step: "oauth", accountTypeId }, undefined, this.#lastOAuth?.values ?? {});
  }

  /**
   * Asks the server for the accounts: the way on when the news of a new one was lost with the
   * network. Answers whether there is a new one.
   */
  async checkForAccount(): Promise<boolean> {
    const portal = this.#portal();
    if (!portal) return false;
    const me = object(await this.#host.request("/sdk/me", { method: "GET" }));
    const state = object(object(me.integrations)[portal.integration.type]);
    const known = this.#session.known;
    for (const credential of readCredentials(state.allCredentials)) {
      if (known[credential.id] === markOf(credential)) continue;
      await this.#host.applyCredential(portal.integration, credential.raw);
      if (this.#session.flow.step !== "oauth") return true;
    }
    return this.#session.flow.step !== "oauth";
  }

  openSetup(credentialId: string): void {
    this.#dispatch({ type: "setupOpened", credentialId });
  }

  leaveFlow(): void {
    this.#host.cancelOAuth();
    const { host, flow } = this.#session;
    if (host?.portal?.options.isApiInstallation && flow.step !== "none") this.close();
    else this.#dispatch({ type: "left" });
  }

  // Accounts

  select(credentialId: string): void {
    this.#dispatch({ type: "selected", credentialId });
  }

  async disconnect(credentialId: string): Promise<void> {
    const portal = this.#portal();
    if (portal) await this.#host.disconnect(portal.integration, credentialId);
  }

  close(): void {
    this.#host.cancelOAuth();
    this.#host.setVisible(false);
    this.#host.closed();
  }

  // Settings

  /** Saves settings of all workflows together. Only the given ones change. */
  saveShared(credentialId: string, settings: Values): Promise<void> {
    return this.#inTurn(async () => {
      await this.#patch(credentialId, () => ({ sharedSettings: settings }));
    });
  }

  saveWorkflow(credentialId: string, workflowId: string, settings: Values): Promise<void> {
    return this.#inTurn(async () => {
      await this.#patch(credentialId, (credential, portal) => {
        const states = configurationOf(credential, portal)?.workflowSettings ?? {};
        const enabled = states[workflowId]?.enabled ?? false;
        return { workflowSettings: { [workflowId]: { enabled, settings } } };
      });
      this.#announceWorkflow(workflowId, { settings });
    });
  }

  setWorkflow(credentialId: string, workflowId: string, enabled: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const { portal, credential, configurationId } = this.#target(credentialId);
      await this.#host.request(`/sdk/workflows/${encodeURIComponent(workflowId)}`, {
        method: enabled ? "POST" : "DELETE",
        credentialId,
        configurationId,
      });
      const changed = withConfiguration(credential, configurationId, (configuration) => {
        const states = object(configuration.workflowSettings);
        const state = { settings: {}, ...object(states[workflowId]), enabled };
        return { ...configuration, workflowSettings: { ...states, [workflowId]: state } };
      });
      await this.#host.applyCredential(portal.integration, changed);
      this.#announceWorkflow(workflowId, { enabled });
    });
  }

  async loadOptions(remote: RemoteOptions, page: PageRequest): Promise<OptionPage> {
    const portal = this.#portal();
    if (!portal) throw new Failure("refused", "");
    const { integration } = portal;
    switch (remote.kind) {
      case "source": {
        const body = actionBody(integration.type, remote.source, remote.parameters, page);
        const credentialId = selectedCredential(this.#session)?.id;
        const answer = await this.#host.request("/sdk/actions", {
          method: "POST",
          body,
          credentialId,
        });
        return readActionPage(answer);
      }
      case "dropdown":
        return pageOfHost(await this.#host.loadDropdown(remote.name, page));
      case "objectTypes": {
        const what = { kind: "objectTypes" as const };
        return pageOfHost(await this.#host.loadMapping(integration, remote.name, what, page));
      }
      case "integrationFields": {
        const what = { kind: "integrationFields" as const, objectType: remote.objectType };
        return pageOfHost(await this.#host.loadMapping(integration, remote.name, what, page));
      }
    }
  }

  webhookUrl(workflowId: string, credentialId: string): Promise<string> {
    return this.#host.webhookUrl(workflowId, credentialId);
  }

  #portal(): Portal | undefined {
    return this.#session.host?.portal;
  }

  #dispatch(action: Action): void {
    const before = this.#session;
    this.#session = reduce(before, action);
    const now = this.#session;
    const isOpen = now.isShown && now.host?.portal !== undefined;
    const wasOpen = before.isShown && before.host?.portal !== undefined;
    if (isOpen !== wasOpen) this.#host.setVisible(isOpen);
    if (isOpen && !wasOpen) this.#host.opened();
    if (now.isOver && !before.isOver) this.#host.dismiss();
    for (const listener of this.#listeners) listener();
  }

  #go(to: ConnectStep, reconnectId?: string, values: Values = {}): void {
    this.#dispatch({ type: "stepped", to, reconnectId });
    const portal = this.#portal();
    if (!portal || to.step !== "oauth") return;
    const request: OAuthRequest = {
      integration: portal.integration,
      accountTypeId: to.accountTypeId,
      values,
      installOptions: this.#installOptions(portal, to.accountTypeId),
    };
    this.#lastOAuth = request;
    this.#host.clearError();
    this.#host
      .beginOAuth(request)
      .catch((error) => this.#dispatch({ type: "failed", failure: asFailure(error) }));
  }

  /** The options of the app for an installation, with the account that is connected again. */
  #installOptions(portal: Portal, accountTypeId?: string): JsonObject {
    const {
      selectedAccountConfig: _,
      selectedMultipleAccountTypes: __,
      ...options
    } = portal.options.raw;
    const reconnectId = this.#session.reconnectId;
    const target = reconnectId
      ? { selectedCredentialId: reconnectId, externalId: undefined }
      : { selectedCredentialId: undefined };
    return { ...options, ...target, ...(accountTypeId ? { accountType: accountTypeId } : {}) };
  }

  async #createCredential(
    portal: Portal,
    path: string,
    values: Values,
    accountTypeId?: string,
  ): Promise<void> {
    const { integration } = portal;
    const skipsSetup = accountTypeOf(integration, accountTypeId)?.skipsSetup ?? false;
    try {
      const answer = await this.#host.request(path, {
        method: "POST",
        body: {
          integrationId: integration.id,
          config: {},
          payload: { ...values, skipPostOAuthInputs: skipsSetup },
          installOptions: this.#installOptions(portal, accountTypeId),
        },
        credentialId: this.#session.reconnectId,
      });
      const credential = isObject(answer) ? readCredential(answer) : undefined;
      if (!credential) throw new Failure("refused", "");
      await this.#host.applyCredential(integration, credential.raw);
      if (credential.status === "VALID") {
        this.#host.announce({
          type: "onIntegrationInstall",
          integrationId: integration.id,
          integrationType: integration.type,
        });
      }
      this.#dispatch({ type: "connected", credential });
    } catch (error) {
      this.#dispatch({ type: "failed", failure: asFailure(error) });
    }
  }

  async #patch(
    credentialId: string,
    change: (credential: Credential, portal: Portal) => JsonObject,
  ): Promise<void> {
    const { portal, credential, configurationId } = this.#target(credentialId);
    const answer = await this.#host.request(
      `/sdk/credentials/${encodeURIComponent(credentialId)}`,
      {
        method: "PATCH",
        body: { config: change(credential, portal) },
        credentialId,
        configurationId,
      },
    );
    if (!isObject(answer)) throw new Failure("refused", "");
    const { errors, ...saved } = answer;
    if (readCredential(saved)) await this.#host.applyCredential(portal.integration, saved);
    const refusals = strings(errors);
    if (refusals.length > 0) throw new Failure("refused", refusals.join(" "));
  }

  #target(credentialId: string): {
    portal: Portal;
    credential: Credential;
    configurationId: string;
  } {
    const portal = this.#portal();
    const credential = portal?.credentials.find(({ id }) => id === credentialId);
    const configuration = credential && portal ? configurationOf(credential, portal) : undefined;
    if (!portal || !credential || !configuration) throw new Failure("refused", "");
    return { portal, credential, configurationId: configuration.id };
  }

  #announceWorkflow(workflowId: string, workflowStateChange: JsonObject): void {
    const portal = this.#portal();
    if (!portal) return;
    this.#host.announce({
      type: "onWorkflowChange",
      integrationId: portal.integration.id,
      integrationType: portal.integration.type,
      workflowId,
      workflowStateChange,
    });
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(write);
    this.#writes = done.catch(() => undefined);
    return done;
  }
}
