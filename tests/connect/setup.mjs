// The project that the checks work with: three connectors of a shop on loopback, what users are
// asked, workflows, and a key that signs tokens. All of it goes through the product's own API.

import { createPrivateKey, sign } from "node:crypto";

/** By the provider's page alone. */
export const SHOP = "custom.shop";
/** By a form alone, with an input of every type. */
export const LEDGER = "custom.ledger";
/** One of two ways, with something to fill in before the provider's page and after it. */
export const DESK = "custom.desk";

const LIFECYCLE = {
  identity: {
    steps: [
      {
        id: "me",
        request: { url: "/me" },
        save: { id: "{{response.body.id}}", name: "{{response.body.name}}" },
      },
    ],
    id: "{{steps.me.id}}",
    name: "{{steps.me.name}}",
  },
};

const OAUTH = {
  id: "oauth",
  type: "oauth2",
  title: "account with sign-in",
  authorize_url: "{{app.issuer}}/auth",
  // The shop asks each time, so that several of its accounts can be connected.
  authorize_params: { prompt: "login" },
  token_url: "{{app.issuer}}/token",
  token_request: { client_auth: "basic" },
  scopes: { default: ["openid", "profile", "offline_access"] },
};

const KEY = {
  id: "key",
  type: "api_key",
  title: "account with an API key",
  fields: [
    {
      name: "api_key",
      title: "API key",
      type: "password",
      description: "In the shop's settings, under Keys.",
    },
  ],
  inject: { headers: { authorization: "Bearer {{fields.api_key}}" } },
};

const ACTIONS = [
  {
    id: "create_note",
    title: "Create a note",
    effect: "create",
    input: {
      type: "object",
      required: ["text"],
      additionalProperties: false,
      properties: { text: { type: "string" } },
    },
    output: { type: "object" },
    request: { method: "POST", url: "/notes", body: { json: { text: "{{input.text}}" } } },
  },
];

function manifest(name, title, color, auth) {
  return {
    format: 1,
    name,
    version: "1.0.0",
    title,
    color,
    description: `${title}, on loopback.`,
    categories: ["testing"],
    docs: "https://shop.example/docs",
    app_fields: [
      { name: "issuer", title: "Authorization server", type: "url" },
      { name: "api", title: "API", type: "url" },
    ],
    auth,
    proxy: { base_url: [{ url: "{{app.api}}" }], allow_http: true },
    lifecycle: LIFECYCLE,
    actions: ACTIONS,
  };
}

const CONNECTORS = {
  [SHOP]: manifest("shop", "Shop", "#1b5e3f", [OAUTH]),
  [LEDGER]: manifest("ledger", "Ledger", "#7a3b00", [
    {
      ...KEY,
      fields: [
        ...KEY.fields,
        {
          name: "subdomain",
          title: "Subdomain",
          type: "subdomain",
          strip_suffix: [".ledger.example"],
          example: "acme",
        },
      ],
    },
  ]),
  [DESK]: manifest("desk", "Desk", "#3b2f8f", [
    {
      ...OAUTH,
      fields: [
        { name: "site", title: "Site", type: "subdomain", example: "acme" },
        { name: "brand", title: "Brand", type: "text", automated: true },
      ],
    },
    KEY,
  ]),
};

const PRO = {
  operator: "$stringExactlyMatches",
  variable: "{{user.meta.plan}}",
  argument: "pro",
};

const note = (id, text, more = {}) => ({
  id,
  type: "action",
  connector: SHOP,
  action: "create_note",
  input: { text },
  ...more,
});

const DOCUMENTS = {
  shop: {
    kind: "integration",
    version: 1,
    connector: SHOP,
    portal: {
      description: "Notes about your orders.",
      overview: "Connect your shop, then choose what is **noted**.\n\n- New orders\n- A hello\n",
      accent_color: "#1b5e3f",
    },
    inputs: [
      { id: "shelf", title: "Shelf", type: "text", placeholder: "front" },
      { id: "loud", title: "In capitals", type: "switch", default: false },
    ],
  },
  ledger: {
    kind: "integration",
    version: 1,
    connector: LEDGER,
    portal: { description: "Every kind of question." },
    inputs: [
      { id: "text", title: "Text", type: "text", required: false, tooltip: "Anything." },
      { id: "lines", title: "Lines", type: "text_area", required: false },
      { id: "number", title: "Number", type: "number", default: 25 },
      { id: "email", title: "Email", type: "email", required: false },
      { id: "address", title: "Address", type: "url", required: false },
      { id: "word", title: "Secret word", type: "password", required: false },
      { id: "yes", title: "Yes or no", type: "boolean", required: false },
      {
        id: "color",
        title: "Color",
        type: "select",
        required: false,
        options: [
          { label: "Red", value: "red" },
          { label: "Blue", value: "blue" },
        ],
      },
      { id: "team", title: "Team", type: "custom_dropdown", key: "teams", required: false },
      { id: "copy", title: "Address for the ledger", type: "copyable", default: "https://a.example" },
      { id: "file", title: "Statement", type: "file", required: false },
      { id: "fixed", title: "Fixed", type: "text", default: "as it is", read_only: true },
    ],
  },
  "new-order": {
    version: 1,
    name: "new-order",
    integration: SHOP,
    portal: { title: "New orders", info: "A note for each order.", order: 2 },
    inputs: [
      { id: "minimum", title: "Smallest order", type: "number", default: 0 },
      { id: "mention", title: "Whom to mention", type: "text", required: false },
    ],
    triggers: [{ type: "app_event", event: "order.created" }],
    steps: [
      {
        id: "is_large",
        type: "conditional",
        if: {
          operator: "$numberGreaterThanOrEqualTo",
          variable: "{{trigger.event.total}}",
          argument: "{{settings.minimum}}",
        },
        // biome-ignore lint/suspicious/noThenProperty: a member of the document.
        then: "noted",
      },
      note("noted", "order {{trigger.event.id}} on {{shared.shelf}}"),
    ],
    settings: { enabled_by_default: false },
  },
  hello: {
    version: 1,
    name: "hello",
    integration: SHOP,
    portal: { title: "Say hello", info: "Once, when it is switched on.", order: 1 },
    triggers: [{ type: "integration_enabled" }],
    steps: [note("noted", "hello from {{user.id}}")],
    settings: { enabled_by_default: false },
  },
  quote: {
    version: 1,
    name: "quote",
    integration: SHOP,
    portal: { title: "Quotes", hidden: true, order: 3 },
    triggers: [{ type: "request" }],
    steps: [
      {
        id: "answer",
        type: "response",
        status: 200,
        body: {
          json: {
            total: "{{trigger.request.body.pieces}}",
            shelf: '{{shared?.shelf ?? "none"}}',
            tried: '{{trigger.request.params.tried ?? "no"}}',
          },
        },
      },
    ],
    settings: { enabled_by_default: false },
  },
  "for-some": {
    version: 1,
    name: "for-some",
    integration: SHOP,
    portal: { title: "For the pro plan", order: 4, permissions: PRO },
    triggers: [{ type: "app_event", event: "order.closed" }],
    steps: [{ id: "wait", type: "delay", seconds: 1 }],
    settings: { enabled_by_default: false },
  },
};

/** Puts everything into the project; answers what the checks need to know of it. */
export async function setUp({ base, project, apiKey }, shop) {
  const call = caller({ base, project, apiKey });
  const values = {
    issuer: shop.issuer,
    api: shop.api,
    client_id: "shop-app",
    client_secret: shop.secret,
  };
  for (const [name, connector] of Object.entries(CONNECTORS)) {
    await call("PUT", `/connectors/${name}`, connector);
    await call("POST", "/integrations", { connector: name });
    for (const { id, type } of connector.auth) {
      const { client_id, client_secret, ...places } = values;
      await call("PUT", `/integrations/${name}/apps/${id}`, {
        values: type === "oauth2" ? values : places,
      });
    }
  }
  const documents = Object.entries(DOCUMENTS).map(([name, document]) => ({
    file: `${name}.json`,
    text: JSON.stringify(document),
  }));
  const { applied } = await call("POST", "/workflows/apply", { documents });
  const workflows = Object.fromEntries(
    applied.filter((one) => one.workflow_id).map(({ name, workflow_id: id }) => [name, id]),
  );
  return { call, workflows, signer: await newSigner(call) };
}

/** A signing key of the project. */
export async function newSigner(call) {
  const key = await call("POST", "/signing-keys", {});
  const secret = createPrivateKey(key.private_key);
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const given = [];
  /** A token of a user. */
  const token = (sub, claims = {}) => {
    const now = Math.floor(Date.now() / 1_000);
    const header = encoded({ alg: "RS256", typ: "JWT", kid: key.id });
    const text = `${header}.${encoded({ sub, iat: now, exp: now + 1_800, ...claims })}`;
    const whole = `${text}.${sign("sha256", Buffer.from(text), secret).toString("base64url")}`;
    given.push(whole);
    return whole;
  };
  return { id: key.id, token, given };
}

function caller({ base, project, apiKey }) {
  return async (method, path, body) => {
    const response = await fetch(`${base}/api/v1/projects/${project}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
}
