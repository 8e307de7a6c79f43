// Why a call failed, in the three ways a page can react: try again, correct, give up.

import { isObject, list, object, text } from "../wire/read";

export type FailureKind = "network" | "popup_blocked" | "refused" | "timeout";

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code?: string;

  constructor(kind: FailureKind, message: string, code?: string) {
    super(message);
    this.name = "Failure";
    this.kind = kind;
    this.code = code;
  }
}

const NETWORK = /failed to fetch|networkerror|load failed|network request failed|err_internet/i;
const BLOCKED = /popup|pop-up|blocked/i;
const MESSAGE_MAX_CHARS = 300;

/**
 * Makes a failure of the text that an SDK call failed with: a sentence, or the JSON of an error body
 * `{message, code, status, meta}`. A body without a sentence gives an empty message.
 */
export function failureOf(message: string): Failure {
  if (NETWORK.test(message)) return new Failure("network", "");
  const body = parse(message);
  if (body !== undefined) return refusedBy(body);
  if (BLOCKED.test(message) && /oauth|window|popup|pop-up/i.test(message)) {
    return new Failure("popup_blocked", "");
  }
  return new Failure("refused", plain(message));
}

/** The failure that an error body of the API says. */
export function refusedBy(body: unknown): Failure {
  const error = object(body);
  const message = text(object(error.meta).message) ?? sentence(error.message);
  return new Failure("refused", plain(message), text(error.code));
}

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return failureOf(error instanceof Error ? error.message : String(error));
}

function sentence(message: unknown): string {
  if (Array.isArray(message)) return constraints(message).join(", ");
  return text(message) ?? "";
}

/** The sentences in a list of validation errors `{constraints, children}`. */
function constraints(entries: unknown[]): string[] {
  return entries.flatMap((entry) => {
    if (typeof entry === "string") return [entry];
    const own = Object.values(object(object(entry).constraints)).flatMap((value) =>
      typeof value === "string" ? [value] : [],
    );
    return [...own, ...constraints(list(object(entry).children))];
  });
}

function parse(message: string): unknown {
  if (!message.startsWith("{") && !message.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(message);
    if (Array.isArray(value)) return { message: value };
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Outside text for people: one paragraph of bounded length, never markup. */
function plain(message: string): string {
  const flat = /<[a-z!/]/i.test(message) ? "" : message.replace(/\s+/g, " ").trim();
  return flat.length > MESSAGE_MAX_CHARS ? `${flat.slice(0, MESSAGE_MAX_CHARS)}…` : flat;
}
