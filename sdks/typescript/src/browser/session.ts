// Calls as a connected user: the token, its renewal, and where each part of Tenon is.
// It keeps nothing beyond the page: no storage, no cookies.

import { errorOf, failureOf, isRecord, jsonOf, TenonError } from "../errors.js";
import {
  bodyOf,
  type HeaderValues,
  headerOf,
  originOf,
  type Query,
  queryOf,
  resultOf,
} from "../http.js";
import type { Emitter } from "./emitter.js";

/** A token, or a function that gets one from the app's own server. */
export type Token = string | (() => string | Promise<string>);

/** One address for all, or one for each part. Parts that are left out are at `api`. */
export type Addresses =
  | string
  | { api: string; events?: string; proxy?: string; portal?: string; assets?: string };

export type Part = "api" | "events" | "proxy" | "portal" | "assets";

export interface SessionOptions {
  url: Addresses;
  projectId: string;
  token: Token;
  fetch?: typeof fetch;
}

/** Which account and which of its configurations a call is about. */
export interface Target {
  /** An account's id, or `ext:` and your own name for it. Without it: the oldest. */
  account?: string;
  /** A configuration's id, or `ext:` and your own name for it. Without it: the default one. */
  configuration?: string;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface Call extends Target, CallOptions {
  method?: string;
  query?: Query;
  body?: unknown;
  headers?: HeaderValues;
  part?: Part;
  /** `manual` unless it says otherwise: a redirect would take the token elsewhere. */
  redirect?: RequestRedirect;
}

export class Session {
  readonly projectId: string;
  readonly #token: Token;
  readonly #urls: Partial<Record<Part, string>> & { api: string };
  readonly #fetch: typeof fetch;
  readonly #emitter: Emitter;
  #current?: Promise<string>;

  constructor(options: SessionOptions, emitter: Emitter) {
    const { url } = options;
    const urls = typeof url === "string" ? { api: url } : url;
    const given = Object.entries(urls).filter(([, address]) => address !== undefined);
    this.#urls = Object.fromEntries(given.map(([part, address]) => [part, originOf(address)])) as {
      api: string;
    };
    this.projectId = options.projectId;
    this.#token = options.token;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#emitter = emitter;
  }

  /** Where a part of Tenon is. */
  base(part: Part = "api"): string {
    return this.#urls[part] ?? this.#urls.api;
  }

  /** The address of a path of this project. */
  url(path: string, part?: Part): string {
    return `${this.base(part)}/projects/${encodeURIComponent(this.projectId)}/sdk${path}`;
  }

  /** Calls a path of this project and gives the JSON of its answer. */
  async call<T>(path: string, call: Call = {}): Promise<T> {
    return await resultOf<T>(await this.ask(this.url(path, call.part), call));
  }

  /** Calls an address. An answer that is not a success is thrown. */
  async ask(url: string, call: Call = {}): Promise<Response> {
    const response = await this.send(url, call);
    if (response.ok) return response;
    throw await errorOf(response);
  }

  /** Calls an address with the token; asks for a new token once when this one is refused. */
  async send(url: string, call: Call = {}): Promise<Response> {
    const { body, isJson } = bodyOf(call.body);
    const init: RequestInit = {
      method: call.method ?? "GET",
      headers: headersOf(call, isJson),
      body,
      signal: call.signal,
      credentials: "omit",
      redirect: call.redirect ?? "manual",
    };
    if (isStream(body)) Object.assign(init, { duplex: "half" });
    const address = `${url}${queryOf(call.query)}`;
    const token = await this.#get();
    const response = await this.#once(address, init, token);
    if (!(await isSessionRefused(response))) return response;
    // A stream is spent; a text cannot be renewed.
    const renewed = typeof this.#token === "string" ? token : await this.#renew(token);
    if (renewed !== token && !isStream(body)) {
      const second = await this.#once(address, init, renewed);
      if (!(await isSessionRefused(second))) return second;
      return await this.#ended(second);
    }
    return await this.#ended(response);
  }

  async #once(url: string, init: RequestInit, token: string): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${token}`);
    try {
      return await this.#fetch(url, { ...init, headers });
    } catch (error) {
      throw failureOf(error, init.signal);
    }
  }

  async #ended(response: Response): Promise<never> {
    const error = await errorOf(response);
    this.#emitter.emit("sessionEnded", { error });
    throw error;
  }

  async #get(): Promise<string> {
    this.#current ??= this.#load();
    return await this.#current;
  }

  /** Calls that are refused at the same time ask for one new token together. */
  async #renew(refused: string): Promise<string> {
    const before = this.#current;
    const current = await this.#get();
    if (current !== refused) return current;
    if (this.#current === before) this.#current = this.#load();
    return await this.#get();
  }

  #load(): Promise<string> {
    const loading = this.#read().catch((error: unknown) => {
      // The next call tries again.
      if (this.#current === loading) this.#current = undefined;
      throw error;
    });
    return loading;
  }

  async #read(): Promise<string> {
    const source = this.#token;
    let token: unknown;
    try {
      token = typeof source === "string" ? source : await source();
    } catch (cause) {
      throw new TenonError("no_token", "the app could not get a token", { cause });
    }
    if (typeof token === "string" && token !== "") return token;
    throw new TenonError("no_token", "the app gave no token");
  }
}

function headersOf(call: Call, isJson: boolean): Headers {
  const headers = new Headers(call.headers);
  if (!headers.has("Accept")) headers.set("Accept", "application/json");
  if (isJson && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
  // The names that every part of Tenon knows.
  if (call.account) headers.set("X-Paragon-Credential", headerOf(call.account));
  if (call.configuration) headers.set("X-Paragon-Configuration-Id", headerOf(call.configuration));
  return headers;
}

/** A provider that refuses an account also answers 401; that is not about the session. */
async function isSessionRefused(response: Response): Promise<boolean> {
  if (response.status !== 401 || response.headers.get("x-tenon-source") === "provider")
    return false;
  const body = jsonOf(
    await response
      .clone()
      .text()
      .catch(() => ""),
  );
  const meta = isRecord(body) ? body.meta : undefined;
  return !(isRecord(meta) && meta.isIntegrationError === true);
}

function isStream(body: unknown): boolean {
  return typeof ReadableStream !== "undefined" && body instanceof ReadableStream;
}
