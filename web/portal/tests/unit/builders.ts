// Records of the wire for tests; each test says only what it is about.

import { Failure } from "../../src/host/failure";
import type { Host } from "../../src/host/host";
import { type Input, readInput } from "../../src/wire/input";
import type { JsonObject } from "../../src/wire/read";
import { type HostState, readUpdate } from "../../src/wire/update";

export function input(parts: JsonObject): Input {
  const read = readInput({ id: "field", title: "Field", type: "TEXT_NO_VARS", ...parts });
  if (!read) throw new Error("not an input");
  return read;
}

export function credential(id: string, parts: JsonObject = {}): JsonObject {
  return {
    id,
    status: "VALID",
    dateUpdated: "2026-01-01T00:00:00Z",
    providerData: {},
    configurations: [{ id: `${id}-c`, isDefault: true, sharedSettings: {}, workflowSettings: {} }],
    ...parts,
  };
}

export interface UpdateParts {
  integration?: JsonObject;
  sdk?: JsonObject;
  credentials?: JsonObject[];
  values?: JsonObject;
  modal?: JsonObject;
  options?: JsonObject;
}

/** The two halves of a `UI_UPDATE` for one integration named "acme". */
export function message(parts: UpdateParts = {}): { context: JsonObject; modal: JsonObject } {
  const credentials = parts.credentials ?? [];
  const state = { allCredentials: credentials, credentialId: credentials[0]?.id };
  return {
    context: {
      user: {
        authenticated: true,
        token: "secret-token",
        userId: "u",
        integrations: { acme: state },
      },
      environments: { CDN_PUBLIC_URL: "https://cdn.example" },
      project: { id: "p" },
    },
    modal: {
      integration: {
        id: "i-1",
        type: "acme",
        name: "Acme",
        authenticationType: "oauth",
        workflows: [],
        sdkIntegrationConfig: parts.sdk ?? {},
        ...parts.integration,
      },
      config: parts.values ?? {},
      apiInstallationOptions: parts.options ?? {},
      ...parts.modal,
    },
  };
}

export function state(parts: UpdateParts = {}): HostState {
  const { context, modal } = message(parts);
  const read = readUpdate(context, modal);
  if (!read) throw new Error("not an update");
  return read;
}

/** A host that remembers what it was told. Requests are answered by `answers`, by path. */
export class FakeHost implements Host {
  readonly told: string[] = [];
  readonly requests: { path: string; method: string; body: unknown; credentialId?: string }[] = [];
  answers: Record<string, unknown> = {};
  oauthFailure?: Failure;
  /** Requests are answered when this is done. */
  gate: Promise<void> = Promise.resolve();
  #listener: (state: HostState) => void = () => {};

  send(host: HostState): void {
    this.#listener(host);
  }

  subscribe(listener: (state: HostState) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  async request(path: string, init: Parameters<Host["request"]>[1]): Promise<unknown> {
    const { method, body, credentialId } = init;
    this.requests.push({ path, method, body, credentialId });
    await this.gate;
    const answer = this.answers[`${method} ${path}`];
    if (answer instanceof Failure) throw answer;
    return answer;
  }

  async beginOAuth(): Promise<void> {
    this.told.push("beginOAuth");
    if (this.oauthFailure) throw this.oauthFailure;
  }

  cancelOAuth(): void {}

  async applyCredential(_integration: unknown, applied: JsonObject): Promise<void> {
    this.told.push(`apply ${applied.id}`);
  }

  async disconnect(_integration: unknown, credentialId: string): Promise<void> {
    this.told.push(`disconnect ${credentialId}`);
  }

  announce(event: { type: string }): void {
    this.told.push(event.type);
  }

  loadDropdown = () => Promise.resolve({ options: [] });
  loadMapping = () => Promise.resolve({ options: [] });
  webhookUrl = () => Promise.resolve("https://hooks.example/1");
  clearError = () => void this.told.push("clearError");
  setVisible = (isVisible: boolean) => void this.told.push(`visible ${isVisible}`);
  opened = () => void this.told.push("opened");
  closed = () => void this.told.push("closed");
  dismiss = () => void this.told.push("dismiss");
}
