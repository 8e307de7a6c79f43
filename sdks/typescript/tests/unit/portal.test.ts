// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { connect, type PortalOptions } from "../../src/index.js";
import { type Asked, account, FakeServer, json, refused } from "./fake-server.js";

const INPUTS = [
  { id: "team", title: "Team", type: "CUSTOM_DROPDOWN", key: "teams" },
  { id: "person", title: "Person", type: "CUSTOM_DROPDOWN", key: "people" },
  { id: "text", title: "Text", type: "TEXT_NO_VARS" },
];

const INTEGRATION = {
  id: "i-1",
  type: "slack",
  name: "Slack",
  isActive: true,
  workflows: [{ id: "w-1", description: "Hello", customWebhookTriggerId: "t-1" }],
  configs: [
    { values: { sharedMeta: { inputs: INPUTS }, workflowMeta: { "w-1": { inputs: INPUTS } } } },
  ],
  sdkIntegrationConfig: null,
};

function me() {
  return {
    authenticated: true,
    userId: "u",
    meta: {},
    project: { id: "p", branding: { name: "Acorn" } },
    integrations: {
      slack: { enabled: true, credentialId: "a-1", allCredentials: [account("a-1")] },
    },
  };
}

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

/** A portal whose page is the test: `invoke` does what the page does, `messages` is what it gets. */
async function opened(options: PortalOptions = {}, answer?: (asked: Asked) => Response) {
  const server = new FakeServer().always((asked) => {
    if (asked.path.endsWith("/sdk/me")) return json(me());
    if (asked.path.endsWith("/sdk/integrations")) return json([INTEGRATION]);
    return answer?.(asked) ?? json({});
  });
  const url = "https://t.example";
  const client = connect({ url, projectId: "p", token: "secret", fetch: server.fetch });
  const opening = client.openPortal("slack", options);
  await vi.waitFor(() => expect(document.querySelector("iframe")).not.toBeNull());
  const frame = document.querySelector("iframe") as HTMLIFrameElement;
  const source = frame.contentWindow as Window;
  const messages: Record<string, unknown>[] = [];
  const origins: unknown[] = [];
  vi.spyOn(source, "postMessage").mockImplementation(((message: never, origin: unknown) => {
    messages.push(message);
    origins.push(origin);
  }) as typeof source.postMessage);
  const send = (data: unknown, from: { origin?: string; source?: unknown } = {}) => {
    const event = new MessageEvent("message", { data, origin: from.origin ?? url });
    Object.defineProperty(event, "source", { value: from.source ?? source });
    window.dispatchEvent(event);
  };
  let lastId = 0;
  const invoke = async (type: string, ...parameters: unknown[]) => {
    lastId += 1;
    const id = `portal-${lastId}`;
    send({ messageType: "SDK_FUNCTION_INVOCATION", type, id, parameters });
    return await vi.waitFor(() => {
      const reply = messages.find((message) => message.id === id);
      if (!reply) throw new Error(`no reply to ${type}`);
      return reply;
    });
  };
  const updates = () => messages.filter(({ messageType }) => messageType === "UI_UPDATE");
  frame.dispatchEvent(new Event("load"));
  await invoke("updateContainerStyle", { isModalShown: true });
  await invoke("onOpen");
  return { client, server, portal: await opening, frame, messages, origins, send, invoke, updates };
}

type Update = {
  nextContext: {
    user: ReturnType<typeof me>;
    environments: object;
    endUserIntegrationConfig: object;
  };
  nextModalState: Record<string, unknown> & {
    config: {
      sharedMeta: { inputs: object[] };
      workflowMeta: Record<string, { inputs: object[] }>;
    };
  };
};

function lastOf(updates: Record<string, unknown>[]): Update {
  return updates.at(-1) as unknown as Update;
}

test("the page is framed, told everything but the token, and shown", async () => {
  const people = { loadOptions: async () => ({ options: [] }), refreshOnOpen: true };
  const teams = [{ label: "One", value: "1" }];
  const onOpened = vi.fn();
  const { frame, messages, origins, updates } = await opened({
    dropdowns: { teams, people },
    mapFields: { Task: [{ label: "Title", value: "title" }] },
    account: "a-1",
    configuration: "c-1",
    allowMultiple: true,
    onOpened,
  });
  expect(frame.src).toBe("https://t.example/ui?projectId=p");
  expect(frame.title).toBe("Connect Slack");
  expect(frame.style.display).toBe("block");
  expect(onOpened).toHaveBeenCalledOnce();
  expect(new Set(origins)).toEqual(new Set(["https://t.example"]));
  expect(JSON.stringify(messages)).not.toContain("secret");
  const { nextContext, nextModalState } = lastOf(updates());
  expect(nextContext.user.userId).toBe("u");
  expect(nextContext.environments).toEqual({ CDN_PUBLIC_URL: "https://t.example" });
  expect(nextContext.endUserIntegrationConfig).toEqual({
    mapObjectFields: { Task: { fields: [{ label: "Title", value: "title" }] } },
  });
  expect(nextModalState).toMatchObject({
    integration: { type: "slack" },
    selectedCredentialId: "a-1",
    apiInstallationOptions: { allowMultipleCredentials: true, selectedConfigurationId: "c-1" },
  });
  for (const { inputs } of [
    nextModalState.config.sharedMeta,
    nextModalState.config.workflowMeta["w-1"] ?? { inputs: [] },
  ]) {
    expect(inputs).toEqual([
      { ...INPUTS[0], customDropdownOptions: teams },
      { ...INPUTS[1], customDropdownOptions: [], refreshOnOpen: true },
      INPUTS[2],
    ]);
  }
});

test("only the page is heard, from its own origin", async () => {
  const { send, messages, server } = await opened();
  const [replies, asked] = [messages.length, server.asked.length];
  const call = (id: string) => ({
    messageType: "SDK_FUNCTION_INVOCATION",
    type: "sendConnectRequest",
    id,
    parameters: ["/sdk/me", { method: "GET" }],
  });
  send(call("1"), { origin: "https://evil.example" });
  send(call("2"), { source: window });
  send({ ...call("3"), messageType: "OTHER" });
  send("text");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(messages.length).toBe(replies);
  expect(server.asked.length).toBe(asked);
});

test("only the methods of the protocol run", async () => {
  const { invoke } = await opened();
  for (const type of ["authenticate", "constructor", "__proto__", "toString", "request", ""]) {
    expect(await invoke(type), type).toMatchObject({ messageType: "SDK_FUNCTION_ERROR" });
  }
});

test("the page calls the user's routes of this project, and nothing else", async () => {
  const { invoke, server } = await opened({}, () => json({ ok: true }));
  const init = {
    method: "PATCH",
    headers: { "X-Paragon-Credential": "a-1", "X-Paragon-Configuration-Id": "c-1", "X-Other": "x" },
    body: '{"config":{}}',
  };
  const reply = await invoke("sendConnectRequest", "/sdk/credentials/a-1", init);
  expect(reply).toMatchObject({ messageType: "SDK_FUNCTION_RESPONSE", result: { ok: true } });
  const { last } = server;
  expect(last).toMatchObject({
    method: "PATCH",
    path: "/projects/p/sdk/credentials/a-1",
    body: { config: {} },
  });
  expect(last.headers.get("authorization")).toBe("Bearer secret");
  expect(last.headers.get("x-paragon-credential")).toBe("a-1");
  expect(last.headers.get("x-paragon-configuration-id")).toBe("c-1");
  expect(last.headers.has("x-other")).toBe(false);

  const asked = server.asked.length;
  for (const path of [
    "/api/v1/projects",
    "sdk/me",
    "//evil.example/sdk/me",
    "/sdk/../../../api",
    "/sdk/..\\..\\x",
    "https://evil.example/sdk/",
    7,
  ]) {
    const refusal = await invoke("sendConnectRequest", path, { method: "GET" });
    expect(refusal, String(path)).toMatchObject({ messageType: "SDK_FUNCTION_ERROR" });
  }
  const strange = await invoke("sendConnectRequest", "/sdk/me", { method: "TRACE" });
  expect(strange).toMatchObject({ messageType: "SDK_FUNCTION_ERROR" });
  expect(server.asked.length).toBe(asked);
});

test("the page learns why a call failed", async () => {
  const meta = { isIntegrationError: true, message: "Slack refused this key." };
  let answer = () => refused(422, "credential_invalid", meta);
  const { invoke } = await opened({}, () => answer());
  const reply = await invoke("sendConnectRequest", "/sdk/credentials", { method: "POST" });
  expect(JSON.parse(String(reply.message))).toMatchObject({ code: "credential_invalid", meta });
  answer = () => {
    throw new TypeError("fetch failed");
  };
  const lost = await invoke("sendConnectRequest", "/sdk/credentials", { method: "POST" });
  expect(lost.message).toBe("Failed to fetch");
});

test("a session that ends is shown", async () => {
  const { invoke, updates } = await opened({}, () => refused(401, "unauthorized"));
  await invoke("sendConnectRequest", "/sdk/credentials", { method: "POST" });
  expect(lastOf(updates()).nextContext.user.authenticated).toBe(false);
});

test("an account that the page made is part of the state, and announced", async () => {
  const onConnected = vi.fn();
  const { invoke, updates } = await opened({ onConnected });
  const made = account("a-2");
  await invoke("updateCredentialData", made, INTEGRATION);
  const { slack } = lastOf(updates()).nextContext.user.integrations;
  expect(slack.allCredentials.map(({ id }) => id)).toEqual(["a-1", "a-2"]);
  expect(slack.credentialId).toBe("a-2");
  expect(onConnected).not.toHaveBeenCalled();
  await invoke("triggerSDKEvent", { type: "onIntegrationInstall", integrationType: "slack" });
  expect(onConnected).toHaveBeenCalledExactlyOnceWith(made);
});

test("workflows that the user switches are announced", async () => {
  const onWorkflowChanged = vi.fn();
  const { client, invoke } = await opened({ onWorkflowChanged });
  const heard = vi.fn();
  client.subscribe("workflowChanged", heard);
  const change = { enabled: true };
  const event = { type: "onWorkflowChange", workflowId: "w-1", workflowStateChange: change };
  await invoke("triggerSDKEvent", event);
  const expected = { integration: "slack", workflowId: "w-1", change };
  expect(onWorkflowChanged).toHaveBeenCalledWith(expected);
  expect(heard).toHaveBeenCalledWith(expected);
});

test("an account is disconnected", async () => {
  const onDisconnected = vi.fn();
  const { invoke, server, updates } = await opened({ onDisconnected, account: "a-1" });
  await invoke("uninstallIntegration", "slack", { selectedCredentialId: "a-1" });
  expect(server.last).toMatchObject({
    method: "DELETE",
    path: "/projects/p/sdk/integrations/i-1",
  });
  expect(server.last.headers.get("x-paragon-credential")).toBe("a-1");
  const { nextContext, nextModalState } = lastOf(updates());
  expect(nextContext.user.integrations.slack).toMatchObject({ enabled: false, allCredentials: [] });
  expect(nextModalState.selectedCredentialId).toBeUndefined();
  expect(onDisconnected).toHaveBeenCalledWith("a-1");
  const asked = server.asked.length;
  const nobody = await invoke("uninstallIntegration", "slack", {});
  expect(nobody).toMatchObject({ messageType: "SDK_FUNCTION_ERROR" });
  expect(server.asked.length).toBe(asked);
});

test("the provider's window opens for the page, and its account arrives", async () => {
  const popup = { closed: false, location: { href: "" }, close: vi.fn() };
  vi.spyOn(window, "open").mockReturnValue(popup as unknown as Window);
  const onConnected = vi.fn();
  const made = account("a-3");
  const answer = ({ path }: Asked) => {
    if (path.startsWith("/v2/")) return json({ redirectUrl: "https://t.example/oauth/start/x" });
    return path.includes("session-id") ? json({ connectCredentialId: "a-3" }) : json(made);
  };
  const { invoke, server, updates } = await opened({ onConnected }, answer);
  const options = { accountType: "oauth", endUserSuppliedValues: { subdomain: "acorn" } };
  const reply = await invoke("startOAuthFlow", "slack", options);
  expect(reply).toMatchObject({ messageType: "SDK_FUNCTION_RESPONSE" });
  await vi.waitFor(() => expect(onConnected).toHaveBeenCalledWith(made), { timeout: 4_000 });
  const build = server.asked.find(({ path }) => path.startsWith("/v2/"));
  expect(build?.url.searchParams.get("installOptions")).toBe('{"accountType":"oauth"}');
  expect(build?.url.searchParams.get("endUserSuppliedValues")).toBe('{"subdomain":"acorn"}');
  expect(lastOf(updates()).nextContext.user.integrations.slack.allCredentials).toHaveLength(2);
});

test("a blocked window and a refusal reach the page", async () => {
  vi.spyOn(window, "open").mockReturnValue(null);
  const { invoke, updates } = await opened({}, () => refused(409, "integration_inactive"));
  const blocked = await invoke("startOAuthFlow", "slack", {});
  expect(blocked).toMatchObject({ messageType: "SDK_FUNCTION_ERROR" });
  expect(String(blocked.message)).toMatch(/popup.*blocked/);
  const popup = { closed: false, location: { href: "" }, close: vi.fn() };
  vi.mocked(window.open).mockReturnValue(popup as unknown as Window);
  await invoke("startOAuthFlow", "slack", {});
  await vi.waitFor(() =>
    expect(lastOf(updates()).nextModalState.connectionError).toEqual({
      message: "refused: integration_inactive",
    }),
  );
  await invoke("setModalState", { connectionError: undefined });
  expect(lastOf(updates()).nextModalState.connectionError).toBeUndefined();
});

test("the app loads options that it promised", async () => {
  const loadOptions = vi.fn(async () => ({
    options: [{ label: "Ada", value: "ada" }],
    nextPageCursor: "2",
  }));
  const get = vi.fn(async () => ({ options: [{ label: "Issue", value: "issue" }] }));
  const { invoke } = await opened({
    dropdowns: { people: { loadOptions } },
    mapFields: {
      Task: { applicationFields: { fields: [] }, objectTypes: { get }, integrationFields: { get } },
    },
  });
  const people = await invoke("_loadCustomDropdownOptions", "people", "c", "ad");
  expect(people.result).toEqual(await loadOptions.mock.results[0]?.value);
  expect(loadOptions).toHaveBeenCalledWith("c", "ad");
  const page = { objectType: "issue", cursor: undefined, search: "s" };
  await invoke("_fetchBYOFieldMappingOptions", "slack", "integrationFields", "Task", page);
  expect(get).toHaveBeenLastCalledWith({ objectType: "issue", cursor: undefined, search: "s" });
  for (const name of ["nobody", "__proto__", "constructor"]) {
    const missing = await invoke("_loadCustomDropdownOptions", name);
    expect(missing, name).toMatchObject({ messageType: "SDK_FUNCTION_ERROR" });
  }
  const url = await invoke("getCustomWebhookUserManualUrl", "w-1", "a-1");
  expect(url.result).toBe("https://t.example/triggers/connect/p/i-1/custom-triggers/t-1?id=a-1");
});

test("closing takes everything away", async () => {
  const onClosed = vi.fn();
  const { client, portal, send, server, invoke } = await opened({ onClosed });
  const heard = vi.fn();
  client.subscribe("portalClosed", heard);
  void invoke("onClose", true).catch(() => undefined);
  await portal.closed;
  expect(document.querySelector("iframe")).toBeNull();
  expect(onClosed).toHaveBeenCalledOnce();
  expect(heard).toHaveBeenCalledWith({ integration: "slack" });
  portal.close();
  expect(onClosed).toHaveBeenCalledOnce();
  const asked = server.asked.length;
  const parameters = ["/sdk/me", { method: "GET" }];
  send({ messageType: "SDK_FUNCTION_INVOCATION", type: "sendConnectRequest", id: "x", parameters });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(server.asked.length).toBe(asked);
});

test("a second portal closes the first", async () => {
  const { client, portal } = await opened();
  const closed = vi.fn();
  void portal.closed.then(closed);
  void client.openPortal("slack").catch(() => undefined);
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
});

test("an integration that the project does not have is told", async () => {
  const server = new FakeServer().next(json(me()), json([INTEGRATION]));
  const url = "https://t.example";
  const client = connect({ url, projectId: "p", token: "t", fetch: server.fetch });
  await expect(client.openPortal("nothing")).rejects.toMatchObject({ code: "integration_unknown" });
  expect(document.querySelector("iframe")).toBeNull();
});
