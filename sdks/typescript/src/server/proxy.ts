// Calls of a provider's API with a user's account. The token stays in Tenon.

import { errorOf } from "../errors.js";
import { type HeaderValues, proxyTarget, type Query } from "../http.js";
import { type Api, type CallOptions, part } from "./api.js";
import { Pages } from "./pages.js";
import type { ProxyCall, ProxyCallFilter } from "./schemas.js";

export interface ProxyInit extends CallOptions {
  method?: string;
  query?: Query;
  headers?: HeaderValues;
  /** An object goes out as JSON; form data, text, blobs and streams as they are. */
  body?: unknown;
  /** Which account: its id, or `ext:` and your own name. Without it the oldest. */
  account?: string;
  /** Another token of the account by its type, such as `user`. */
  tokenType?: string;
}

export class ProviderProxy {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Calls the provider. The answer is the provider's own, as it streams, also when it is an error.
   * Problems of Tenon are thrown. It is not repeated from here: Tenon does so where that is safe.
   * It has no time limit but `timeoutMs`.
   */
  async fetch(
    user: string,
    integration: string,
    path: string,
    init: ProxyInit = {},
  ): Promise<Response> {
    const { query, tokenType, ...rest } = init;
    const target = proxyTarget(this.#api.url(`/proxy/${part(integration)}/`), path, query);
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(target.headers)) headers.set(name, value);
    if (!headers.has("Accept")) headers.set("Accept", "*/*");
    if (tokenType) headers.set("X-Tenon-Token-Type", tokenType);
    if (typeof init.body === "string" && !headers.has("Content-Type")) {
      headers.set("Content-Type", "auto");
    }
    const response = await this.#api.send(target.url, { ...rest, headers, user });
    if (response.headers.get("x-tenon-source") === "provider") return response;
    if (response.ok) return response;
    throw await errorOf(response);
  }
  /** Calls that went through the proxy, newest first. */
  calls(filter: ProxyCallFilter & CallOptions = {}): Pages<ProxyCall> {
    const { signal, timeoutMs, ...query } = filter;
    return new Pages(async (cursor) => {
      const call = { query: { ...query, cursor }, signal, timeoutMs };
      const path = "/proxy-calls";
      const page = await this.#api.call<{ calls: ProxyCall[]; next?: string | null }>(path, call);
      return { items: page.calls, next: page.next ?? undefined };
    });
  }
}
