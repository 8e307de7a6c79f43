// A builder's app, reduced to what the tests need: the published SDK on `window`, and its events.
import { paragon } from "@useparagon/connect";

window.paragon = paragon;
window.sdkEvents = [];
for (const name of [
  "onIntegrationInstall",
  "onIntegrationUninstall",
  "onWorkflowChange",
  "onPortalOpen",
  "onPortalClose",
]) {
  paragon.subscribe(name, (event) => window.sdkEvents.push({ name, ...event }));
}

window.signIn = async ({ apiUrl, projectId, token }) => {
  const names = [
    "CONNECT",
    "DASHBOARD",
    "HERMES",
    "PASSPORT",
    "ZEUS",
    "CDN",
    "WORKER_PROXY",
    "API_TRIGGER_KIT",
  ];
  const urls = Object.fromEntries(names.map((name) => [`${name}_PUBLIC_URL`, apiUrl]));
  paragon.configureGlobal({ host: "localhost" }, urls);
  await paragon.authenticate(projectId, token);
};

window.openPortal = (type, options) => {
  paragon
    .connect(type, options)
    .catch((error) => window.sdkEvents.push({ name: "error", text: String(error) }));
};

window.openEverything = () =>
  window.openPortal("everything", {
    dropdowns: {
      teams: [
        { label: "Team one", value: "one" },
        { label: "Team two", value: "two" },
      ],
      people: {
        loadOptions: async (_cursor, search) => ({
          options: [{ label: `Person ${search ?? ""}`, value: "p1" }],
          nextPageCursor: null,
        }),
      },
    },
    mapObjectFields: {
      Task: {
        fields: [
          { label: "Title", value: "title" },
          { label: "Due date", value: "due" },
          { label: "Owner", value: "owner" },
        ],
        defaultFields: ["title"],
        userCanRemoveMappings: true,
        userCanCreateFields: true,
      },
    },
  });
