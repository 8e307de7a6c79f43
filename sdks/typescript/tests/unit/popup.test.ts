// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect } from "../../src/index.js";
import { type Asked, account, FakeServer, json, refused } from "./fake-server.js";

const AUTHORIZE = "https://t.example/oauth/start/link?continue=1";

interface FakeWindow {
  closed: boolean;
  location: { href: string };
  close(): void;
}

let popup: FakeWindow;

function stubWindow(): FakeWindow {
  popup = { closed: false, location: { href: "" }, close: vi.fn() };
  return popup;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(window, "open").mockReturnValue(stubWindow() as unknown as Window);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function say(data: unknown, origin = "https://t.example", source: unknown = popup): void {
  const event = new MessageEvent("message", { data, origin });
  Object.defineProperty(event, "source", { value: source });
  window.dispatchEvent(event);
}

/** A server that knows the session; `outcome` is what it answers when it is asked. */
function started(outcome: () => Response | Error) {
  const server = new FakeServer().always((asked: Asked) => {
    if (asked.path.startsWith("/v2/")) return json({ redirectUrl: AUTHORIZE });
    if (asked.path.includes("/credentials/a-1")) return json(account("a-1"));
    if (asked.method === "DELETE") return json({});
    const answer = outcome();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const url = "https://t.example";
  const client = connect({ url, projectId: "p", token: "secret", fetch: server.fetch });
  return { server, client };
}

const waiting = () => json({ connectCredentialId: null });

test("the window opens at once, and goes where the server says", async () => {
  const answers = [waiting(), json({ connectCredentialId: "a-1" })];
  const { server, client } = started(() => answers.shift() ?? waiting());
  const connected = vi.fn();
  client.subscribe("connected", connected);
  const options = { accountType: "oauth", fields: { subdomain: "acorn" }, externalId: "team" };
  const made = client.connectAccount("slack", options);
  expect(window.open).toHaveBeenCalledOnce();
  expect(server.asked).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(2_500);
  expect(await made).toEqual(account("a-1"));
  expect(popup.location.href).toBe(AUTHORIZE);
  expect(popup.close).toHaveBeenCalled();
  expect(connected).toHaveBeenCalledOnce();

  const [build] = server.asked;
  const query = Object.fromEntries(build?.url.searchParams ?? []);
  expect(query).toMatchObject({
    integrationId: "slack",
    endUserSuppliedValues: '{"subdomain":"acorn"}',
    installOptions: '{"accountType":"oauth","externalId":"team"}',
    originForPostMessage: window.location.origin,
  });
  expect(query.oauthMetaKeyId).toMatch(/^[0-9a-f]{32}$/);
  for (const { url } of server.asked) expect(url.href).not.toContain("secret");
  expect(server.last.method).toBe("DELETE");
});

test("a blocked window is told", async () => {
  vi.mocked(window.open).mockReturnValue(null);
  const { server, client } = started(waiting);
  await expect(client.connectAccount("slack")).rejects.toMatchObject({ code: "popup_blocked" });
  expect(server.asked).toHaveLength(0);
});

test("the window's refusal ends the waiting at once", async () => {
  const { client } = started(waiting);
  const failed = expect(client.connectAccount("slack")).rejects.toMatchObject({
    code: "oauth_failed",
    message: "the user said no",
    meta: { code: "connect_failed" },
    isIntegrationError: true,
  });
  await vi.advanceTimersByTimeAsync(10);
  const errorResponse = { code: "connect_failed", message: "the user said no" };
  say({ type: "oauth_error_callback", error: "no", errorResponse });
  await vi.advanceTimersByTimeAsync(10);
  await failed;
  expect(popup.close).toHaveBeenCalled();
});

test("what others say is not heard", async () => {
  const { client } = started(waiting);
  const control = new AbortController();
  const settled = vi.fn();
  const made = client.connectAccount("slack", { signal: control.signal }).catch((error) => {
    settled(error);
  });
  await vi.advanceTimersByTimeAsync(10);
  const refusal = { type: "oauth_error_callback", error: "forged" };
  say(refusal, "https://evil.example");
  say(refusal, "https://t.example", window);
  say("oauth_error_callback");
  say(null);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(settled).not.toHaveBeenCalled();
  control.abort(new Error("cancelled"));
  await vi.advanceTimersByTimeAsync(10);
  await made;
  expect(settled).toHaveBeenCalledWith(new Error("cancelled"));
});

test("a forged success gives no account", async () => {
  const { server, client } = started(waiting);
  const control = new AbortController();
  const made = client.connectAccount("slack", { signal: control.signal }).catch(() => "none");
  await vi.advanceTimersByTimeAsync(10);
  const asked = server.asked.length;
  say({ type: "tenon:connect", status: "connected", session_id: "x" });
  await vi.advanceTimersByTimeAsync(10);
  expect(server.asked.length).toBe(asked + 1);
  control.abort();
  await vi.advanceTimersByTimeAsync(10);
  expect(await made).toBe("none");
});

test("a failure that only the server knows is told", async () => {
  const error = { code: "connect_failed", message: "Slack refused the code" };
  const { client } = started(() => json({ connectCredentialId: null, error }));
  const failed = expect(client.connectAccount("slack")).rejects.toMatchObject({
    code: "oauth_failed",
    message: "Slack refused the code",
  });
  await vi.advanceTimersByTimeAsync(1_100);
  await failed;
});

test("a lost network is waited for, a refusal is not", async () => {
  const answers = [
    new TypeError("fetch failed"),
    refused(503, "unavailable"),
    json({ connectCredentialId: "a-1" }),
  ];
  const first = started(() => answers.shift() ?? waiting());
  const made = first.client.connectAccount("slack");
  await vi.advanceTimersByTimeAsync(3_500);
  expect((await made).id).toBe("a-1");

  const second = started(() => refused(403, "forbidden"));
  const failed = expect(second.client.connectAccount("slack")).rejects.toMatchObject({
    code: "forbidden",
  });
  await vi.advanceTimersByTimeAsync(1_100);
  await failed;
});

test("a window that stays closed is given up after three minutes", async () => {
  const { client } = started(waiting);
  const settled = vi.fn();
  const failed = expect(client.connectAccount("slack").finally(settled)).rejects.toMatchObject({
    code: "oauth_timeout",
  });
  await vi.advanceTimersByTimeAsync(10_000);
  popup.closed = true;
  await vi.advanceTimersByTimeAsync(170_000);
  expect(settled).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(15_000);
  await failed;
});

test("the app may wait for less", async () => {
  const { client } = started(waiting);
  const failed = expect(client.connectAccount("slack", { timeoutMs: 5_000 })).rejects.toMatchObject(
    { code: "oauth_timeout" },
  );
  await vi.advanceTimersByTimeAsync(7_000);
  await failed;
});

test("only addresses of the web are opened", async () => {
  const server = new FakeServer().always(json({ redirectUrl: "javascript:alert(1)" }));
  const url = "https://t.example";
  const client = connect({ url, projectId: "p", token: "t", fetch: server.fetch });
  await expect(client.connectAccount("slack")).rejects.toMatchObject({ code: "bad_answer" });
  expect(popup.location.href).toBe("");
  expect(popup.close).toHaveBeenCalled();
});
