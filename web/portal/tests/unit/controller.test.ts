import { beforeEach, describe, expect, it } from "vitest";
import { Failure } from "../../src/host/failure";
import { Controller } from "../../src/model/controller";
import { credential, FakeHost, state } from "./builders";

let host: FakeHost;
let controller: Controller;

beforeEach(() => {
  host = new FakeHost();
  controller = new Controller(host);
});

const KEYS = {
  integration: { authenticationType: "basic" },
  sdk: { authConfigInputs: [{ id: "k", type: "PASSWORD" }] },
};

describe("connecting with keys", () => {
  it("makes the account and tells the app", async () => {
    host.send(state(KEYS));
    controller.connect();
    host.answers = { "POST /sdk/credentials": credential("new") };
    await controller.submitInputs({ k: "v" });
    expect(host.requests[0]?.body).toMatchObject({ integrationId: "i-1", payload: { k: "v" } });
    expect(host.told).toEqual(["visible true", "opened", "apply new", "onIntegrationInstall"]);
    expect(controller.session.flow).toEqual({ step: "none" });
  });

  it("keeps the form with the reason when it is refused", async () => {
    host.send(state(KEYS));
    controller.connect();
    host.answers = { "POST /sdk/credentials": new Failure("refused", "Bad key") };
    await controller.submitInputs({ k: "v" });
    expect(controller.session.flow).toMatchObject({
      step: "inputs",
      isBusy: false,
      failure: { message: "Bad key" },
    });
  });

  it("connects the same account again, without a label for a new one", async () => {
    const broken = credential("old", { status: "INVALID" });
    host.send(state({ ...KEYS, credentials: [broken], options: { externalId: "x" } }));
    controller.connect("old");
    host.answers = { "POST /sdk/credentials": credential("old") };
    await controller.submitInputs({ k: "v" });
    const body = host.requests[0]?.body as { installOptions: object };
    expect(body.installOptions).toEqual({ selectedCredentialId: "old", externalId: undefined });
  });
});

describe("settings", () => {
  const values = { workflowMeta: { w: { id: "w", inputs: [] } } };
  const saved = credential("a");

  it("go to the account and configuration on the screen, one after another", async () => {
    host.send(state({ values, credentials: [saved] }));
    host.answers = { "PATCH /sdk/credentials/a": saved };
    let answer: () => void = () => {};
    host.gate = new Promise((resolve) => {
      answer = resolve;
    });
    const writes = [
      controller.saveShared("a", { x: 1 }),
      controller.setWorkflow("a", "w", true),
      controller.saveWorkflow("a", "w", { y: 2 }),
    ];
    await new Promise((resolve) => setTimeout(resolve));
    expect(host.requests).toHaveLength(1);
    answer();
    await Promise.all(writes);
    expect(host.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PATCH /sdk/credentials/a",
      "POST /sdk/workflows/w",
      "PATCH /sdk/credentials/a",
    ]);
    expect(host.requests.every(({ credentialId }) => credentialId === "a")).toBe(true);
  });

  it("fail with what the server says, also when it answers 200", async () => {
    host.send(state({ values, credentials: [saved] }));
    host.answers = { "PATCH /sdk/credentials/a": { ...saved, errors: ["Hour is wrong."] } };
    await expect(controller.saveShared("a", {})).rejects.toMatchObject({
      message: "Hour is wrong.",
    });
  });

  it("that fail do not hold back the next", async () => {
    host.send(state({ values, credentials: [saved] }));
    host.answers = { "PATCH /sdk/credentials/a": new Failure("network", "") };
    const first = controller.saveShared("a", {});
    const second = controller.setWorkflow("a", "w", true);
    await expect(first).rejects.toMatchObject({ kind: "network" });
    await expect(second).resolves.toBeUndefined();
  });
});
