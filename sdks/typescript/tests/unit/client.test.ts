import { expect, test, vi } from "vitest";
import { connect, TenonError } from "../../src/index.js";
import { account, configuration, FakeServer, json, refused } from "./fake-server.js";

function started(server = new FakeServer()) {
  const client = connect({
    url: "https://t.example",
    projectId: "p-1",
    token: "t",
    fetch: server.fetch,
  });
  return { server, client };
}

const target = { account: "ext:größe", configuration: "ext:team" };

test("a call names the account and the configuration", async () => {
  const { server, client } = started();
  server.next(json({}), json({}));
  const changed = vi.fn();
  client.subscribe("workflowChanged", changed);
  await client.enableWorkflow("w 1", target);
  expect(server.last).toMatchObject({ method: "POST", path: "/projects/p-1/sdk/workflows/w%201" });
  const name = Uint8Array.from(server.last.headers.get("x-paragon-credential") ?? "", (char) =>
    char.charCodeAt(0),
  );
  expect(new TextDecoder().decode(name)).toBe(target.account);
  expect(server.last.headers.get("x-paragon-configuration-id")).toBe("ext:team");
  await client.disableWorkflow("w 1");
  expect(server.last.method).toBe("DELETE");
  expect(server.last.headers.has("x-paragon-credential")).toBe(false);
  expect(changed.mock.calls.map(([event]) => event.change)).toEqual([
    { enabled: true },
    { enabled: false },
  ]);
});

test("metadata is merged by the server", async () => {
  const { server, client } = started();
  server.next(json({ id: "x" }));
  await client.setMetadata({ Name: "Ada", team: null });
  expect(server.last).toMatchObject({
    method: "PATCH",
    path: "/projects/p-1/sdk/me",
    body: { meta: { Name: "Ada", team: null } },
  });
});

test("an account is connected by fields", async () => {
  const { server, client } = started();
  const made = account("a-1");
  server.next(json(made, 201));
  const connected = vi.fn();
  client.subscribe("connected", connected);
  const options = { by: "fields", fields: { api_key: "k" }, externalId: "team" } as const;
  expect(await client.connectAccount("stripe", options)).toEqual(made);
  expect(server.last).toMatchObject({
    method: "POST",
    path: "/projects/p-1/sdk/credentials",
    body: {
      integrationId: "stripe",
      config: {},
      payload: { api_key: "k" },
      installOptions: { externalId: "team" },
    },
  });
  expect(connected).toHaveBeenCalledWith({ integration: "stripe", account: made });
});

test("an account is connected by a code", async () => {
  const { server, client } = started();
  server.next(json(account("a-1"), 201));
  await client.connectAccount("slack", {
    by: "code",
    code: "c",
    redirectUrl: "https://app.example/back",
    codeVerifier: "v",
    fields: { team: "x" },
    reconnect: "a-0",
    allowMultiple: true,
  });
  expect(server.last.body).toEqual({
    integrationId: "slack",
    code: "c",
    redirectUrl: "https://app.example/back",
    integrationOptions: { team: "x", codeVerifier: "v" },
    installOptions: { selectedCredentialId: "a-0", allowMultipleCredentials: true },
  });
});

test("an account that waits for its set-up is announced when that is done", async () => {
  const { server, client } = started();
  const pending = account("a-1", { status: "PENDING" });
  server.next(json(pending, 201), json(account("a-1"), 201));
  const connected = vi.fn();
  client.subscribe("connected", connected);
  const made = await client.connectAccount("jira", { by: "fields", fields: {} });
  expect(connected).not.toHaveBeenCalled();
  await client.completeSetup(made, { site: "north" });
  expect(server.last).toMatchObject({
    path: "/projects/p-1/sdk/credentials/a-1/complete-setup",
    body: { integrationId: "i-1", payload: { site: "north" } },
  });
  expect(connected).toHaveBeenCalledOnce();
});

test("disconnecting names one account, or all", async () => {
  const { server, client } = started();
  server.always(json({}));
  const disconnected = vi.fn();
  client.subscribe("disconnected", disconnected);
  await client.disconnect("slack", { account: "a-1" });
  expect(server.last).toMatchObject({
    method: "DELETE",
    path: "/projects/p-1/sdk/integrations/slack",
  });
  expect(server.last.headers.get("x-paragon-credential")).toBe("a-1");
  expect(disconnected).toHaveBeenCalledWith({ integration: "slack", accountId: "a-1" });
});

test("settings that are refused are an error, though the call was answered", async () => {
  const { server, client } = started();
  server.next(json({ ...account("a-1"), errors: ["Channel is missing."] }));
  const change = { shared: { channel: null }, workflows: { w: { enabled: true } } };
  const changed = vi.fn();
  client.subscribe("workflowChanged", changed);
  await expect(client.updateSettings("a-1", change)).rejects.toMatchObject({
    code: "invalid_settings",
    message: "Channel is missing.",
    meta: { errors: ["Channel is missing."] },
  });
  expect(changed).not.toHaveBeenCalled();
  server.next(json({ ...account("a-1"), errors: [] }));
  const saved = await client.updateSettings("a-1", { ...change, configuration: "ext:x" });
  expect(saved).toEqual(account("a-1"));
  expect(server.last.body).toEqual({
    config: { sharedSettings: { channel: null }, workflowSettings: { w: { enabled: true } } },
  });
  expect(server.last.headers.get("x-paragon-configuration-id")).toBe("ext:x");
  expect(changed).toHaveBeenCalledWith({ workflowId: "w", change: { enabled: true } });
});

test("a new configuration is the youngest of the account", async () => {
  const { server, client } = started();
  const configurations = [
    configuration("new", { dateCreated: "2026-02-02T00:00:00.000Z" }),
    configuration("default", { isDefault: true }),
  ];
  server.always(json(account("a-1", { configurations })));
  const made = await client.configurations.create("a-1", { externalId: "team" });
  expect(made.id).toBe("new");
  expect(server.last).toMatchObject({ method: "POST", body: { externalId: "team" } });
  await client.configurations.setMetadata("a-1", "new", { plan: "pro" });
  expect(server.last).toMatchObject({ method: "PATCH", body: { meta: { plan: "pro" } } });
  await client.configurations.delete("a-1", "new");
  expect(server.last.method).toBe("DELETE");
  expect(server.last.headers.get("x-paragon-configuration-id")).toBe("new");
  expect(await client.configurations.list("a-1")).toEqual(configurations);
});

test("options come in both shapes of the contract", async () => {
  const { server, client } = started();
  const option = { label: "General", value: "c1" };
  server.next(json({ output: { records: [option], nextPageCursor: "n" } }));
  const request = { parameters: { team: "t" }, search: "gen", account: "a-1" };
  const page = await client.options("slack", "channels", request);
  expect(page).toEqual({ records: [option], nextPageCursor: "n" });
  expect(server.last.body).toEqual({
    action: "slack",
    sourceKey: "channels",
    parameters: [{ key: "team", source: { type: "VALUE", value: "t" } }],
    paginationParameters: { pageCursor: 0, search: "gen" },
  });
  server.next(json({ output: [option] }), json({ output: "no" }));
  expect(await client.options("slack", "channels")).toEqual({ records: [option] });
  await expect(client.options("slack", "channels")).rejects.toMatchObject({ code: "bad_answer" });
});

test("an event is sent with the app's key", async () => {
  const { server, client } = started();
  const runs = [{ id: "r", workflow: "w", name: "n" }];
  server.next(json({ runs }, 202));
  const options = { idempotencyKey: "k-1", account: "a-1" };
  expect(await client.event("order.paid", { id: 7 }, options)).toEqual({ runs });
  expect(server.last).toMatchObject({
    method: "POST",
    path: "/v2/projects/p-1/sdk/events/trigger",
    body: { name: "order.paid", payload: { id: 7 } },
  });
  expect(server.last.headers.get("idempotency-key")).toBe("k-1");
});

test("a workflow's answer is given with its status and run", async () => {
  const { server, client } = started();
  server.next(json({ total: 3 }, 201, { "tenon-run": "r-1" }), json({ run: "r-2" }, 202));
  const request = { body: { a: 1 }, query: { q: "x" }, headers: { "x-own": "y" } };
  expect(await client.runWorkflow("w", request)).toEqual({
    status: 201,
    body: { total: 3 },
    run: "r-1",
  });
  expect(server.last).toMatchObject({
    method: "POST",
    path: "/projects/p-1/sdk/triggers/w?q=x",
    body: { a: 1 },
  });
  expect(server.last.headers.get("x-own")).toBe("y");
  expect((await client.runWorkflow("w")).run).toBe("r-2");
  server.next(new Response("<p>hi</p>", { headers: { "content-type": "text/html" } }));
  expect((await client.runWorkflow("w", { method: "GET" })).body).toBe("<p>hi</p>");
  server.next(refused(504, "response_timeout", { run: "r-3" }));
  await expect(client.runWorkflow("w")).rejects.toMatchObject({ meta: { run: "r-3" } });
});

test("a call through the proxy gives the provider's answer as it streams", async () => {
  const { server, client } = started();
  const source = { "x-tenon-source": "provider" };
  server.next(new Response("no such file", { status: 404, headers: source }));
  const answer = await client.request("box", "/files/1?x=1", {
    method: "PUT",
    query: { y: 2 },
    body: '{"a":1}',
    account: "a-1",
    tokenType: "user",
  });
  expect([answer.status, await answer.text()]).toEqual([404, "no such file"]);
  expect(server.last).toMatchObject({
    method: "PUT",
    path: "/projects/p-1/sdk/proxy/box/files/1?x=1&y=2",
  });
  const { headers } = server.last;
  expect(headers.get("x-tenon-raw-response")).toBe("true");
  expect(headers.get("x-tenon-token-type")).toBe("user");
  expect(headers.get("content-type")).toBe("auto");
  expect(headers.get("accept")).toBe("*/*");
});

test("a problem of the proxy itself is thrown", async () => {
  const { server, client } = started();
  server.next(refused(503, "provider_paused", { isIntegrationError: true }));
  const call = client.request("box", "files");
  await expect(call).rejects.toBeInstanceOf(TenonError);
  await expect(call).rejects.toMatchObject({ code: "provider_paused", isIntegrationError: true });
  await expect(client.request("box", "../../me")).rejects.toThrow(TypeError);
});

test("a redirect of the provider is told, and not followed with the token", async () => {
  const { server, client } = started();
  const hidden = Object.defineProperty(new Response(null), "type", { value: "opaqueredirect" });
  server.next(() => hidden);
  await expect(client.request("box", "files/1")).rejects.toMatchObject({ code: "redirected" });
});

test("a listener that fails stops nobody else", async () => {
  const { server, client } = started();
  server.always(json({}));
  const report = vi.fn();
  vi.stubGlobal("reportError", report);
  const fault = new Error("of the app");
  const heard = vi.fn();
  client.subscribe("workflowChanged", () => {
    throw fault;
  });
  const stop = client.subscribe("workflowChanged", heard);
  await client.enableWorkflow("w");
  stop();
  await client.enableWorkflow("w");
  vi.unstubAllGlobals();
  expect(heard).toHaveBeenCalledOnce();
  expect(report.mock.calls).toEqual([[fault], [fault]]);
});
