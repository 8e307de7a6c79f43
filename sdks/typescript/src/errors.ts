// The one error that this package throws for what a server, a provider or a window did.
// A call that the app itself aborted fails with the reason of its signal instead.

/** Codes that come from this package; all others are the server's (`docs/errors` describes them). */
export type OwnCode =
  | "network"
  | "timeout"
  | "no_token"
  | "bad_answer"
  | "redirected"
  | "invalid_settings"
  | "integration_unknown"
  | "popup_blocked"
  | "oauth_failed"
  | "oauth_timeout"
  | "portal_failed";

export interface ErrorDetails {
  /** The HTTP status; 0 when there was no answer. */
  status?: number;
  meta?: Record<string, unknown>;
  isIntegrationError?: boolean;
  body?: unknown;
  retryAfterMs?: number;
  requestId?: string;
  cause?: unknown;
}

/** Why a call failed. Match on `code`; `message` is for people and may change. */
export class TenonError extends Error {
  override readonly name = "TenonError";
  readonly code: OwnCode | (string & {});
  readonly status: number;
  /** More of what the server said, such as `errors`: the single faults of a body. */
  readonly meta: Record<string, unknown>;
  /** The provider or the account is the reason, and neither the app nor Tenon. */
  readonly isIntegrationError: boolean;
  /** The body of the answer, where it was text or JSON. */
  readonly body?: unknown;
  /** When to come again, where the server says so. */
  readonly retryAfterMs?: number;
  /** Names the request in the server's log. */
  readonly requestId?: string;

  constructor(code: OwnCode | (string & {}), message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status ?? 0;
    this.meta = details.meta ?? {};
    this.isIntegrationError = details.isIntegrationError ?? false;
    this.body = details.body;
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
  }
}

/** Reads an answer that is not a success. Both shapes are known: that of users and problem+json. */
export async function errorOf(response: Response): Promise<TenonError> {
  const text = await response.text().catch(() => "");
  const body = jsonOf(text);
  const said = isRecord(body) ? body : {};
  const { status } = response;
  const meta = isRecord(said.meta) ? { ...said.meta } : {};
  for (const name of ["errors", "help", "detail", "run", "step"]) {
    if (said[name] !== undefined) meta[name] = said[name];
  }
  const message =
    textOf(meta.message) ??
    textOf(said.message) ??
    textOf(said.detail) ??
    textOf(said.title) ??
    `the server answered ${status}`;
  return new TenonError(textOf(said.code) ?? `http_${status}`, message, {
    status,
    meta,
    isIntegrationError: meta.isIntegrationError === true,
    body: body ?? (text || undefined),
    retryAfterMs: retryAfterOf(response),
    requestId: textOf(said.request_id) ?? response.headers.get("x-request-id") ?? undefined,
  });
}

/** What `fetch` failed with: no connection, or the app's own abort, which stays as it is. */
export function failureOf(cause: unknown, signal?: AbortSignal | null): unknown {
  if (signal?.aborted) return signal.reason;
  if (isTimeout(cause)) return new TenonError("timeout", "the call took too long", { cause });
  return new TenonError("network", "the server cannot be reached", { cause });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a JSON text; nothing when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === "TimeoutError";
}

/** `Retry-After` in both of its forms. */
function retryAfterOf(response: Response): number | undefined {
  const value = response.headers.get("retry-after");
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
