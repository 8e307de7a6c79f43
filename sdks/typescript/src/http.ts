// What both entries need to speak HTTP: addresses, queries, header values, bodies.

import { isRecord, jsonOf, TenonError } from "./errors.js";

// Names that exist with the library of browsers and with that of Node alone.
export type HeaderValues = Headers | Record<string, string> | [string, string][];
export type Body = NonNullable<RequestInit["body"]>;

export type Query = Record<string, string | number | boolean | undefined | null>;

/** The address of a server, without a slash at its end. */
export function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") {
    throw new TypeError(`\`${url}\` is not an address that begins with http:// or https://`);
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

/** `?a=b`, or nothing. Members that are undefined or null are left out. */
export function queryOf(query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) search.append(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** A header value that is not ASCII goes out as UTF-8, which is how the server reads it. */
export function headerOf(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte)).join("");
}

/**
 * Where a call through the proxy goes: `root` is the integration's route, `path` is below it or a
 * whole address, which travels in a header. A path that leads out of the route is refused.
 */
export function proxyTarget(
  root: string,
  path: string,
  query: Query = {},
): { url: string; headers: Record<string, string> } {
  const isWhole = /^https?:\/\//i.test(path);
  const target = isWhole ? path : `${root}${path.replace(/^\/+/, "")}`;
  const [address = "", ...rest] = target.split("?");
  const asked = [...(rest.length > 0 ? [rest.join("?")] : []), queryOf(query).slice(1)];
  const search = asked.filter((part) => part !== "").join("&");
  const url = search === "" ? address : `${address}?${search}`;
  if (isWhole) return { url: root, headers: { "X-Tenon-Proxy-Url": headerOf(url) } };
  if (!new URL(url).href.startsWith(new URL(root).href)) {
    throw new TypeError(`the path \`${path}\` leads out of the provider's API`);
  }
  return { url, headers: {} };
}

/** A body for `fetch`: what it takes itself stays, all else becomes JSON. */
export function bodyOf(body: unknown): { body?: Body; isJson: boolean } {
  if (body === undefined) return { isJson: false };
  const isPlain = Array.isArray(body) || isPlainObject(body) || typeof body !== "object";
  if (isPlain && typeof body !== "string") return { body: JSON.stringify(body), isJson: true };
  if (body === null) return { body: "null", isJson: true };
  return { body: body as Body, isJson: false };
}

/** The JSON of a success; nothing for one without a body. */
export async function resultOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (text === "") return undefined as T;
  const value = jsonOf(text);
  if (value === undefined) {
    const { status } = response;
    throw new TenonError("bad_answer", "the server did not answer JSON", { status, body: text });
  }
  return value as T;
}

/** What a workflow answered: JSON where it says so, else text. */
export async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
  if (text === "") return undefined;
  return isJson ? (jsonOf(text) ?? text) : text;
}

function isPlainObject(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
