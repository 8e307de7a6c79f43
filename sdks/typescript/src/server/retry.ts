// Which calls are made again, and when. A call that may have been carried out is repeated only when
// carrying it out twice is the same as once.

import { TenonError } from "../errors.js";

const SAFE_METHODS = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const PASSING_STATUSES = new Set([429, 502, 503, 504]);
const FIRST_PAUSE_MS = 250;
const PAUSE_MAX_MS = 8_000;
/** A server that asks for more patience is not waited for. */
const RETRY_AFTER_MAX_MS = 30_000;

export interface Attempt {
  method: string;
  hasIdempotencyKey: boolean;
  /** How often it was repeated already. */
  repeats: number;
  repeatsMax: number;
}

/** How long to wait before the next attempt; nothing when there is none. */
export function pauseBefore(
  error: unknown,
  attempt: Attempt,
  random: () => number = Math.random,
): number | undefined {
  if (!(error instanceof TenonError) || attempt.repeats >= attempt.repeatsMax) return undefined;
  const isSafe = SAFE_METHODS.has(attempt.method) || attempt.hasIdempotencyKey;
  const isPassing = error.status === 0 ? isLost(error) : PASSING_STATUSES.has(error.status);
  // A 429 was not carried out, whatever it was.
  if (!isPassing || (!isSafe && error.status !== 429)) return undefined;
  const ceiling = Math.min(PAUSE_MAX_MS, FIRST_PAUSE_MS * 2 ** attempt.repeats);
  const jittered = ceiling * (0.5 + random() / 2);
  const { retryAfterMs } = error;
  if (retryAfterMs === undefined) return jittered;
  // Many callers are told the same time; they do not come at the same time.
  return retryAfterMs > RETRY_AFTER_MAX_MS ? undefined : retryAfterMs + random() * FIRST_PAUSE_MS;
}

function isLost(error: TenonError): boolean {
  return error.code === "network" || error.code === "timeout";
}

/** Waits; fails with the signal's reason when that comes first. */
export async function pause(durationMs: number, signal?: AbortSignal | null): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, durationMs);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
