import { describe, expect, it, vi } from "vitest";
import { HttpHost, openHostedSession } from "../../src/host/http-host";
import type { HostState } from "../../src/wire/update";
import { credential, message } from "./builders";

const session = {
  token: "t",
  projectId: "p",
  integration: "acme",
  apiUrl: "https://api",
  options: {},
};

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

function hostWith(answers: Record<string, () => Response>) {
  const calls: { url: string; init?: RequestInit }[] = [];
  const doFetch = vi.fn(async (url: unknown, init?: RequestInit) => {
    calls.push({ url: String(url), init });
    const key = `${init?.method ?? "GET"} ${String(url).replace("https://api/projects/p", "")}`;
    const answer = answers[key];
    if (!answer) throw new TypeError("Failed to fetch");
    return answer();
  }) as unknown as typeof fetch;
  const host = new HttpHost({ session, window, fetch: doFetch, onClosed: () => {} });
  const states: HostState[] = [];
  host.subscribe((state) => states.push(state));
  return { host, states, calls };
}

function loaded(credentials: Record<string, unknown>[] = []) {
  const { context, modal } = message({ credentials });
  return {
    "GET /sdk/me": () => json(context.user),
    "GET /sdk/integrations": () =>
      json([{ ...(modal.integration as object), configs: [{ values: {} }] }]),
  };
}

describe("HttpHost", () => {
  it("reads the same records as the SDK, with the token in a header only", async () => {
    const { host, states, calls } = hostWith(loaded([credential("a")]));
    await host.load();
    expect(states.at(-1)?.portal?.credentials.map(({ id }) => id)).toEqual(["a"]);
    for (const { url, init } of calls) {
      expect(url).not.toContain("token");
      expect(init?.headers).toMatchObject({ Authorization: "Bearer t" });
    }
  });

  it("puts accounts in and takes them out", async () => {
    const { host, states } = hostWith({
      ...loaded(),
      "DELETE /sdk/integrations/i-1": () => json(null),
    });
    await host.load();
    const { integration } = states.at(-1)?.portal ?? {};
    if (!integration) throw new Error("no integration");
    await host.applyCredential(integration, credential("new"));
    expect(states.at(-1)?.portal?.currentCredentialId).toBe("new");
    await host.disconnect(integration, "new");
    expect(states.at(-1)?.portal?.credentials).toEqual([]);
  });

  it("says network, refusal and the end of the session apart", async () => {
    const refused = {
      message: "no",
      code: "0704",
      meta: { isIntegrationError: true, message: "Bad key" },
    };
    const { host, states } = hostWith({
      ...loaded(),
      "POST /sdk/credentials": () => json(refused, 401),
      "GET /sdk/over": () => json({ message: "expired" }, 401),
    });
    await host.load();
    await expect(host.request("/sdk/none", { method: "GET" })).rejects.toMatchObject({
      kind: "network",
    });
    await expect(host.request("/sdk/credentials", { method: "POST" })).rejects.toMatchObject({
      message: "Bad key",
    });
    expect(states.at(-1)?.isAuthenticated).toBe(true);
    await expect(host.request("/sdk/over", { method: "GET" })).rejects.toThrow();
    expect(states.at(-1)?.isAuthenticated).toBe(false);
  });
});

describe("openHostedSession", () => {
  it("refuses an answer without a token", async () => {
    const doFetch = (async () => json({ projectId: "p" })) as unknown as typeof fetch;
    await expect(openHostedSession("link", doFetch)).rejects.toMatchObject({ kind: "refused" });
  });
});
