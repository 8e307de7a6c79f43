// The state of one opening of the portal, and how it changes. Pure: no calls, no time.

import type { Failure } from "../host/failure";
import type { Credential } from "../wire/credential";
import type { HostState, Portal } from "../wire/update";
import { accountTypeOf, type ConnectStep, firstStep, isOpenedBySdk } from "./connect-plan";

export type Flow =
  | { step: "none" }
  | { step: "accountType" }
  | { step: "package"; accountTypeId?: string }
  | { step: "inputs"; accountTypeId?: string; isBusy: boolean; failure?: Failure }
  | {
      step: "oauth";
      accountTypeId?: string;
      phase: "waiting" | "blocked" | "failed";
      reason?: string;
    }
  | { step: "setup"; credentialId: string; isBusy: boolean; failure?: Failure };

export interface Session {
  host?: HostState;
  /** The account on the screen. */
  selectedId?: string;
  flow: Flow;
  /** The account that is being connected again. */
  reconnectId?: string;
  /** The accounts when the flow began: id to a mark that changes when the account does. */
  known: Record<string, string>;
  /** An error of an earlier attempt is still in the state; only what comes after it counts. */
  hasStaleError: boolean;
  isShown: boolean;
  /** An installation without the portal has ended; the host can forget it. */
  isOver: boolean;
}

export type Action =
  | { type: "updated"; host: HostState }
  | { type: "stepped"; to: ConnectStep; reconnectId?: string }
  | { type: "submitted" }
  | { type: "failed"; failure: Failure }
  | { type: "setupOpened"; credentialId: string }
  | { type: "selected"; credentialId: string }
  | { type: "connected"; credential: Credential }
  | { type: "left" };

export const initialSession: Session = {
  flow: { step: "none" },
  known: {},
  hasStaleError: false,
  isShown: false,
  isOver: false,
};

export function reduce(session: Session, action: Action): Session {
  switch (action.type) {
    case "updated":
      return updated(session, action.host);
    case "stepped":
      return stepped(session, action.to, action.reconnectId);
    case "submitted":
      return { ...session, flow: withBusy(session.flow) };
    case "failed":
      return { ...session, flow: withFailure(session.flow, action.failure) };
    case "setupOpened":
      return {
        ...session,
        selectedId: action.credentialId,
        flow: { step: "setup", credentialId: action.credentialId, isBusy: false },
      };
    case "selected":
      return { ...session, selectedId: action.credentialId, flow: { step: "none" } };
    case "connected":
      return arrived(session, action.credential);
    case "left":
      return { ...session, flow: { step: "none" }, reconnectId: undefined };
  }
}

/** The account on the screen, or nothing when none is connected. */
export function selectedCredential(session: Session): Credential | undefined {
  const credentials = session.host?.portal?.credentials ?? [];
  return find(credentials, session.selectedId) ?? credentials[0];
}

/** Ids may also be ids of the builder's own, with or without `ext:`. */
function find(credentials: Credential[], id: string | undefined): Credential | undefined {
  if (!id) return undefined;
  const external = id.replace(/^ext:/, "");
  return (
    credentials.find((credential) => credential.id === id) ??
    credentials.find((credential) => credential.externalId === external)
  );
}

function updated(session: Session, host: HostState): Session {
  const { portal } = host;
  if (!portal) return { ...initialSession, host };
  if (session.host?.portal?.integration.id !== portal.integration.id) return opened(host, portal);

  const next: Session = {
    ...session,
    host,
    hasStaleError: session.hasStaleError && portal.connectionError !== undefined,
  };
  const arrival = portal.credentials.find((credential) => isArrival(session, credential));
  if (arrival && isWaiting(session.flow)) return arrived(next, arrival);
  if (portal.connectionError && !session.hasStaleError && session.flow.step === "oauth") {
    return refused(next, portal.connectionError.message);
  }
  if (portal.showAfterInstall && selectedCredential(next)?.status === "VALID") {
    return { ...next, isShown: true, isOver: false };
  }
  return next;
}

function opened(host: HostState, portal: Portal): Session {
  const session: Session = {
    ...initialSession,
    host,
    selectedId: portal.currentCredentialId,
    known: marksOf(portal.credentials),
    hasStaleError: portal.connectionError !== undefined,
    isShown: true,
  };
  if (!portal.options.isApiInstallation) return session;

  const selected = find(portal.credentials, portal.currentCredentialId);
  const isAddition = portal.options.allowsManyAccounts && selected?.status === "VALID";
  if (selected?.status === "PENDING" && portal.integration.setupInputs.length > 0) {
    return {
      ...session,
      flow: { step: "setup", credentialId: selected.id, isBusy: false },
    };
  }
  const reconnectId = isAddition ? undefined : selected?.id;
  const flow = flowOf(firstStep(portal.integration, portal.options));
  if (!isOpenedBySdk(portal.integration, portal.options)) return { ...session, flow, reconnectId };
  return {
    ...session,
    flow: { step: "oauth", accountTypeId: portal.options.accountTypeId, phase: "waiting" },
    reconnectId,
    isShown: false,
  };
}

function stepped(session: Session, to: ConnectStep, reconnectId?: string): Session {
  const portal = session.host?.portal;
  if (!portal) return session;
  return {
    ...session,
    flow: flowOf(to),
    reconnectId: reconnectId ?? session.reconnectId,
    known: marksOf(portal.credentials),
    hasStaleError: portal.connectionError !== undefined,
  };
}

function flowOf(to: ConnectStep): Flow {
  switch (to.step) {
    case "inputs":
      return { ...to, isBusy: false };
    case "oauth":
      return { ...to, phase: "waiting" };
    default:
      return to;
  }
}

function withBusy(flow: Flow): Flow {
  return flow.step === "inputs" || flow.step === "setup"
    ? { ...flow, isBusy: true, failure: undefined }
    : flow;
}

function withFailure(flow: Flow, failure: Failure): Flow {
  if (flow.step === "inputs" || flow.step === "setup") return { ...flow, isBusy: false, failure };
  if (flow.step !== "oauth") return flow;
  return failure.kind === "popup_blocked"
    ? { ...flow, phase: "blocked" }
    : { ...flow, phase: "failed", reason: failure.message };
}

/** An account was connected: show it, or what it still needs. */
function arrived(session: Session, credential: Credential): Session {
  const portal = session.host?.portal;
  if (!portal) return session;
  const base: Session = { ...session, selectedId: credential.id, reconnectId: undefined };
  if (needsSetup(session, portal, credential)) {
    return {
      ...base,
      isShown: true,
      flow: { step: "setup", credentialId: credential.id, isBusy: false },
    };
  }
  const done: Session = {
    ...base,
    flow: { step: "none" },
    known: { ...session.known, [credential.id]: markOf(credential) },
  };
  if (!portal.options.isApiInstallation || credential.status !== "VALID") return done;
  const isShown = portal.options.showPortalAfterInstall || portal.showAfterInstall;
  return { ...done, isShown, isOver: !isShown };
}

function needsSetup(session: Session, portal: Portal, credential: Credential): boolean {
  const accountTypeId = "accountTypeId" in session.flow ? session.flow.accountTypeId : undefined;
  return (
    credential.status === "PENDING" &&
    portal.integration.setupInputs.length > 0 &&
    !portal.options.bypassesSetup &&
    accountTypeOf(portal.integration, accountTypeId)?.skipsSetup !== true
  );
}

/** The provider said no. Where the portal is not shown, the app gets the error from the SDK. */
function refused(session: Session, reason: string | undefined): Session {
  if (!session.isShown) return { ...session, flow: { step: "none" }, isOver: true };
  const flow = session.flow;
  return flow.step === "oauth"
    ? { ...session, flow: { ...flow, phase: "failed", reason } }
    : session;
}

function isWaiting(flow: Flow): boolean {
  return flow.step === "oauth" || (flow.step === "inputs" && flow.isBusy);
}

function isArrival(session: Session, credential: Credential): boolean {
  const known = session.known[credential.id];
  if (known === undefined) return true;
  return credential.id === session.reconnectId && known !== markOf(credential);
}

/** Changes when the account does. */
export function markOf(credential: Credential): string {
  return `${credential.status} ${credential.dateUpdated}`;
}

function marksOf(credentials: Credential[]): Record<string, string> {
  return Object.fromEntries(credentials.map((credential) => [credential.id, markOf(credential)]));
}
