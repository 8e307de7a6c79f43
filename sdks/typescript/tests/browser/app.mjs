// A builder's app, reduced to what the test needs: the package on `window`, and what it heard.
import { connect } from "../../src/index.ts";

window.heard = [];

window.signIn = ({ apiUrl, projectId, token }) => {
  window.tokenCalls = 0;
  window.client = connect({
    url: apiUrl,
    projectId,
    token: async () => {
      window.tokenCalls += 1;
      return token;
    },
  });
  for (const name of [
    "connected",
    "disconnected",
    "workflowChanged",
    "portalOpened",
    "portalClosed",
  ]) {
    window.client.subscribe(name, (event) => window.heard.push({ name, ...event }));
  }
};

window.openPortal = async (type) => {
  window.portal = await window.client.openPortal(type, {
    dropdowns: {
      teams: [{ label: "Team one", value: "one" }],
      people: {
        loadOptions: async (_cursor, search) => ({
          options: [{ label: `Person ${search ?? ""}`, value: "p1" }],
        }),
      },
    },
    onClosed: () => window.heard.push({ name: "onClosed" }),
  });
};

/** Headless: a button, since browsers open windows in a click only. */
window.offer = (integrationId) => {
  const button = document.createElement("button");
  button.textContent = "Connect without the portal";
  button.addEventListener("click", () => {
    window.client.connectAccount(integrationId).then(
      (account) => {
        window.outcome = { account };
      },
      (error) => {
        window.outcome = { code: error.code, message: error.message };
      },
    );
  });
  document.body.append(button);
};
