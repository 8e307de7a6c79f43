// The package against a running Tenon. It makes a workflow, a user and a signing key of its own and
// takes away what it can. Set TENON_URL, TENON_PROJECT and TENON_API_KEY; `make dev` prints them.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../src/index.js";
import { importKey, signUserToken, Tenon } from "../../src/server.js";

const url = process.env.TENON_URL ?? "";
const projectId = process.env.TENON_PROJECT ?? "";
const apiKey = process.env.TENON_API_KEY ?? "";
const isSet = url !== "" && projectId !== "" && apiKey !== "";
if (!isSet) {
  console.log("skipped: set TENON_URL, TENON_PROJECT and TENON_API_KEY to test a running Tenon");
}

const mark = randomUUID().slice(0, 8);
const user = `sdk-${mark}`;
const event = `sdk.${mark}`;
const workflow = `sdk-${mark}`;
const DOCUMENT = `
version: 1
name: ${workflow}
triggers:
  - type: app_event
    event: ${event}
  - type: request
steps:
  - id: double
    type: function
    parameters:
      n: "{{trigger.event.n ?? trigger.request.body.n}}"
    code: |
      function run({ n }) { return Number(n) * 2; }
    next: answer
  - id: answer
    type: response
    status: 201
    ignore_failure: true
    body:
      json:
        doubled: "{{double.result}}"
`;

/** Calls of the management API that the package has no method for. */
async function manage<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${url}/api/v1/projects/${projectId}${path}`, {
    method,
    headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text ? JSON.parse(text) : undefined) as T;
}

describe.skipIf(!isSet)("a running Tenon", { timeout: 60_000 }, () => {
  const tenon = isSet ? new Tenon({ url, projectId, apiKey }) : (undefined as unknown as Tenon);
  let workflowId = "";

  beforeAll(async () => {
    const documents = [{ file: `${workflow}.yaml`, text: DOCUMENT }];
    await manage("POST", "/workflows/apply", { documents });
    const { workflows } = await manage<{ workflows: { id: string; name: string }[] }>(
      "GET",
      "/workflows",
    );
    workflowId = workflows.find(({ name }) => name === workflow)?.id ?? "";
    expect(workflowId).not.toBe("");
  });

  afterAll(async () => {
    if (workflowId) await manage("DELETE", `/workflows/${workflowId}`);
  });

  test("an event runs a workflow, once for its key", async () => {
    // What was applied reaches the gateway within seconds.
    const first = await until(async () => {
      const sent = { name: event, user, payload: { n: 21 }, idempotencyKey: randomUUID() };
      const { runs } = await tenon.events.send(sent);
      return runs.length > 0 ? { sent, runs } : undefined;
    });
    const again = await tenon.events.send(first.sent);
    expect(again.runs.map(({ id }) => id)).toEqual(first.runs.map(({ id }) => id));
    const other = tenon.events.send({ ...first.sent, payload: { n: 22 } });
    await expect(other).rejects.toMatchObject({ code: "idempotency_conflict", status: 409 });

    const id = first.runs[0]?.id ?? "";
    const run = await tenon.runs.ended(id);
    expect(run).toMatchObject({ id, user, workflow_id: workflowId });
    expect(await tenon.runs.input(id)).toEqual({ event: { n: 21 } });
    const steps = await tenon.runs.steps(id, { limit: 1 }).take(10);
    expect(steps[0]).toMatchObject({ step: "double", status: "succeeded" });
    expect(JSON.stringify(steps[0]?.output)).toContain("42");

    const replayed = await tenon.runs.replay(id);
    expect((await tenon.runs.ended(replayed.run)).replay_of).toBe(id);
    const listed: string[] = [];
    for await (const one of tenon.runs.list({ user, limit: 1 })) listed.push(one.id);
    expect(listed).toEqual(expect.arrayContaining([id, replayed.run]));
  });

  test("a request runs a workflow and gets its answer", async () => {
    const answer = await until(() =>
      tenon.workflows
        .run<{ doubled: number }>(workflow, { user, body: { n: 4 } })
        .catch((error) => (error.status === 404 ? undefined : Promise.reject(error))),
    );
    expect(answer).toMatchObject({ status: 201, body: { doubled: 8 } });
    expect((await tenon.runs.get(answer.run ?? "")).id).toBe(answer.run);
    const unknown = tenon.workflows.run(`no-${mark}`);
    await expect(unknown).rejects.toMatchObject({ status: 404, code: "not_found" });
  });

  test("users are known, changed, disabled and enabled", async () => {
    const changed = await tenon.users.setMetadata(user, { plan: "pro", gone: null });
    expect(changed).toMatchObject({ id: user, meta: { plan: "pro" } });
    expect((await tenon.users.disable(user)).disabled).toBe(true);
    expect((await tenon.users.get(user)).disabled).toBe(true);
    expect((await tenon.users.enable(user)).disabled).toBe(false);
    const ids: string[] = [];
    for await (const one of tenon.users.list({ limit: 2 })) ids.push(one.id);
    expect(ids).toContain(user);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await tenon.credentials.list(user)).toEqual([]);
  });

  test("what is wrong is told with its code", async () => {
    const stranger = new Tenon({ url, projectId, apiKey: "tk_wrong" });
    await expect(stranger.runs.get(randomUUID())).rejects.toMatchObject({ code: "unauthorized" });
    const nobody = tenon.credentials.get(randomUUID());
    await expect(nobody).rejects.toMatchObject({ status: 404 });
    const session = tenon.connectSessions.create(user, { integration: `no-${mark}` });
    await expect(session).rejects.toMatchObject({ status: 404 });
    const call = tenon.proxy.fetch(user, `no-${mark}`, "anything");
    await expect(call).rejects.toMatchObject({ name: "TenonError", status: 404 });
  });

  test("a signed token is a session of its user", async () => {
    const path = "/signing-keys";
    const key = await manage<{ id: string; private_key: string }>("POST", path);
    try {
      const signing = { privateKey: await importKey(key.private_key), keyId: key.id, userId: user };
      let signed = 0;
      const token = async () => {
        signed += 1;
        // The first is refused, so that a second one is asked for.
        return signed === 1 ? "not.a.token" : await signUserToken(signing);
      };
      const client = connect({ url, projectId, token });
      const me = await until(() => client.user().catch(ifRefused));
      expect(me).toMatchObject({ authenticated: true, userId: user });
      expect(signed).toBeGreaterThan(1);
      await client.setMetadata({ Name: "Ada" });
      expect((await client.user()).meta).toMatchObject({ Name: "Ada" });
      expect(Array.isArray(await client.integrations())).toBe(true);
      expect(Array.isArray(await client.catalog())).toBe(true);
      const { runs } = await client.event(event, { n: 1 });
      expect(runs).toHaveLength(1);
      const answer = await client.runWorkflow(workflowId, { body: { n: 5 } });
      expect(answer).toMatchObject({ status: 201, body: { doubled: 10 } });
      const nothing = client.connectAccount(`no-${mark}`, { by: "fields", fields: {} });
      await expect(nothing).rejects.toMatchObject({ status: 404 });

      const permissions = { "integration:*": ["proxy" as const] };
      const limited = await signUserToken({ ...signing, permissions });
      const curbed = connect({ url, projectId, token: limited });
      await expect(curbed.event(event, { n: 1 })).rejects.toMatchObject({ code: "7210" });
    } finally {
      await manage("DELETE", `${path}/${key.id}`);
    }
  });
});

/** A new key is known within seconds. */
function ifRefused(error: { status?: number }): undefined {
  if (error.status !== 401) throw error;
}

async function until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let left = 40; left > 0; left -= 1) {
    const found = await attempt();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("it did not happen within 20 seconds");
}
