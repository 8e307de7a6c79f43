// The portal: an iframe of Tenon's page over the app, and the calls that the page asks us to make.
//
// The page has no token. It speaks by messages, and only the methods of `#methods` run for it: calls
// of this project's own routes, the provider's window, and what the app gave for its inputs.

import { isRecord, TenonError } from "../errors.js";
import type { ConnectOptions } from "./accounts.js";
import { installOptionsOf } from "./accounts.js";
import type { Emitter, EventMap } from "./emitter.js";
import { tell } from "./emitter.js";
import { accountOf, openWindow } from "./popup.js";
import type { PortalInputs, PortalState } from "./portal-state.js";
import { isAccount, updateOf, withAccount, withoutAccount } from "./portal-state.js";
import type { Session } from "./session.js";
import type { Account, ConnectedUser, Integration } from "./wire.js";

const SHOWN_WITHIN_MS = 20_000;
const STYLE =
  "width:100%;height:100%;top:0;left:0;border:0;margin:0;z-index:2147483647;display:none;";
const METHODS = new Set(["GET", "POST", "PATCH", "DELETE"]);

export interface PortalOptions
  extends PortalInputs,
    Pick<ConnectOptions, "accountType" | "allowMultiple" | "externalId"> {
  /** The account to show, where the user has several. */
  account?: string;
  /** The configuration whose settings are shown. */
  configuration?: string;
  /** Where to put the portal; without it, it covers the page. */
  container?: HTMLElement;
  onOpened?(): void;
  onConnected?(account: Account): void;
  onDisconnected?(accountId: string): void;
  onWorkflowChanged?(event: EventMap["workflowChanged"]): void;
  onClosed?(): void;
}

/** A portal that is open. */
export interface Portal {
  readonly integration: string;
  /** Resolves when it is closed, by whomever. */
  readonly closed: Promise<void>;
  close(): void;
}

type Method = (...parameters: unknown[]) => unknown;

export class PortalFrame implements Portal {
  readonly integration: string;
  readonly closed: Promise<void>;
  readonly #session: Session;
  readonly #emitter: Emitter;
  readonly #options: PortalOptions;
  readonly #frame: HTMLIFrameElement;
  readonly #origin: string;
  readonly #focused = document.activeElement;
  #state: PortalState;
  #popup?: AbortController;
  #isClosed = false;
  #onShown: () => void = () => undefined;
  #onClosed: () => void = () => undefined;

  constructor(
    session: Session,
    emitter: Emitter,
    about: { user: ConnectedUser; integration: Integration },
    options: PortalOptions,
  ) {
    this.integration = about.integration.type;
    this.#session = session;
    this.#emitter = emitter;
    this.#options = options;
    const base = session.base("portal");
    this.#origin = new URL(base).origin;
    this.#frame = frameOf(`${base}/ui`, session.projectId, about.integration.name, options);
    this.#state = {
      ...about,
      inputs: options,
      installOptions: {
        ...installOptionsOf(options),
        ...(options.configuration ? { selectedConfigurationId: options.configuration } : {}),
      },
      account: options.account,
    };
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** Shows it; fails when the page does not come. */
  async open(): Promise<void> {
    window.addEventListener("message", this.#receive);
    this.#frame.addEventListener("load", () => this.#publish());
    (this.#options.container ?? document.body).append(this.#frame);
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#onShown = resolve;
        const fail = () => reject(new TenonError("portal_failed", "the portal did not load"));
        timer = setTimeout(fail, SHOWN_WITHIN_MS);
        void this.closed.then(resolve);
      });
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#popup?.abort();
    window.removeEventListener("message", this.#receive);
    this.#frame.remove();
    if (this.#focused instanceof HTMLElement) this.#focused.focus();
    this.#onClosed();
    this.#emitter.emit("portalClosed", { integration: this.integration });
    tell(this.#options.onClosed, undefined);
  }

  /** What the page may ask for, by the names of the portal's protocol. */
  readonly #methods: Record<string, Method> = {
    updateContainerStyle: (style) => this.#show(isRecord(style) && style.isModalShown === true),
    onOpen: () => this.#opened(),
    onClose: () => this.close(),
    sendConnectRequest: (path, init) => this.#request(path, init),
    updateCredentialData: (account) => this.#apply(account),
    startOAuthFlow: (_type, options) => this.#startOAuth(options),
    // Windows are always ours to open here, so there is no mode to change.
    setHeadless: () => undefined,
    uninstallIntegration: (_type, options) => this.#disconnect(options),
    triggerSDKEvent: (event) => this.#announce(event),
    setModalState: (change) => this.#change(change),
    _loadCustomDropdownOptions: (key, cursor, search) => this.#dropdown(key, cursor, search),
    _fetchBYOFieldMappingOptions: (_type, kind, key, page) => this.#mapping(kind, key, page),
    getCustomWebhookUserManualUrl: (workflow, account) => this.#webhookUrl(workflow, account),
  };

  readonly #receive = (event: MessageEvent): void => {
    if (event.source !== this.#frame.contentWindow || event.origin !== this.#origin) return;
    const { data } = event;
    if (!isRecord(data) || data.messageType !== "SDK_FUNCTION_INVOCATION") return;
    void this.#invoke(String(data.type), data.id, data.parameters);
  };

  async #invoke(type: string, id: unknown, parameters: unknown): Promise<void> {
    try {
      if (!Object.hasOwn(this.#methods, type)) throw new Error(`there is no method ${type}`);
      const given = Array.isArray(parameters) ? parameters : [];
      const result = await this.#methods[type]?.(...given);
      this.#post({ messageType: "SDK_FUNCTION_RESPONSE", id, type, result });
    } catch (error) {
      const message = messageOf(error);
      this.#post({ messageType: "SDK_FUNCTION_ERROR", id, type, error: true, message });
    }
  }

  #publish(): void {
    const assets = this.#session.base("assets");
    this.#post(updateOf(this.#state, this.#session.projectId, assets));
  }

  /** As JSON would have it: what the app gave may have functions in it, which messages refuse. */
  #post(message: object): void {
    const plain: unknown = JSON.parse(JSON.stringify(message));
    this.#frame.contentWindow?.postMessage(plain, this.#origin);
  }

  #set(change: Partial<PortalState>): void {
    this.#state = { ...this.#state, ...change };
    this.#publish();
  }

  #show(isShown: boolean): void {
    this.#frame.style.display = isShown ? "block" : "none";
    if (isShown) this.#frame.focus();
  }

  #opened(): void {
    this.#onShown();
    this.#emitter.emit("portalOpened", { integration: this.integration });
    tell(this.#options.onOpened, undefined);
  }

  async #request(path: unknown, init: unknown): Promise<unknown> {
    const given = isRecord(init) ? init : {};
    const method = String(given.method ?? "GET");
    const url = addressOf(this.#session, path);
    if (!url || !METHODS.has(method)) throw new Error("the portal may not call this");
    const headers = new Headers(
      isRecord(given.headers) ? (given.headers as Record<string, string>) : {},
    );
    const account = headers.get("X-Paragon-Credential") ?? undefined;
    const configuration = headers.get("X-Paragon-Configuration-Id") ?? undefined;
    try {
      const response = await this.#session.ask(url, {
        method,
        account,
        configuration,
        headers: { "Content-Type": "application/json" },
        body: typeof given.body === "string" ? given.body : undefined,
      });
      return await response.json().catch(() => undefined);
    } catch (error) {
      if (error instanceof TenonError && error.status === 401 && !error.isIntegrationError) {
        this.#set({ user: { ...this.#state.user, authenticated: false } });
      }
      throw error;
    }
  }

  #apply(account: unknown): void {
    if (!isAccount(account)) return;
    this.#last = account;
    const user = withAccount(this.#state.user, this.integration, account);
    this.#set({ user, connectionError: undefined });
  }

  /** The account that came last: the one that an announced installation is about. */
  #last?: Account;

  /** Opens the window; the account comes with a later update. */
  #startOAuth(options: unknown): void {
    const { endUserSuppliedValues, ...installOptions } = isRecord(options) ? options : {};
    this.#popup?.abort();
    const popup = openWindow();
    const attempt = new AbortController();
    this.#popup = attempt;
    const { integration } = this.#state;
    const fields = isRecord(endUserSuppliedValues) ? endUserSuppliedValues : {};
    const request = {
      integration: integration.id,
      fields,
      installOptions,
      signal: attempt.signal,
    };
    accountOf(this.#session, popup, request).then(
      (account) => {
        if (attempt.signal.aborted) return;
        this.#apply(account);
        if (account.status === "VALID") this.#connected(account);
      },
      (error: unknown) => {
        if (attempt.signal.aborted) return;
        this.#set({ connectionError: { message: textOf(error) } });
      },
    );
  }

  #connected(account: Account): void {
    this.#emitter.emit("connected", { integration: this.integration, account });
    tell(this.#options.onConnected, account);
  }

  async #disconnect(options: unknown): Promise<void> {
    const account = isRecord(options) ? options.selectedCredentialId : undefined;
    if (typeof account !== "string") throw new Error("no account is named");
    const { id } = this.#state.integration;
    await this.#session.call(`/integrations/${id}`, { method: "DELETE", account });
    const isChosen = this.#state.account === account;
    this.#set({
      user: withoutAccount(this.#state.user, this.integration, account),
      ...(isChosen ? { account: undefined } : {}),
    });
    const event = { integration: this.integration, accountId: account };
    this.#emitter.emit("disconnected", event);
    tell(this.#options.onDisconnected, account);
  }

  #announce(said: unknown): void {
    if (!isRecord(said)) return;
    if (said.type === "onIntegrationInstall" && this.#last) this.#connected(this.#last);
    if (said.type !== "onWorkflowChange" || typeof said.workflowId !== "string") return;
    const change = isRecord(said.workflowStateChange) ? said.workflowStateChange : {};
    const event = { integration: this.integration, workflowId: said.workflowId, change };
    this.#emitter.emit("workflowChanged", event);
    tell(this.#options.onWorkflowChanged, event);
  }

  #change(change: unknown): void {
    if (!isRecord(change)) return;
    if (change.integration === null) this.close();
    else if ("connectionError" in change) this.#set({ connectionError: undefined });
    else this.#publish();
  }

  async #dropdown(key: unknown, cursor: unknown, search: unknown): Promise<unknown> {
    const dropdown = own(this.#options.dropdowns, key);
    if (!dropdown) throw new Error(`the app gave no dropdown ${String(key)}`);
    if (Array.isArray(dropdown)) return { options: dropdown };
    return await dropdown.loadOptions(textIn(cursor), textIn(search));
  }

  async #mapping(kind: unknown, key: unknown, page: unknown): Promise<unknown> {
    const mapping = own(this.#options.mapFields, key);
    if (!mapping || Array.isArray(mapping) || !("objectTypes" in mapping)) {
      throw new Error(`the app loads no fields of ${String(key)}`);
    }
    const asked = isRecord(page) ? page : {};
    const request = { cursor: textIn(asked.cursor), search: textIn(asked.search) };
    if (kind === "objectTypes") return await mapping.objectTypes.get(request);
    const objectType = textIn(asked.objectType) ?? "";
    return await mapping.integrationFields.get({ ...request, objectType });
  }

  /** Where the provider can send events of this user. */
  #webhookUrl(workflowId: unknown, account: unknown): string {
    const { integration } = this.#state;
    const workflow = integration.workflows.find(({ id }) => id === workflowId);
    const trigger = workflow?.customWebhookTriggerId;
    if (typeof trigger !== "string") return "";
    const { projectId } = this.#session;
    const path = `triggers/connect/${projectId}/${integration.id}/custom-triggers/${trigger}`;
    return `${this.#session.base("events")}/${path}?id=${encodeURIComponent(String(account))}`;
  }
}

function frameOf(
  url: string,
  projectId: string,
  name: string,
  options: PortalOptions,
): HTMLIFrameElement {
  const frame = document.createElement("iframe");
  frame.src = `${url}?projectId=${encodeURIComponent(projectId)}`;
  frame.title = `Connect ${name}`;
  frame.allow = "clipboard-write";
  frame.style.cssText = `${STYLE}position:${options.container ? "absolute" : "fixed"};`;
  return frame;
}

/** The address of a path that the page named, if it is one of this project's user routes. */
function addressOf(session: Session, path: unknown): string | undefined {
  if (typeof path !== "string" || !path.startsWith("/sdk/")) return undefined;
  const root = session.url("/");
  const url = new URL(root.replace(/\/sdk\/$/, path));
  return url.href.startsWith(new URL(root).href) ? url.href : undefined;
}

/** An error in the form that the page reads: the JSON of an error body, or a known text. */
function messageOf(error: unknown): string {
  if (!(error instanceof TenonError)) return textOf(error);
  const { code, message, status, meta } = error;
  if (code === "network" || code === "timeout") return "Failed to fetch";
  if (code === "popup_blocked") return "the OAuth popup was blocked";
  return JSON.stringify({ message, code, status, meta });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A member that the app gave; names from the page reach nothing that was inherited. */
function own<Value>(given: Record<string, Value> | undefined, key: unknown): Value | undefined {
  const name = String(key);
  return given && Object.hasOwn(given, name) ? given[name] : undefined;
}
