import { beforeEach, describe, expect, it, vi } from "vitest";
import { SdkHost } from "../../src/host/sdk-host";
import type { HostState } from "../../src/wire/update";
import { message } from "./builders";

const APP = "https://app.example";

let parent: { postMessage: ReturnType<typeof vi.fn>; focus(): void };
let host: SdkHost;
let states: HostState[];

beforeEach(() => {
  parent = { postMessage: vi.fn(), focus: () => {} };
  states = [];
  host = new SdkHost({ window, parent });
  host.subscribe((state) => states.push(state));
});

function receive(data: unknown, origin = APP, source: unknown = parent): void {
  const event = new MessageEvent("message", { data, origin });
  Object.defineProperty(event, "source", { value: source });
  window.dispatchEvent(event);
}

function update(): unknown {
  const { context, modal } = message();
  return { messageType: "UI_UPDATE", nextContext: context, nextModalState: modal };
}

const sent = () => parent.postMessage.mock.calls.map(([data, origin]) => ({ data, origin }));

describe("SdkHost", () => {
  it("reads updates of the page around it, without the token", () => {
    receive(update());
    expect(states).toHaveLength(1);
    expect(states[0]?.portal?.integration.name).toBe("Acme");
    expect(JSON.stringify(states)).not.toContain("secret-token");
  });

  it("hears nobody but the page around it", () => {
    receive(update(), APP, window);
    receive(update(), APP, null);
    expect(states).toHaveLength(0);
  });

  it("keeps to the first origin", () => {
    receive(update());
    receive(update(), "https://evil.example");
    expect(states).toHaveLength(1);
    void host.request("/sdk/me", { method: "GET" }).catch(() => {});
    expect(sent().map(({ origin }) => origin)).toEqual([APP]);
  });

  it("takes no origin from a message that is no update, nor from one that cannot be answered", () => {
    receive({ messageType: "UI_UPDATE" }, "https://evil.example");
    receive(update(), "null");
    receive(update());
    expect(states).toHaveLength(1);
  });

  it("says nothing before it knows to whom", async () => {
    await expect(host.request("/sdk/me", { method: "GET" })).rejects.toMatchObject({
      kind: "refused",
    });
    expect(sent()).toEqual([]);
  });

  it("answers a call by its id, with the result or the error of the server", async () => {
    receive(update());
    const first = host.request("/a", { method: "GET" });
    const second = host.request("/b", { method: "POST", body: { x: 1 }, credentialId: "c" });
    const [a, b] = sent().map(({ data }) => data);
    expect(b.parameters[1]).toMatchObject({
      body: '{"x":1}',
      headers: { "X-Paragon-Credential": "c" },
      skipDefaultCredentialIdHeader: true,
    });
    const error = '{"message":"Not allowed","code":"7210","status":403,"meta":{}}';
    receive({ messageType: "SDK_FUNCTION_ERROR", error: true, id: b.id, message: error });
    receive({ messageType: "SDK_FUNCTION_RESPONSE", id: a.id, result: 42 }, "https://evil.example");
    receive({ messageType: "SDK_FUNCTION_RESPONSE", id: a.id, result: 7 });
    await expect(first).resolves.toBe(7);
    await expect(second).rejects.toMatchObject({ code: "7210", message: "Not allowed" });
  });

  it("leaves the SDK's headless mode again, even when that message is lost at first", async () => {
    vi.useFakeTimers();
    receive(update());
    const { integration } = states[0]?.portal ?? {};
    if (!integration) throw new Error("no integration");
    const begun = host.beginOAuth({
      integration: { ...integration, needsInputsBeforeOAuth: true },
      values: { HOST: "x" },
      installOptions: {},
    });
    const answer = (index: number) =>
      receive({ messageType: "SDK_FUNCTION_RESPONSE", id: sent()[index]?.data.id });
    answer(0);
    answer(1);
    await vi.advanceTimersByTimeAsync(1_100);
    const modes = () => sent().filter(({ data }) => data.type === "setHeadless");
    expect(modes().map(({ data }) => data.parameters[0])).toEqual([true, false, false]);
    answer(3);
    await begun;
    expect(sent().at(-1)?.data.type).toBe("setModalState");
    vi.useRealTimers();
  });

  it("opens the window itself for a version of the SDK that cannot, and tells it the end", async () => {
    const popup = { location: { href: "" }, close: vi.fn() };
    const open = vi.spyOn(window, "open").mockReturnValue(popup as unknown as Window);
    receive(update());
    const { integration } = states[0]?.portal ?? {};
    if (!integration) throw new Error("no integration");
    const begun = host.beginOAuth({ integration, values: {}, installOptions: {} });
    const message = "this[e] is not a function";
    receive({ messageType: "SDK_FUNCTION_ERROR", error: true, id: sent()[0]?.data.id, message });
    await vi.waitFor(() => expect(sent()).toHaveLength(2));
    const asked = sent()[1]?.data;
    expect(asked).toMatchObject({
      type: "sendConnectRequest",
      parameters: [expect.stringMatching(/build-oauth/), {}, false],
    });
    const result = { redirectUrl: "https://tenon.example/oauth/start/x" };
    receive({ messageType: "SDK_FUNCTION_RESPONSE", id: asked.id, result });
    await begun;
    expect(popup.location.href).toBe(result.redirectUrl);

    const credential = { integrationId: "i-1", payload: {} };
    const end = { type: "oauth_success_callback", credential };
    receive(end, "https://evil.example", popup);
    receive(end, "https://tenon.example", window);
    expect(sent()).toHaveLength(2);
    receive(end, "https://tenon.example", popup);
    expect(sent()[2]?.data).toMatchObject({ type: "_oauthCallback", parameters: [credential] });
    open.mockRestore();
  });

  it("opens no window of its own when the SDK failed for another reason", async () => {
    const open = vi.spyOn(window, "open");
    receive(update());
    const { integration } = states[0]?.portal ?? {};
    if (!integration) throw new Error("no integration");
    const begun = host.beginOAuth({ integration, values: {}, installOptions: {} });
    const failed = { messageType: "SDK_FUNCTION_ERROR", error: true, id: sent()[0]?.data.id };
    receive({ ...failed, message: "popup was blocked by the browser window" });
    await expect(begun).rejects.toMatchObject({ kind: "popup_blocked" });
    expect(open).not.toHaveBeenCalled();
    open.mockRestore();
  });
});
