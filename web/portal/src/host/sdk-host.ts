// The host of the iframe: the builder's SDK in the page around us, spoken to by postMessage.
//
// Only messages of `window.parent` are heard. The origin of the first one that is an update is
// remembered; later ones must come from there, and answers go nowhere else.

import type { Integration } from "../wire/integration";
import { type JsonObject, list, object, text } from "../wire/read";
import { type HostState, readUpdate } from "../wire/update";
import { asFailure, Failure, failureOf } from "./failure";
import type { Host, HostEvent, OAuthRequest, Page, PageRequest, RequestInit } from "./host";
import { OwnPopup } from "./own-popup";

const CALL_TIMEOUT_MS = 60_000;
const REPEAT_AFTER_MS = 1_000;
const REPEATS_MAX = 20;
/** What a browser says of a function that the SDK, or the app, does not have. */
const NO_METHOD = /is not a function/;

interface Call {
  resolve(result: unknown): void;
  reject(failure: Failure): void;
  timer: ReturnType<typeof setTimeout>;
}

export interface SdkHostOptions {
  window: Window;
  parent: Pick<Window, "postMessage" | "focus">;
}

export class SdkHost implements Host {
  readonly #options: SdkHostOptions;
  readonly #calls = new Map<string, Call>();
  readonly #listeners = new Set<(state: HostState) => void>();
  readonly #ownPopup: OwnPopup;
  #origin?: string;
  #state?: HostState;
  #lastCall = 0;

  /** Listens at once: the first update comes with the `load` event and is not repeated. */
  constructor(options: SdkHostOptions) {
    this.#options = options;
    const call = (method: string, parameters: unknown[]) => this.#call(method, parameters);
    this.#ownPopup = new OwnPopup({ window: options.window, call });
    options.window.addEventListener("message", (event) => this.#receive(event));
  }

  subscribe(listener: (state: HostState) => void): () => void {
    this.#listeners.add(listener);
    if (this.#state) listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  request(path: string, init: RequestInit): Promise<unknown> {
    const headers: Record<string, string> = {};
    if (init.credentialId) headers["X-Paragon-Credential"] = init.credentialId;
    if (init.configurationId) headers["X-Paragon-Configuration-Id"] = init.configurationId;
    return this.#call("sendConnectRequest", [
      path,
      {
        method: init.method,
        headers,
        // The SDK would add the account it has chosen; which one is meant is for us to say.
        skipDefaultCredentialIdHeader: true,
        ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
      },
    ]);
  }

  /**
   * The SDK opens the popup, since it holds the token. When an integration wants inputs first, the
   * SDK opens one only in its headless mode, in which it sends no updates. So the mode is on for
   * that one call; the two messages go out together, or the click would be too long ago.
   */
  async beginOAuth(request: OAuthRequest): Promise<void> {
    const { integration } = request;
    const options = {
      ...request.installOptions,
      ...(request.accountTypeId ? { accountType: request.accountTypeId } : {}),
      endUserSuppliedValues: request.values,
    };
    if (!integration.needsInputsBeforeOAuth) {
      const started = this.#call("startOAuthFlow", [integration.type, options]);
      await started.catch((error) => this.#beginOnOurOwn(request, error));
      return;
    }
    const prepared = this.#call("setHeadless", [true]);
    const started = this.#call("startOAuthFlow", [integration.type, options]);
    try {
      await Promise.all([prepared, started]);
    } catch (error) {
      await this.#beginOnOurOwn(request, error);
    } finally {
      await this.#callUntilHeard("setHeadless", [false]);
      // An update that was not sent meanwhile is sent now.
      this.#tell("setModalState", [{}]);
    }
  }

  /** The popup belongs to the page around us and cannot be closed from here. */
  cancelOAuth(): void {}

  async applyCredential(integration: Integration, credential: JsonObject): Promise<void> {
    await this.#call("updateCredentialData", [credential, integration.raw]);
  }

  async disconnect(integration: Integration, credentialId: string): Promise<void> {
    const options = { selectedCredentialId: credentialId };
    await this.#call("uninstallIntegration", [integration.type, options]);
  }

  announce(event: HostEvent): void {
    this.#tell("triggerSDKEvent", [event]);
  }

  async loadDropdown(key: string, page: PageRequest): Promise<Page> {
    const parameters = [key, page.cursor, page.search];
    const loaded = this.#call("_loadCustomDropdownOptions", parameters);
    // The app that opened the portal brought no options under this key.
    return readPage(await loaded.catch((error) => (isMissing(error) ? {} : Promise.reject(error))));
  }

  async loadMapping(
    integration: Integration,
    key: string,
    what: { kind: "objectTypes" } | { kind: "integrationFields"; objectType: string },
    page: PageRequest,
  ): Promise<Page> {
    const objectType = what.kind === "integrationFields" ? what.objectType : undefined;
    const options = { objectType, cursor: page.cursor, search: page.search };
    const parameters = [integration.type, what.kind, key, options];
    return readPage(await this.#call("_fetchBYOFieldMappingOptions", parameters));
  }

  async webhookUrl(workflowId: string, credentialId: string): Promise<string> {
    return (
      text(await this.#call("getCustomWebhookUserManualUrl", [workflowId, credentialId])) ?? ""
    );
  }

  clearError(): void {
    this.#tell("setModalState", [{ connectionError: undefined }]);
  }

  dismiss(): void {
    this.#tell("setModalState", [{ integration: null }]);
  }

  setVisible(isVisible: boolean): void {
    this.#tell("updateContainerStyle", [{ isModalShown: isVisible }]);
    // The keys follow: into the portal when it opens, back to the app when it closes.
    if (isVisible) this.#options.window.focus();
    else this.#options.parent.focus();
  }

  opened(): void {
    this.#tell("onOpen", []);
  }

  closed(): void {
    this.#tell("onClose", [true]);
  }

  #tell(method: string, parameters: unknown[]): void {
    this.#call(method, parameters).catch((error) => {
      console.error(`the SDK could not run ${method}`, asFailure(error).message);
    });
  }

  /** The first versions of the SDK have no way to open the window for us. */
  async #beginOnOurOwn(request: OAuthRequest, error: unknown): Promise<void> {
    if (!isMissing(error)) throw error;
    await this.#ownPopup.begin(request, this.#state?.portal?.redirectUrl);
  }

  /** Repeats a call that may be repeated: Chromium can lose a message while a popup opens. */
  async #callUntilHeard(method: string, parameters: unknown[]): Promise<void> {
    for (let attempt = 0; attempt < REPEATS_MAX; attempt += 1) {
      const failure = await this.#call(method, parameters, REPEAT_AFTER_MS).then(
        () => undefined,
        asFailure,
      );
      if (failure?.kind !== "timeout") return;
    }
  }

  #call(type: string, parameters: unknown[], timeoutMs?: number): Promise<unknown> {
    const origin = this.#origin;
    if (!origin) return Promise.reject(new Failure("refused", ""));
    this.#lastCall += 1;
    const id = `portal-${this.#lastCall}`;
    return new Promise((resolve, reject) => {
      const expire = () => {
        this.#calls.delete(id);
        reject(new Failure("timeout", ""));
      };
      const timer = setTimeout(expire, timeoutMs ?? CALL_TIMEOUT_MS);
      this.#calls.set(id, { resolve, reject, timer });
      const message = { messageType: "SDK_FUNCTION_INVOCATION", type, id, parameters };
      this.#options.parent.postMessage(message, origin);
    });
  }

  #receive(event: MessageEvent): void {
    if (event.source !== (this.#options.parent as unknown)) return;
    if (this.#origin !== undefined && event.origin !== this.#origin) return;
    const data = object(event.data);
    switch (data.messageType) {
      case "UI_UPDATE":
        this.#update(data, event.origin);
        break;
      case "SDK_FUNCTION_RESPONSE":
        this.#settle(data, (call) => call.resolve(data.result));
        break;
      case "SDK_FUNCTION_ERROR":
        this.#settle(data, (call) => call.reject(failureOf(text(data.message) ?? "")));
        break;
    }
  }

  #update(data: JsonObject, origin: string): void {
    const state = readUpdate(data.nextContext, data.nextModalState);
    if (!state || !/^https?:\/\//.test(origin)) return;
    this.#origin = origin;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  #settle(data: JsonObject, settle: (call: Call) => void): void {
    const id = text(data.id) ?? "";
    const call = this.#calls.get(id);
    if (!call || !this.#origin) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    settle(call);
  }
}

function isMissing(error: unknown): boolean {
  return NO_METHOD.test(asFailure(error).message);
}

export function readPage(value: unknown): Page {
  const page = object(value);
  const options = list(page.options ?? page.records).flatMap((entry) => {
    const option = object(entry);
    const optionValue = text(option.value);
    if (optionValue === undefined) return [];
    return [{ value: optionValue, label: text(option.label) ?? optionValue }];
  });
  return { options, nextCursor: text(page.nextPageCursor) };
}
