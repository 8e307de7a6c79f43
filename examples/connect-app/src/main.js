// The page of the app. It signs its user in at Tenon with a token of its own server, shows the
// integrations, and does what apps do: sends events and calls the provider.

import { paragon } from "@useparagon/connect";

const INTEGRATION = "custom.notebook";
const RUNS_PAUSE_MS = 1_500;

const element = (id) => document.getElementById(id);
let orders = 0;

/** All services of Tenon have one address here. */
function pointAt(tenon) {
  const names = ["ZEUS", "HERMES", "PASSPORT", "CONNECT", "DASHBOARD", "WORKER_PROXY", "API_TRIGGER_KIT", "CDN"];
  const urls = Object.fromEntries(names.map((name) => [`${name}_PUBLIC_URL`, tenon]));
  paragon.configureGlobal({ host: new URL(tenon).host }, urls);
}

async function signIn(user) {
  const answer = await fetch(`/api/session?user=${encodeURIComponent(user)}`);
  if (!answer.ok) throw new Error("the app's server does not answer");
  const { tenon, project, token } = await answer.json();
  pointAt(tenon);
  await paragon.authenticate(project, token);
  showIntegrations();
  element("answer").textContent = "Not asked yet.";
}

function showIntegrations() {
  const { integrations } = paragon.getUser();
  const cards = paragon.getIntegrationMetadata().map(({ type, name, icon }) => {
    const state = integrations[type];
    const account = state?.allCredentials.find(({ id }) => id === state.credentialId);
    return card({ type, name, icon, isConnected: state?.enabled, account });
  });
  element("integrations").replaceChildren(...cards);
}

function card({ type, name, icon, isConnected, account }) {
  const item = document.createElement("li");
  item.className = "card";
  const image = Object.assign(document.createElement("img"), { src: icon, alt: "" });
  const about = document.createElement("div");
  const title = Object.assign(document.createElement("strong"), { textContent: name });
  const state = document.createElement("p");
  const accountName = account?.providerData?.accountName ?? account?.providerId ?? "";
  state.textContent = isConnected ? `Connected: ${accountName}` : "Not connected";
  about.append(title, state);
  const button = document.createElement("button");
  button.textContent = isConnected ? "Manage" : "Connect";
  button.addEventListener("click", () => {
    // The promise ends with an installation; the portal itself shows what went wrong.
    paragon.connect(type).catch(() => {});
  });
  item.append(image, about, button);
  return item;
}

/** Runs something that the user asked for, and says what went wrong. */
async function attempt(work) {
  element("problem").hidden = true;
  try {
    await work();
  } catch (error) {
    element("problem").textContent = error.message;
    element("problem").hidden = false;
  }
}

async function sendOrder() {
  orders += 1;
  await paragon.event("acorn.order", { id: orders, total: Number(element("total").value) });
}

async function callProvider() {
  const { notes } = await paragon.request(INTEGRATION, "notes", { method: "GET" });
  const lines = notes.map(({ id, text }) => `${id}. ${text}`);
  element("answer").textContent = lines.join("\n") || "Nothing yet.";
}

function row(run) {
  const line = document.createElement("tr");
  const texts = [run.workflow, run.trigger, run.status, new Date(run.created_at).toLocaleTimeString()];
  for (const text of texts) {
    line.append(Object.assign(document.createElement("td"), { textContent: text }));
  }
  line.children[2].className = run.status;
  return line;
}

async function showRuns() {
  const answer = await fetch(`/api/runs?user=${element("user").value}`).catch(() => undefined);
  if (answer?.ok) {
    const { runs } = await answer.json();
    element("runs").replaceChildren(...runs.map(row));
  }
  setTimeout(showRuns, RUNS_PAUSE_MS);
}

for (const event of ["onIntegrationInstall", "onIntegrationUninstall", "onPortalClose"]) {
  paragon.subscribe(event, showIntegrations);
}
element("user").addEventListener("change", () => attempt(() => signIn(element("user").value)));
element("order").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(sendOrder);
});
element("read").addEventListener("click", () => attempt(callProvider));
attempt(() => signIn(element("user").value));
showRuns();
