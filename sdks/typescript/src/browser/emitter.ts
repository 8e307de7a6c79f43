// What an app can listen to.

import type { TenonError } from "../errors.js";
import type { Account, Settings } from "./wire.js";

export interface EventMap {
  /** An account was connected, or connected again, and can be used. */
  connected: { integration: string; account: Account };
  disconnected: { integration: string; accountId?: string };
  workflowChanged: {
    integration?: string;
    workflowId: string;
    change: { enabled?: boolean; settings?: Settings };
  };
  portalOpened: { integration: string };
  portalClosed: { integration: string };
  /** The token is refused, also after it was asked for anew: sign the user in again. */
  sessionEnded: { error: TenonError };
}

export type Listener<Name extends keyof EventMap> = (event: EventMap[Name]) => void;

export class Emitter {
  readonly #listeners = new Map<keyof EventMap, Set<(event: never) => void>>();

  subscribe<Name extends keyof EventMap>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }

  /** A listener that fails stops neither the others nor the call that made the event. */
  emit<Name extends keyof EventMap>(name: Name, event: EventMap[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      tell(listener as Listener<Name>, event);
    }
  }
}

/** Calls a function of the app; what it throws is reported like any error that nobody caught. */
export function tell<Event>(listener: ((event: Event) => void) | undefined, event: Event): void {
  try {
    listener?.(event);
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else console.error(error);
  }
}
