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

describe("a link for no single integration", () => {
  it("lets the user choose, and shows what was chosen", async () => {
    const answers = loaded();
    const inactive = {
      ...(message().modal.integration as object),
      id: "i-2",
      type: "off",
      isActive: false,
    };
    const doFetch = (async (url: unknown) => {
      const path = String(url).replace("https://api/projects/p", "");
      if (path === "/sdk/me") return answers["GET /sdk/me"]();
      const listed = await answers["GET /sdk/integrations"]().json();
      return json([...listed, inactive]);
    }) as unknown as typeof fetch;
    const open = { ...session, integration: undefined };
    const host = new HttpHost({ session: open, window, fetch: doFetch, onClosed: () => {} });
    const states: HostState[] = [];
    host.subscribe((state) => states.push(state));
    await host.load();
    expect(states.at(-1)?.portal).toBeUndefined();
    const types = host.catalogue().map(({ integration }) => integration.type);
    expect(types).toEqual(["acme"]);
    host.open("acme");
    expect(states.at(-1)?.portal?.integration.type).toBe("acme");
    host.closed();
    expect(states.at(-1)?.portal).toBeUndefined();
  });

  it("goes back to web addresses only", async () => {
    const opened = async (redirectUrl: unknown) => {
      const answer = { token: "t", projectId: "p", apiUrl: "https://api/", redirectUrl };
      return await openHostedSession("l", (async () => json(answer)) as unknown as typeof fetch);
    };
    expect((await opened("https://app.example.com/x")).redirectUrl).toBe(
      "https://app.example.com/x",
    );
    expect((await opened("javascript:alert(1)")).redirectUrl).toBeUndefined();
    expect((await opened(null)).redirectUrl).toBeUndefined();
    expect((await opened(null)).apiUrl).toBe("https://api");
  });
});
