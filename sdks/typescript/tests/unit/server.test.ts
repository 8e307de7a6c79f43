import { inspect } from "node:util";
import { expect, test, vi } from "vitest";
import { TenonError } from "../../src/errors.js";
import { pauseBefore } from "../../src/server/retry.js";
import { Tenon } from "../../src/server.js";
import { FakeServer, json } from "./fake-server.js";

const P = "/api/v1/projects/p-1";

function started(more: { repeatsMax?: number; timeoutMs?: number } = {}) {
  const server = new FakeServer();
  const url = "https://t.example";
  const tenon = new Tenon({
    url,
    projectId: "p-1",
    apiKey: "secret-key",
    fetch: server.fetch,
    ...more,
  });
  return { server, tenon };
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return json({ status, code, title: code, help: "h" }, status, headers);
}

/** Runs a call without waiting for its pauses. */
async function hurried<T>(call: () => Promise<T>): Promise<T> {
  vi.useFakeTimers();
  try {
    const done = call();
    done.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(120_000);
    return await done;
  } finally {
    vi.useRealTimers();
  }
}

test("an event is sent once, however often it is repeated", async () => {
  const { server, tenon } = started();
  server.next(new TypeError("fetch failed"), problem(503, "unavailable"), json({ runs: [] }, 202));
  const event = { name: "order.paid", user: "u-1", payload: { id: 1 }, account: "a-1" };
  expect(await hurried(() => tenon.events.send(event))).toEqual({ runs: [] });
  expect(server.asked).toHaveLength(3);
  const keys = new Set(server.asked.map(({ headers }) => headers.get("idempotency-key")));
  expect(keys.size).toBe(1);
  expect([...keys][0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(server.last).toMatchObject({
    method: "POST",
    path: `${P}/events`,
    body: { name: "order.paid", user: "u-1", payload: { id: 1 } },
  });
  expect(server.last.headers.get("authorization")).toBe("Bearer secret-key");
  expect(server.last.headers.get("x-tenon-credential")).toBe("a-1");
});

test("what may have been done is not repeated", async () => {
  const { server, tenon } = started();
  server.always(problem(503, "unavailable"));
  await expect(hurried(() => tenon.runs.replay("r-1"))).rejects.toMatchObject({ status: 503 });
  expect(server.asked).toHaveLength(1);
  await expect(hurried(() => tenon.users.get("u-1"))).rejects.toMatchObject({ status: 503 });
  expect(server.asked).toHaveLength(4);
});

test("errors of the caller are not repeated", async () => {
  const { server, tenon } = started();
  server.always(problem(404, "not_found"));
  await expect(tenon.users.get("u-1")).rejects.toMatchObject({ code: "not_found" });
  expect(server.asked).toHaveLength(1);
});

test("a removal whose answer was lost is done", async () => {
  const { server, tenon } = started();
  server.next(new TypeError("fetch failed"), problem(404, "not_found"));
  await hurried(() => tenon.credentials.disconnect("c-1"));
  expect(server.asked).toHaveLength(2);
  server.next(problem(404, "not_found"));
  await expect(tenon.credentials.disconnect("c-2")).rejects.toMatchObject({ status: 404 });
});

test("pauses grow, have jitter and obey the server", () => {
  const attempt = { method: "GET", hasIdempotencyKey: false, repeats: 0, repeatsMax: 5 };
  const busy = new TenonError("unavailable", "", { status: 503 });
  const pause = (repeats: number, random: number) =>
    pauseBefore(busy, { ...attempt, repeats }, () => random);
  expect([pause(0, 0), pause(0, 1), pause(1, 1), pause(4, 1)]).toEqual([125, 250, 500, 4_000]);
  expect(pause(5, 1)).toBeUndefined();
  const told = (retryAfterMs: number) =>
    pauseBefore(new TenonError("x", "", { status: 503, retryAfterMs }), attempt, () => 0.5);
  expect(told(5_000)).toBe(5_125);
  expect(told(60_000)).toBeUndefined();
});

test("which calls are repeated", () => {
  const repeats = (method: string, status: number, hasIdempotencyKey = false, code = "x") => {
    const attempt = { method, hasIdempotencyKey, repeats: 0, repeatsMax: 1 };
    return pauseBefore(new TenonError(code, "", { status }), attempt) !== undefined;
  };
  expect(repeats("POST", 429)).toBe(true);
  expect(repeats("POST", 503)).toBe(false);
  expect(repeats("POST", 503, true)).toBe(true);
  expect(repeats("POST", 0, true, "timeout")).toBe(true);
  expect(repeats("PATCH", 0, false, "network")).toBe(false);
  expect(repeats("PUT", 502)).toBe(true);
  expect(repeats("GET", 500)).toBe(false);
  expect(repeats("GET", 200, false, "bad_answer")).toBe(false);
  expect(repeats("GET", 0, false, "no_token")).toBe(false);
  const attempt = { method: "GET", hasIdempotencyKey: false, repeats: 0, repeatsMax: 1 };
  expect(pauseBefore(new Error("a bug"), attempt)).toBeUndefined();
});

test("the app's abort ends a call and its pauses", async () => {
  const { server, tenon } = started();
  server.always(problem(503, "unavailable"));
  const control = new AbortController();
  const call = tenon.users.get("u", { signal: control.signal });
  const reason = new Error("shutting down");
  setTimeout(() => control.abort(reason), 20);
  await expect(call).rejects.toBe(reason);
});

test("a call that takes too long is told", async () => {
  const { server, tenon } = started({ timeoutMs: 20, repeatsMax: 0 });
  server.always(
    ({ init }) =>
      new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      }),
  );
  await expect(tenon.users.get("u")).rejects.toMatchObject({ code: "timeout" });
});

test("a list gives every item of every page", async () => {
  const { server, tenon } = started();
  const page = (ids: string[], next?: string | null) =>
    json({ runs: ids.map((id) => ({ id })), next });
  server.next(page(["1", "2"], "c&2"), page([], "c3"), page(["3"], null));
  const ids: string[] = [];
  for await (const run of tenon.runs.list({ status: "failed", limit: 2 })) ids.push(run.id);
  expect(ids).toEqual(["1", "2", "3"]);
  expect(server.asked.map(({ path }) => path)).toEqual([
    `${P}/runs?status=failed&limit=2`,
    `${P}/runs?status=failed&limit=2&cursor=c%262`,
    `${P}/runs?status=failed&limit=2&cursor=c3`,
  ]);
});

test("a list is read no further than it has to be, and never for ever", async () => {
  const { server, tenon } = started();
  server.always(json({ users: [{ id: "1" }, { id: "2" }], next: "same" }));
  expect(await tenon.users.list().take(2)).toHaveLength(2);
  expect(server.asked).toHaveLength(1);
  expect(await tenon.users.list().take(0)).toEqual([]);
  const all = async () => {
    for await (const _ of tenon.users.list());
  };
  await expect(all()).rejects.toMatchObject({ code: "bad_answer" });
});

test("calls of the proxy are listed", async () => {
  const { server, tenon } = started();
  server.next(json({ calls: [{ id: "1" }], next: null }));
  expect(await tenon.proxy.calls({ user: "u", status: "4xx" }).take(5)).toEqual([{ id: "1" }]);
  expect(server.last.path).toBe(`${P}/proxy-calls?user=u&status=4xx`);
});

test("the event log ends where nothing follows", async () => {
  const { server, tenon } = started();
  server.next(
    json({ events: [{ sequence: 6 }, { sequence: 7 }], next: 7 }),
    json({ events: [], next: 7 }),
  );
  const events = await tenon.eventLog.list({ after: 5 }).take(100);
  expect(events.map(({ sequence }) => sequence)).toEqual([6, 7]);
  expect(server.asked.map(({ path }) => path)).toEqual([
    `${P}/event-log?after=5`,
    `${P}/event-log?after=7`,
  ]);
});

test("each method calls its route", async () => {
  const { server, tenon } = started();
  server.always(() => json({ credentials: [], configurations: [], run_id: "r-2", runs: [] }));
  const link = { integration: "stripe", fields: { api_key: "k" } };
  const calls: [() => Promise<unknown>, string, unknown?][] = [
    [() => tenon.users.get("a/b"), `GET ${P}/users/a%2Fb`],
    [() => tenon.users.setMetadata("u", { a: 1 }), `PATCH ${P}/users/u`, { meta: { a: 1 } }],
    [() => tenon.users.disable("u"), `PUT ${P}/users/u`, { disabled: true }],
    [() => tenon.users.enable("u"), `PUT ${P}/users/u`, { disabled: false }],
    [
      () => tenon.users.setWorkflow("u", "w", true),
      `PUT ${P}/users/u/workflows/w`,
      { enabled: true },
    ],
    [() => tenon.credentials.list("u"), `GET ${P}/users/u/credentials`],
    [() => tenon.credentials.get("c"), `GET ${P}/credentials/c`],
    [() => tenon.credentials.link("u", link), `POST ${P}/users/u/credentials`, link],
    [
      () => tenon.credentials.completeSetup("c", { site: "n" }),
      `POST ${P}/credentials/c/complete-setup`,
      { fields: { site: "n" } },
    ],
    [() => tenon.credentials.probe("c"), `POST ${P}/credentials/c/probe`],
    [() => tenon.credentials.disconnect("c"), `DELETE ${P}/credentials/c`],
    [() => tenon.credentials.configurations.list("c"), `GET ${P}/credentials/c/configurations`],
    [
      () => tenon.credentials.configurations.add("c", { externalId: "t" }),
      `POST ${P}/credentials/c/configurations`,
      { external_id: "t" },
    ],
    [
      () => tenon.credentials.configurations.change("c", "ext:t", { meta: { a: null } }),
      `PATCH ${P}/credentials/c/configurations/ext%3At`,
      { meta: { a: null } },
    ],
    [
      () => tenon.credentials.configurations.delete("c", "d"),
      `DELETE ${P}/credentials/c/configurations/d`,
    ],
    [
      () => tenon.connectSessions.create("u", { integration: "slack" }),
      `POST ${P}/users/u/connect-sessions`,
      { integration: "slack" },
    ],
    [() => tenon.portalLinks.create({ user: "u" }), `POST ${P}/portal-links`, { user: "u" }],
    [() => tenon.connectSessions.get("s"), `GET ${P}/connect-sessions/s`],
    [() => tenon.runs.get("r"), `GET ${P}/runs/r`],
    [() => tenon.runs.input("r"), `GET ${P}/runs/r/input`],
    [() => tenon.runs.cancel("r"), `POST ${P}/runs/r/cancel`],
    [() => tenon.runs.replay("r"), `POST ${P}/runs/r/replay`, { from: "start" }],
  ];
  for (const [call, expected, body] of calls) {
    await call();
    expect(`${server.last.method} ${server.last.path}`).toBe(expected);
    expect(server.last.body, expected).toEqual(body);
  }
  expect(await tenon.runs.replay("r", { from: "failed_step" })).toEqual({ run: "r-2" });
});

test("an id that is a step of a path is refused", () => {
  const { tenon } = started();
  for (const id of ["", ".", ".."]) expect(() => tenon.users.get(id), id).toThrow(TypeError);
});

test("a workflow runs for a user", async () => {
  const { server, tenon } = started();
  server.next(json({ total: 3 }, 200, { "tenon-run": "r-1" }));
  const answer = await tenon.workflows.run<{ total: number }>("order-quote", {
    user: "u-1",
    query: { currency: "EUR" },
    body: { items: [1] },
    configuration: "ext:team",
  });
  expect(answer).toEqual({ status: 200, body: { total: 3 }, run: "r-1" });
  expect(server.last).toMatchObject({
    method: "POST",
    path: `${P}/triggers/order-quote?currency=EUR`,
    body: { items: [1] },
  });
  expect(server.last.headers.get("x-tenon-user")).toBe("u-1");
  expect(server.last.headers.get("x-tenon-configuration")).toBe("ext:team");
});

test("a run is waited for", async () => {
  const { server, tenon } = started();
  server.next(json({ status: "queued" }), json({ status: "running" }), json({ status: "failed" }));
  const run = await hurried(() => tenon.runs.ended("r"));
  expect(run.status).toBe("failed");
  server.always(json({ status: "waiting" }));
  const late = hurried(() => tenon.runs.ended("r", { withinMs: 3_000 }));
  await expect(late).rejects.toMatchObject({
    code: "timeout",
    message: "the run is still waiting",
  });
});

test("the proxy gives the provider's answer, whatever it is", async () => {
  const { server, tenon } = started();
  const source = { "x-tenon-source": "provider", location: "https://files.example/1" };
  server.next(new Response(null, { status: 302, headers: source }));
  const answer = await tenon.proxy.fetch("u-1", "box", "/files/1?a=1", { query: { b: 2 } });
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "https://files.example/1"]);
  expect(server.last.path).toBe(`${P}/proxy/box/files/1?a=1&b=2`);
  expect(server.last.headers.get("x-tenon-user")).toBe("u-1");
  expect(server.last.init).toMatchObject({ redirect: "manual" });

  await expect(tenon.proxy.fetch("u-1", "box", "../slack/x")).rejects.toThrow(TypeError);
  server.next(problem(409, "credential_invalid"));
  await expect(tenon.proxy.fetch("u-1", "box", "files")).rejects.toMatchObject({
    code: "credential_invalid",
  });
  server.next(problem(503, "provider_paused"));
  await expect(tenon.proxy.fetch("u-1", "box", "files")).rejects.toMatchObject({ status: 503 });
  expect(server.asked).toHaveLength(3);
});

test("a stream goes out as a stream", async () => {
  const { server, tenon } = started();
  server.next(new Response("ok", { headers: { "x-tenon-source": "provider" } }));
  const body = new Blob(["large"]).stream();
  await tenon.proxy.fetch("u", "box", "files", { method: "POST", body });
  expect(server.last.body).toBe(body);
  expect(server.last.init).toMatchObject({ duplex: "half" });
});

test("the key is not shown by accident", () => {
  const { tenon } = started();
  expect(inspect(tenon, { depth: 10, showHidden: true })).not.toContain("secret-key");
  expect(JSON.stringify(tenon)).not.toContain("secret-key");
  expect(() => new Tenon({ url: "https://t", projectId: "p", apiKey: "" })).toThrow(TypeError);
  expect(() => new Tenon({ url: "t", projectId: "p", apiKey: "k" })).toThrow(TypeError);
});
