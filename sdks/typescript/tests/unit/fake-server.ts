// A `fetch` that answers from a list and remembers what it was asked.

export interface Asked {
  method: string;
  url: URL;
  path: string;
  headers: Headers;
  body: unknown;
  init: RequestInit;
}

export type Answer = Response | Error | ((asked: Asked) => Response | Promise<Response>);

export class FakeServer {
  readonly asked: Asked[] = [];
  readonly #answers: Answer[] = [];
  #always?: Answer;

  next(...answers: Answer[]): this {
    this.#answers.push(...answers);
    return this;
  }

  always(answer: Answer): this {
    this.#always = answer;
    return this;
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (!last) throw new Error("nothing was asked");
    return last;
  }

  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const text = typeof init.body === "string" ? init.body : undefined;
    const asked: Asked = {
      method: init.method ?? "GET",
      url,
      path: `${url.pathname}${url.search}`,
      headers: new Headers(init.headers),
      body: text === undefined ? init.body : parsed(text),
      init,
    };
    this.asked.push(asked);
    init.signal?.throwIfAborted();
    const answer = this.#answers.shift() ?? this.#always;
    if (!answer) throw new Error(`nobody expected ${asked.method} ${asked.path}`);
    if (answer instanceof Error) throw answer;
    return typeof answer === "function" ? await answer(asked) : answer.clone();
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

/** An error body of the Connect API. */
export function refused(status: number, code: string, meta: object = {}): Response {
  return json({ message: `refused: ${code}`, code, status, meta }, status);
}

export function account(id: string, more: object = {}) {
  return {
    id,
    integrationId: "i-1",
    status: "VALID" as const,
    providerData: {},
    configurations: [configuration(`${id}-default`, { isDefault: true })],
    dateCreated: "2026-01-01T00:00:00.000Z",
    dateUpdated: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}

export function configuration(id: string, more: object = {}) {
  return {
    id,
    connectCredentialId: "a-1",
    isDefault: false,
    sharedSettings: {},
    workflowSettings: {},
    configMeta: {},
    dateCreated: "2026-01-01T00:00:00.000Z",
    dateUpdated: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}
