// What an input knows beside itself: the integration it is for and the other values of its form.

import { createContext, useContext } from "react";
import type { Values } from "../../model/form";
import type { Integration } from "../../wire/integration";
import type { MappingOptions } from "../../wire/update";

export interface InputScope {
  integration: Integration;
  mappingOptions: Record<string, MappingOptions>;
  values: Values;
  credentialId?: string;
  workflowId?: string;
}

const ScopeContext = createContext<InputScope | undefined>(undefined);

export const InputScopeProvider = ScopeContext.Provider;

export function useInputScope(): InputScope {
  const scope = useContext(ScopeContext);
  if (!scope) throw new Error("no form above this input");
  return scope;
}
