// The controller for every component below, and the session that it holds.

import { createContext, useContext, useSyncExternalStore } from "react";
import type { Controller } from "../model/controller";
import type { Session } from "../model/session";

const ControllerContext = createContext<Controller | undefined>(undefined);

export const ControllerProvider = ControllerContext.Provider;

export function useController(): Controller {
  const controller = useContext(ControllerContext);
  if (!controller) throw new Error("no controller above this component");
  return controller;
}

export function useSession(): Session {
  const controller = useController();
  return useSyncExternalStore(controller.subscribe, controller.snapshot);
}
