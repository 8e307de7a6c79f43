// What the stub server knows at the start: a project with five integrations, in the shapes of
// `GET /sdk/me` and `GET /sdk/integrations`. Everything here is made up for the tests.

export const PROJECT_ID = "6b1f8f0e-3c52-4c1a-9d55-0a6de1c0a001";

export const uuid = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

const dynamic = (cacheKey, refreshDependencies = []) => ({
  type: "DYNAMIC_DATA_SOURCE",
  title: cacheKey,
  cacheKey,
  refreshDependencies,
  supportPagination: true,
});

const workflow = (id, description, extra = {}) => ({
  id: uuid(id),
  description,
  projectId: PROJECT_ID,
  workflowVersion: 1,
  steps: [],
  ...extra,
});

const meta = (id, order, extra = {}) => ({
  id: uuid(id),
  order,
  defaultEnabled: false,
  hidden: false,
  inputs: [],
  ...extra,
});

function integration(id, type, name, parts) {
  const { values, ...rest } = parts;
  return {
    id: uuid(id),
    projectId: PROJECT_ID,
    type,
    name,
    isActive: true,
    brandColor: "#3450d1",
    customIntegrationId: null,
    customIntegration: null,
    authenticationType: "oauth",
    providerType: type,
    needPreOauthInputs: false,
    hasCredential: true,
    connectedUserLimitOnDevCred: 0,
    connectedUserLimitReached: false,
    noPermissionWorkflows: [],
    workflows: [],
    ...rest,
    configs: [
      { id: uuid(id + 500), integrationId: uuid(id), values: { paragonLink: false, ...values } },
    ],
    sdkIntegrationConfig: {
      oauthInputs: [],
      authConfigInputs: [],
      postOauthInputs: [],
      accountTypes: [],
      dataSources: {},
      ...rest.sdkIntegrationConfig,
    },
  };
}

const OVERVIEW = `Keep your tickets and your chat in **one place**.

#### What you get

- Messages for new tickets, in the channel you choose
- Replies from chat go back to the ticket
- A daily summary at *nine o'clock*

Read more in [the guide](https://example.com/guide).`;

/** Sign-in by OAuth, long lists, several accounts. */
const chatter = integration(1, "chatter", "Chatter", {
  values: {
    accentColor: "#6d3fd4",
    description: "Send updates to your team's channels",
    overview: OVERVIEW,
    sharedMeta: {
      inputs: [
        {
          id: uuid(101),
          title: "Channel",
          type: "DYNAMIC_ENUM",
          sourceType: "channels",
          tooltip: "Only channels that you are a member of are listed.",
          placeholder: "Choose a channel",
        },
        {
          id: uuid(102),
          title: "Mention people",
          type: "SWITCH",
          subtitle: "People who own a ticket are mentioned in its message.",
          required: false,
          defaultValue: true,
        },
      ],
    },
    workflowMeta: {
      [uuid(11)]: meta(11, 1, { infoText: "Posts a message when a ticket is opened." }),
      [uuid(12)]: meta(12, 2, {
        infoText: "A summary of the day, once a day.",
        inputs: [
          { id: uuid(121), title: "Hour", type: "NUMBER", placeholder: "9" },
          { id: uuid(122), title: "Send to", type: "EMAIL", required: false },
        ],
      }),
      [uuid(13)]: meta(13, 3, { hidden: true }),
      [uuid(14)]: meta(14, 4, {}),
    },
  },
  noPermissionWorkflows: [uuid(14)],
  workflows: [
    workflow(11, "New tickets"),
    workflow(12, "Daily summary"),
    workflow(13, "Hidden one"),
    workflow(14, "Forbidden one"),
  ],
  sdkIntegrationConfig: { dataSources: { channels: dynamic("channels") } },
});

/** Keys, with a subdomain. The key "right" is accepted. */
const ledger = integration(2, "ledger", "Ledger", {
  authenticationType: "basic",
  needPreOauthInputs: true,
  values: {
    accentColor: "#0f766e",
    description: "Invoices and payments",
    workflowMeta: { [uuid(21)]: meta(21, 1, { infoText: "Copies each paid invoice." }) },
  },
  workflows: [workflow(21, "Copy invoices")],
  sdkIntegrationConfig: {
    authConfigInputs: [
      {
        id: "SUBDOMAIN",
        title: "Subdomain",
        type: "TEXT_NO_VARS",
        prefixLabel: "https://",
        suffixLabel: ".ledger.example",
        placeholder: "acme",
      },
      {
        id: "API_KEY",
        title: "API key",
        type: "PASSWORD",
        subtitle: "You find it in Ledger under Settings, Developer.",
        documentationLink: "https://example.com/keys",
      },
    ],
  },
});

/** Account types, inputs before the sign-in and after it. */
const desk = integration(3, "desk", "Desk", {
  needPreOauthInputs: true,
  values: { description: "Customer support", workflowMeta: { [uuid(31)]: meta(31, 1) } },
  workflows: [workflow(31, "Sync tickets")],
  sdkIntegrationConfig: {
    oauthInputs: [
      { id: "HOST", title: "Site", type: "TEXT_NO_VARS", suffixLabel: ".desk.example" },
    ],
    postOauthInputs: [{ id: "BRAND", title: "Brand", type: "DYNAMIC_ENUM", sourceType: "brands" }],
    accountTypes: [
      { id: "default", scheme: "oauth" },
      { id: "sandbox", scheme: "oauth", accountDescription: "sandbox account" },
    ],
    dataSources: { brands: dynamic("brands") },
  },
});

/** An input of every type. */
const everything = integration(4, "everything", "Everything", {
  authenticationType: "basic",
  needPreOauthInputs: true,
  values: {
    accentColor: "#f2c14e",
    description: "Every kind of setting",
    sharedMeta: {
      inputs: [
        { id: "text", title: "Text", type: "TEXT_NO_VARS", placeholder: "Some text" },
        { id: "area", title: "Longer text", type: "TEXTAREA_NO_VARS", required: false },
        { id: "number", title: "Number", type: "NUMBER", defaultValue: 25 },
        { id: "email", title: "Email", type: "EMAIL" },
        { id: "url", title: "Address", type: "URL", required: false },
        { id: "password", title: "Secret", type: "PASSWORD", required: false },
        { id: "boolean", title: "Yes or no", type: "BOOLEAN_INPUT" },
        { id: "switch", title: "Switch", type: "SWITCH", tooltip: "On or off." },
        { id: "enum", title: "One of few", type: "ENUM", sourceType: "few" },
        { id: "dynamic", title: "One of many", type: "DYNAMIC_ENUM", sourceType: "channels" },
        {
          id: "dropdown",
          title: "From the app",
          type: "CUSTOM_DROPDOWN",
          key: "teams",
          keyIsDefault: false,
          customDropdownOptions: [],
        },
        {
          id: "loaded",
          title: "Loaded by the app",
          type: "CUSTOM_DROPDOWN",
          key: "people",
          keyIsDefault: false,
          customDropdownOptions: [],
          required: false,
        },
        { id: "combo", title: "Board and list", type: "COMBO_INPUT", sourceType: "boardList" },
        {
          id: "dynamicCombo",
          title: "Project and issue",
          type: "DYNAMIC_COMBO_INPUT",
          sourceType: "projectIssue",
          useDynamicFields: true,
          required: false,
        },
        {
          id: "mapper",
          title: "Contact fields",
          type: "FIELD_MAPPER",
          sourceType: "records",
          savedFieldMappings: [{ label: "First name" }, { label: "Company" }],
          required: false,
        },
        {
          id: "dynamicMapper",
          title: "Task fields",
          type: "FIELD_MAPPER",
          sourceType: "records",
          useDynamicMapper: true,
          dynamicObjectName: "Task",
          savedFieldMappings: [],
          required: false,
        },
        { id: "copy", title: "Copy this", type: "COPYABLE_BUTTON_INPUT", defaultValue: "abc-123" },
        {
          id: "permission",
          title: "Permissions",
          type: "PERMISSION",
          requiredScopes: ["read"],
          scopes: {
            values: [
              { name: "read", label: "Read", description: "Needed in any case." },
              { name: "write", label: "Write", description: "Create and change records." },
            ],
          },
        },
        { id: "file", title: "Key file", type: "FILE", required: false },
        { id: "hidden", title: "Hidden", type: "TEXT_NO_VARS", hidden: true, defaultValue: "h" },
        {
          id: "fixed",
          title: "Fixed",
          type: "TEXT_NO_VARS",
          readOnly: true,
          defaultValue: "as is",
        },
      ],
    },
  },
  sdkIntegrationConfig: {
    authConfigInputs: [{ id: "API_KEY", title: "API key", type: "PASSWORD" }],
    dataSources: {
      few: {
        type: "STATIC_ENUM_DATA_SOURCE",
        id: "few",
        values: [
          { label: "Red", value: "red", subtitle: "Like a tomato" },
          { label: "Green", value: "green" },
        ],
      },
      channels: dynamic("channels"),
      boardList: {
        type: "COMBO_INPUT_DATA_SOURCE",
        id: "boardList",
        mainInputSource: dynamic("boards"),
        dependentInputSource: dynamic("lists", ["board"]),
      },
      projectIssue: {
        type: "DYNAMIC_COMBO_INPUT_DATA_SOURCE",
        id: "projectIssue",
        mainInputSource: dynamic("boards"),
        dependentInputSource: dynamic("lists", ["board"]),
        variableInputSource: dynamic("issueFields", ["board", "list"]),
      },
      records: {
        type: "FIELD_MAPPER_DATA_SOURCE",
        id: "records",
        recordSource: dynamic("objects"),
        fieldSource: dynamic("fields", ["object"]),
      },
    },
  },
});

/** A custom integration without an icon, by OAuth. */
const custom = integration(5, "custom.inhouse", "In-house", {
  values: { description: "Our own service" },
  customIntegrationId: uuid(55),
  customIntegration: { id: uuid(55), name: "In-house", slug: "custom.inhouse", inputFields: [] },
});

export const integrations = [chatter, ledger, desk, everything, custom];

/** One page of a data source. */
export function actionOutput(sourceKey, parameters, { pageCursor, search }) {
  const words = (search ?? "").toLowerCase();
  const chosen = Object.fromEntries(parameters.map(({ key, source }) => [key, source.value]));
  switch (sourceKey) {
    case "channels": {
      const all = Array.from({ length: 5_000 }, (_, n) => ({
        label: `#room-${n}`,
        value: `C${n}`,
      }));
      const found = all.filter(({ label }) => label.includes(words));
      const start = Number(pageCursor) || 0;
      const end = start + 200;
      const nextPageCursor = end < found.length ? String(end) : null;
      return { records: found.slice(start, end), nextPageCursor };
    }
    case "brands":
      return [
        { label: "North", value: "north" },
        { label: "South", value: "south" },
      ];
    case "boards":
      return [
        { title: "Mine", items: [{ label: "Roadmap", value: "roadmap" }] },
        { title: "Shared", items: [{ label: "Support", value: "support" }] },
      ];
    case "lists":
      return [
        { label: `Open (${chosen.board})`, value: "open" },
        { label: "Done", value: "done" },
      ];
    case "issueFields":
      return [
        { id: "summary", title: "Summary", type: "string", required: true },
        {
          id: "labels",
          title: "Labels",
          type: "multi",
          items: [
            { label: "Bug", value: "bug" },
            { label: "Idea", value: "idea" },
          ],
        },
      ];
    case "objects":
      return [
        { label: "Contact", value: "contact" },
        { label: "Company", value: "company" },
      ];
    case "fields":
      return [
        { label: `Name of ${chosen.object}`, value: "name" },
        { label: "Owner", value: "owner" },
        { label: "Status", value: "status" },
      ];
    default:
      return [];
  }
}
