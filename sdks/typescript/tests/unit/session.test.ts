import { expect, test, vi } from "vitest";
import { connect, type Token } from "../../src/index.js";
import { FakeServer, json, refused } from "./fake-server.js";

const ME = { authenticated: true, userId: "u", meta: {}, project: { id: "p" }, integrations: {} };

function clientOf(server: FakeServer, token: Token) {
  return connect({ url: "https://t.example/", projectId: "p", token, fetch: server.fetch });
}

function bearers(server: FakeServer): (string | null)[] {
  return server.asked.map(({ headers }) => headers.get("authorization"));
}

test("a refused token is asked for anew, once", async () => {
  const server = new FakeServer().next(refused(401, "unauthorized"), json(ME));
  const token = vi.fn().mockResolvedValueOnce("old").mockResolvedValueOnce("new");
  expect(await clientOf(server, token).user()).toEqual(ME);
  expect(bearers(server)).toEqual(["Bearer old", "Bearer new"]);
});

test("a second refusal ends the session", async () => {
  const server = new FakeServer().always(refused(401, "unauthorized"));
  const token = vi.fn().mockResolvedValueOnce("old").mockResolvedValueOnce("new");
  const client = clientOf(server, token);
  const ended = vi.fn();
  client.subscribe("sessionEnded", ended);
  await expect(client.user()).rejects.toMatchObject({ code: "unauthorized", status: 401 });
  expect(server.asked).toHaveLength(2);
  expect(ended).toHaveBeenCalledOnce();
});

test("calls that are refused together ask for one new token", async () => {
  const server = new FakeServer().always(({ headers }) =>
    headers.get("authorization") === "Bearer new" ? json(ME) : refused(401, "unauthorized"),
  );
  const token = vi.fn(async () => (token.mock.calls.length === 1 ? "old" : "new"));
  const client = clientOf(server, token);
  await Promise.all([client.user(), client.user(), client.integrations()]);
  expect(token).toHaveBeenCalledTimes(2);
  await client.user();
  expect(token).toHaveBeenCalledTimes(2);
});

test("a token that is a text is not renewed", async () => {
  const server = new FakeServer().always(refused(401, "unauthorized"));
  await expect(clientOf(server, "fixed").user()).rejects.toMatchObject({ status: 401 });
  expect(server.asked).toHaveLength(1);
});

test("a provider that refuses an account does not touch the session", async () => {
  const server = new FakeServer()
    .next(refused(401, "credential_invalid", { isIntegrationError: true }))
    .next(json({ ok: false }, 401, { "x-tenon-source": "provider" }));
  const token = vi.fn().mockResolvedValue("t");
  const client = clientOf(server, token);
  const ended = vi.fn();
  client.subscribe("sessionEnded", ended);
  await expect(client.user()).rejects.toMatchObject({ isIntegrationError: true });
  const answer = await client.request("slack", "auth.test");
  expect(answer.status).toBe(401);
  expect(await answer.json()).toEqual({ ok: false });
  expect(token).toHaveBeenCalledOnce();
  expect(ended).not.toHaveBeenCalled();
});

test("a spent stream is not sent again", async () => {
  const server = new FakeServer().always(refused(401, "unauthorized"));
  const client = clientOf(server, async () => `t${server.asked.length}`);
  const body = new Blob(["x"]).stream();
  await expect(client.request("slack", "files", { method: "POST", body })).rejects.toMatchObject({
    status: 401,
  });
  expect(server.asked).toHaveLength(1);
  // The token was renewed all the same: the next call begins with the new one.
  await client.user().catch(() => undefined);
  expect(bearers(server).slice(0, 2)).toEqual(["Bearer t0", "Bearer t1"]);
});

test("an app that cannot get a token may try again", async () => {
  const server = new FakeServer().always(json(ME));
  const token = vi
    .fn()
    .mockRejectedValueOnce(new Error("no network"))
    .mockResolvedValueOnce("")
    .mockResolvedValueOnce("good");
  const client = clientOf(server, token);
  await expect(client.user()).rejects.toMatchObject({ code: "no_token" });
  await expect(client.user()).rejects.toMatchObject({ code: "no_token" });
  expect(await client.user()).toEqual(ME);
});

test("parts of Tenon may be on hosts of their own", async () => {
  const server = new FakeServer().always(() => json({ runs: [] }));
  const url = { api: "https://api.t", events: "https://events.t", proxy: "https://proxy.t/x/" };
  const client = connect({ url, projectId: "p", token: "t", fetch: server.fetch });
  await client.user();
  await client.event("e");
  await client.request("slack", "a");
  expect(server.asked.map((asked) => asked.url.origin + asked.url.pathname)).toEqual([
    "https://api.t/projects/p/sdk/me",
    "https://events.t/v2/projects/p/sdk/events/trigger",
    "https://proxy.t/x/projects/p/sdk/proxy/slack/a",
  ]);
});

test("a lost network and an abort are told apart", async () => {
  const server = new FakeServer().next(new TypeError("fetch failed"));
  const client = clientOf(server, "t");
  await expect(client.user()).rejects.toMatchObject({ code: "network" });
  const reason = new Error("left");
  await expect(client.user({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("calls carry no cookies and follow no redirects", async () => {
  const server = new FakeServer().always(json(ME));
  await clientOf(server, "t").user();
  expect(server.last.init).toMatchObject({ credentials: "omit", redirect: "manual" });
});
