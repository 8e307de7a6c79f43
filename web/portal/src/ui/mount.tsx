// Puts the app into the page.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import type { Host } from "../host/host";
import { Controller } from "../model/controller";
import { App } from "./App";
import { ControllerProvider } from "./context";

export function mount(host: Host): void {
  const root = document.getElementById("root");
  if (!root) throw new Error("the page has no #root");
  createRoot(root).render(
    <StrictMode>
      <ControllerProvider value={new Controller(host)}>
        <App />
      </ControllerProvider>
    </StrictMode>,
  );
}
