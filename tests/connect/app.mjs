// A builder's app, reduced to what the checks need: the published package on `window`, and what it
// tells. `the-sdk` stands for one of its versions.
import { paragon } from "the-sdk";

window.paragon = paragon;
window.heard = [];

const subscribe = () => {
  for (const name of [
    "onIntegrationInstall",
    "onIntegrationUninstall",
    "onWorkflowChange",
    "onPortalOpen",
    "onPortalClose",
  ]) {
    paragon.subscribe(name, (event) => window.heard.push({ name, ...event }));
  }
};
subscribe();

/** Points the package at one address; or, as by default, at names below a host. */
window.pointAt = ({ apiUrl, host }) => {
  if (host) {
    paragon.configureGlobal({ host });
    return;
  }
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
};

const said = (error) =>
  typeof error === "string" ? error : (error?.message ?? JSON.stringify(error));

/** The portal with all callbacks noted; its promise ends in `window.connected`. */
window.openPortal = (type, options = {}) => {
  window.connected = undefined;
  const noted = (name) => (event) => window.heard.push({ name, text: said(event) });
  const callbacks = ["onOpen", "onClose", "onInstall", "onUninstall", "onError"];
  const all = Object.fromEntries(callbacks.map((name) => [name, noted(name)]));
  Promise.resolve(paragon.connect(type, { ...all, ...options }))
    .then((value) => {
      window.connected = { value };
    })
    .catch((error) => {
      window.connected = { error: said(error) };
    });
};

/** The flow without the portal: each stage is noted. */
window.startFlow = (type, options = {}) => {
  window.stages = [];
  window.flow = {};
  paragon.installFlow.start(type, {
    ...options,
    onNext: (stage) => window.stages.push(JSON.parse(JSON.stringify(stage))),
    onComplete: (event) => {
      window.flow.done = event;
    },
    onError: (error, context) => {
      window.flow.error = { text: said(error), name: error?.name, context };
    },
  });
};

/** A call of the package; what it throws becomes `{error}`. */
window.ask = async (method, ...parameters) => {
  try {
    const value = await paragon[method](...parameters);
    return { value: value === undefined ? null : JSON.parse(JSON.stringify(value)) };
  } catch (error) {
    return { error: said(error), response: error?.response };
  }
};
