// Calls of the management API with a project's API key.

import { errorOf, failureOf, TenonError } from "../errors.js";
import {
  bodyOf,
  type HeaderValues,
  headerOf,
  originOf,
  type Query,
  queryOf,
  resultOf,
} from "../http.js";
import { pause, pauseBefore } from "./retry.js";

export interface ApiOptions {
  /** Where Tenon is, such as `https://tenon.example.com`. */
  url: string;
  projectId: string;
  /** An API key of the project. It must never reach a browser. */
  apiKey: string;
  /** How long one attempt may take, in milliseconds: 60,000. Calls of the proxy have no limit. */
  timeoutMs?: number;
  /** How often a call that may be repeated is repeated: 2. */
  repeatsMax?: number;
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface Call extends CallOptions {
  method?: string;
  query?: Query;
  body?: unknown;
  headers?: HeaderValues;
  /** The connected user that the call is for. */
  user?: string;
  account?: string;
  configuration?: string;
  idempotencyKey?: string;
}

const TIMEOUT_MS = 60_000;
const REPEATS_MAX = 2;

export class Api {
  readonly #options: ApiOptions;
  readonly #root: string;
  readonly #fetch: typeof fetch;

  constructor(options: ApiOptions) {
    if (!options.apiKey) throw new TypeError("an API key of the project is needed");
    if (!options.projectId) throw new TypeError("the project's id is needed");
    this.#options = options;
    const project = encodeURIComponent(options.projectId);
    this.#root = `${originOf(options.url)}/api/v1/projects/${project}`;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  url(path: string): string {
    return `${this.#root}${path}`;
  }

  async call<T>(path: string, call: Call = {}): Promise<T> {
    return await resultOf<T>(await this.ask(path, call));
  }

  /** Calls a path, again where that is safe. An answer that is not a success is thrown. */
  async ask(path: string, call: Call = {}): Promise<Response> {
    const method = call.method ?? "GET";
    const repeatsMax = this.#options.repeatsMax ?? REPEATS_MAX;
    const hasIdempotencyKey = call.idempotencyKey !== undefined;
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await this.#once(path, call);
      } catch (error) {
        // The attempt before it did this already.
        const isGone = error instanceof TenonError && error.code === "not_found";
        if (repeats > 0 && method === "DELETE" && isGone)
          return new Response(null, { status: 204 });
        const attempt = { method, hasIdempotencyKey, repeats, repeatsMax };
        const durationMs = call.signal?.aborted ? undefined : pauseBefore(error, attempt);
        if (durationMs === undefined) throw error;
        await pause(durationMs, call.signal);
      }
    }
  }

  /** Calls an address once and gives whatever is answered. Without `timeoutMs` it waits for ever. */
  async send(url: string, call: Call): Promise<Response> {
    const { body, isJson } = bodyOf(call.body);
    const signals = [call.signal, call.timeoutMs && AbortSignal.timeout(call.timeoutMs)];
    const signal = AbortSignal.any(signals.filter((one) => one instanceof AbortSignal));
    // A redirect would take the key elsewhere; of the proxy it is an answer like any other.
    const redirect = "manual";
    const init: RequestInit = { method: call.method ?? "GET", body, signal, redirect };
    if (body instanceof ReadableStream) Object.assign(init, { duplex: "half" });
    try {
      return await this.#fetch(`${url}${queryOf(call.query)}`, {
        ...init,
        headers: this.#headers(call, isJson),
      });
    } catch (error) {
      throw failureOf(error, call.signal);
    }
  }

  async #once(path: string, call: Call): Promise<Response> {
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const response = await this.send(this.url(path), { ...call, timeoutMs });
    if (response.ok) return response;
    throw await errorOf(response);
  }

  #headers(call: Call, isJson: boolean): Headers {
    const headers = new Headers(call.headers);
    if (!headers.has("Accept")) headers.set("Accept", "application/json");
    if (isJson && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    const named = {
      "X-Tenon-User": call.user,
      "X-Tenon-Credential": call.account,
      "X-Tenon-Configuration": call.configuration,
      "Idempotency-Key": call.idempotencyKey,
    };
    for (const [name, value] of Object.entries(named)) {
      if (value !== undefined) headers.set(name, headerOf(value));
    }
    headers.set("Authorization", `Bearer ${this.#options.apiKey}`);
    return headers;
  }
}

/** A part of a path. */
export function part(text: string): string {
  if (text === "" || text === "." || text === "..") {
    throw new TypeError(`\`${text}\` is no id`);
  }
  return encodeURIComponent(text);
}
