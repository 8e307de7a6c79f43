// What runs: events of the app, requests of workflows, and the runs that come of both.

import { isRecord, TenonError } from "../errors.js";
import { answerOf, type Query } from "../http.js";
import { type Api, type Call, type CallOptions, part } from "./api.js";
import { Pages } from "./pages.js";
import { pause } from "./retry.js";
import type {
  AcceptedRun,
  EventAccepted,
  LoggedEvent,
  Run,
  RunFilter,
  StepFilter,
  StepRecord,
} from "./schemas.js";

/** Which of a user's accounts is meant. Ids, or `ext:` and your own name. */
export interface Target {
  account?: string;
  configuration?: string;
}

export interface NewEvent extends Target, CallOptions {
  name: string;
  /** The connected user that it is about. */
  user?: string;
  payload?: unknown;
  /** Names this event, so that sending it again runs nothing twice. Made up when left out. */
  idempotencyKey?: string;
}

export class Events {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Runs every workflow that listens. Repeated when the network or the server fails. */
  async send(event: NewEvent): Promise<EventAccepted> {
    const { name, user, payload = null, idempotencyKey = crypto.randomUUID(), ...rest } = event;
    const body = { name, payload, ...(user === undefined ? {} : { user }) };
    return await this.#api.call("/events", { ...rest, method: "POST", body, idempotencyKey });
  }
}

export interface WorkflowRequest extends Target, CallOptions {
  method?: string;
  user?: string;
  query?: Query;
  headers?: Record<string, string>;
  /** An object goes out as JSON; form data, text and blobs as they are. */
  body?: unknown;
  /** With it the request is repeated when it fails; a repeated one answers `{run}` only. */
  idempotencyKey?: string;
}

export interface WorkflowAnswer<Body> {
  status: number;
  /** What the workflow's response step said; without such a step `{run}`. */
  body: Body;
  run?: string;
}

export class Workflows {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Runs a workflow that has a request trigger, by its name or id, and gives its answer. */
  async run<Body = unknown>(
    workflow: string,
    request: WorkflowRequest = {},
  ): Promise<WorkflowAnswer<Body>> {
    const call: Call = { method: "POST", ...request };
    const response = await this.#api.ask(`/triggers/${part(workflow)}`, call);
    const body = (await answerOf(response)) as Body;
    const run = response.headers.get("tenon-run") ?? runIn(body);
    return { status: response.status, body, run };
  }
}

export class Runs {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Runs, newest first. */
  list(filter: RunFilter & CallOptions = {}): Pages<Run> {
    const { signal, timeoutMs, ...query } = filter;
    return new Pages(async (cursor) => {
      const call = { query: { ...query, cursor }, signal, timeoutMs };
      const page = await this.#api.call<{ runs: Run[]; next?: string | null }>("/runs", call);
      return { items: page.runs, next: page.next ?? undefined };
    });
  }

  get(run: string, options: CallOptions = {}): Promise<Run> {
    return this.#api.call(`/runs/${part(run)}`, options);
  }

  /** What a run's steps did, with their inputs and outputs unless `payloads` says otherwise. */
  steps(run: string, filter: StepFilter & CallOptions = {}): Pages<StepRecord> {
    const { signal, timeoutMs, ...query } = filter;
    const path = `/runs/${part(run)}/steps`;
    return new Pages(async (cursor) => {
      const call = { query: { ...query, cursor }, signal, timeoutMs };
      const page = await this.#api.call<{ steps: StepRecord[]; next?: string | null }>(path, call);
      return { items: page.steps, next: page.next ?? undefined };
    });
  }

  /** What its trigger gave. */
  input(run: string, options: CallOptions = {}): Promise<unknown> {
    return this.#api.call(`/runs/${part(run)}/input`, options);
  }

  /** Runs it again: the same version with the same input. Is not repeated by itself. */
  async replay(
    run: string,
    options: CallOptions & { from?: "start" | "failed_step" } = {},
  ): Promise<{ run: string }> {
    const { from = "start", ...rest } = options;
    const call = { ...rest, method: "POST", body: { from } };
    const accepted = await this.#api.call<AcceptedRun>(`/runs/${part(run)}/replay`, call);
    return { run: accepted.run_id };
  }

  async cancel(run: string, options: CallOptions = {}): Promise<void> {
    await this.#api.call(`/runs/${part(run)}/cancel`, { ...options, method: "POST" });
  }

  /**
   * Waits until it has ended, however that was. Asks every `everyMs` milliseconds (1,000), for
   * `withinMs` at most (60,000).
   */
  async ended(
    run: string,
    options: CallOptions & { everyMs?: number; withinMs?: number } = {},
  ): Promise<Run> {
    const { everyMs = 1_000, withinMs = 60_000, ...rest } = options;
    const end = Date.now() + withinMs;
    for (;;) {
      const found = await this.get(run, rest);
      if (["succeeded", "failed", "cancelled", "parked"].includes(found.status)) return found;
      if (Date.now() + everyMs > end) {
        throw new TenonError("timeout", `the run is still ${found.status}`);
      }
      await pause(everyMs, rest.signal);
    }
  }
}

export class EventLog {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** What happened to accounts behind a number, in its order, up to now. */
  list(filter: { after?: number; limit?: number } & CallOptions = {}): Pages<LoggedEvent> {
    const { signal, timeoutMs, after, limit } = filter;
    return new Pages(async (cursor) => {
      const call = { query: { after: cursor ?? after, limit }, signal, timeoutMs };
      const path = "/event-log";
      const page = await this.#api.call<{ events: LoggedEvent[]; next: number }>(path, call);
      // `next` is also there when nothing follows yet: it is where to go on later.
      const next = page.events.length > 0 ? String(page.next) : undefined;
      return { items: page.events, next };
    });
  }
}

function runIn(body: unknown): string | undefined {
  return isRecord(body) && typeof body.run === "string" ? body.run : undefined;
}
