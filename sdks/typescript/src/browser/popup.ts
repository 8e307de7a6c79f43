// The provider's page in a window of its own, and waiting for the account that comes of it.
//
// The window is opened before anything is awaited, or the browser takes it for an unwanted one. The
// token is in no address. What the window says only makes us ask the server at once, or fail; the
// account itself always comes from the server.

import { isRecord, TenonError } from "../errors.js";
import type { Session } from "./session.js";
import type { Account, Settings } from "./wire.js";

const POLL_PAUSE_MS = 1_000;
/** As long as a session at the server lasts. */
const WAIT_MS = 10 * 60_000;
/** A window that seems closed may only be cut off from us by the provider's page. */
const WAIT_CLOSED_MS = 3 * 60_000;
const WINDOW = "popup,width=560,height=680";

export interface PopupRequest {
  /** The integration's type or id. */
  integration: string;
  /** What is asked for beforehand, such as a subdomain. */
  fields?: Settings;
  /** Options of the installation, as the server names them. */
  installOptions: Record<string, unknown>;
  redirectUrl?: string;
  signal?: AbortSignal;
  /** How long to wait for the user, in milliseconds; at most and normally ten minutes. */
  timeoutMs?: number;
}

/** Opens the window. Must run in a click. */
export function openWindow(): Window {
  const popup = window.open("about:blank", "", WINDOW);
  if (!popup) throw new TenonError("popup_blocked", "the browser blocked the popup window");
  return popup;
}

/** Sends the window to the provider and waits for the account. Closes the window in the end. */
export async function accountOf(
  session: Session,
  popup: Window,
  request: PopupRequest,
): Promise<Account> {
  const key = randomKey();
  const outcome = new Outcome(popup);
  const stop = () => popup.close();
  request.signal?.addEventListener("abort", stop);
  try {
    request.signal?.throwIfAborted();
    const address = await addressOf(session, key, request);
    outcome.listenTo(new URL(address).origin);
    popup.location.href = address;
    return await waitFor(session, key, outcome, request);
  } finally {
    request.signal?.removeEventListener("abort", stop);
    outcome.stop();
    popup.close();
  }
}

async function addressOf(session: Session, key: string, request: PopupRequest): Promise<string> {
  const { projectId } = session;
  const path = `/v2/projects/${encodeURIComponent(projectId)}/sdk/actions/build-oauth`;
  const response = await session.ask(`${session.base()}${path}`, {
    query: {
      action: request.integration,
      integrationId: request.integration,
      endUserSuppliedValues: JSON.stringify(request.fields ?? {}),
      installOptions: JSON.stringify(request.installOptions),
      originForPostMessage: window.location.origin,
      oauthMetaKeyId: key,
      redirectUrl: request.redirectUrl,
    },
    signal: request.signal,
  });
  const body: unknown = await response.json().catch(() => undefined);
  const address = isRecord(body) ? body.redirectUrl : undefined;
  if (typeof address === "string" && /^https?:\/\//.test(address)) return address;
  throw new TenonError("bad_answer", "the server did not say where to send the user");
}

async function waitFor(
  session: Session,
  key: string,
  outcome: Outcome,
  request: PopupRequest,
): Promise<Account> {
  const path = `/actions/session-id/${key}`;
  const { signal } = request;
  const clock = { begun: Date.now(), closed: 0 };
  try {
    for (;;) {
      await outcome.pause(POLL_PAUSE_MS, signal);
      const answer = await session.call<unknown>(path, { signal }).catch(unlessPassing);
      const id = isRecord(answer) ? answer.connectCredentialId : undefined;
      if (typeof id === "string") return await session.call<Account>(`/credentials/${id}`);
      const failure = (isRecord(answer) && answer.error) || outcome.failure;
      if (failure) throw refusedBy(failure);
      if (!clock.closed && outcome.isClosed()) clock.closed = Date.now();
      if (isLate(clock, request.timeoutMs)) {
        throw new TenonError("oauth_timeout", "the user did not finish at the provider in time");
      }
    }
  } finally {
    // Nobody asks for it any more. Sessions end by themselves, so a failure means nothing.
    void session.call(path, { method: "DELETE" }).catch(() => undefined);
  }
}

function isLate(clock: { begun: number; closed: number }, timeoutMs = WAIT_MS): boolean {
  const now = Date.now();
  const isAbandoned = clock.closed > 0 && now - clock.closed > WAIT_CLOSED_MS;
  return isAbandoned || now - clock.begun > Math.min(timeoutMs, WAIT_MS);
}

/** A lost network and a server that restarts are waited for; a refusal is not. */
function unlessPassing(error: unknown): undefined {
  const isPassing =
    error instanceof TenonError &&
    (error.code === "network" || error.status >= 500 || error.status === 429);
  if (!isPassing) throw error;
}

function refusedBy(said: unknown): TenonError {
  const failure = isRecord(said) ? said : {};
  const more = isRecord(failure.errorResponse) ? failure.errorResponse : failure;
  const [code, message] = [more.code, more.message ?? failure.error];
  return new TenonError(
    "oauth_failed",
    typeof message === "string" && message ? message : "the account could not be connected",
    { isIntegrationError: true, meta: typeof code === "string" ? { code } : {} },
  );
}

/** What the window says of itself. */
class Outcome {
  failure?: unknown;
  readonly #popup: Window;
  #origin?: string;
  #wake?: () => void;

  constructor(popup: Window) {
    this.#popup = popup;
  }

  listenTo(origin: string): void {
    this.#origin = origin;
    window.addEventListener("message", this.#hear);
  }

  stop(): void {
    window.removeEventListener("message", this.#hear);
  }

  isClosed(): boolean {
    return this.#popup.closed;
  }

  /** Waits, but not longer than until the window said something. */
  async pause(durationMs: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(signal?.reason);
      const wake = () => {
        signal?.removeEventListener("abort", abort);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(wake, durationMs);
      this.#wake = wake;
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  readonly #hear = (event: MessageEvent): void => {
    if (event.source !== this.#popup || event.origin !== this.#origin) return;
    if (!isRecord(event.data)) return;
    if (event.data.type === "oauth_error_callback") this.failure = event.data;
    else if (event.data.type !== "tenon:connect") return;
    this.#wake?.();
  };
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
