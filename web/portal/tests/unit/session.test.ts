import { describe, expect, it } from "vitest";
import { Failure } from "../../src/host/failure";
import {
  type Action,
  initialSession,
  reduce,
  type Session,
  selectedCredential,
} from "../../src/model/session";
import { credential, state, type UpdateParts } from "./builders";

const update = (parts: UpdateParts): Action => ({ type: "updated", host: state(parts) });
const run = (...actions: Action[]): Session => actions.reduce(reduce, initialSession);
const oauth: Action = { type: "stepped", to: { step: "oauth" } };
const denied = { modal: { connectionError: { error: "denied" } } };

describe("a portal that the app opens", () => {
  it("is shown, and not any more when the app closes it", () => {
    expect(run(update({})).isShown).toBe(true);
    expect(run(update({}), update({ modal: { integration: null } })).isShown).toBe(false);
  });

  it("shows the account that the SDK chose, also by the builder's own id", () => {
    const credentials = [credential("a"), credential("b", { externalId: "mine" })];
    const session = run(update({ credentials, modal: { selectedCredentialId: "ext:mine" } }));
    expect(selectedCredential(session)?.id).toBe("b");
  });

  it("goes on when the account arrives", () => {
    const session = run(update({}), oauth, update({ credentials: [credential("new")] }));
    expect(session.flow).toEqual({ step: "none" });
    expect(session.selectedId).toBe("new");
  });

  it("asks for what is missing when the account arrives unfinished", () => {
    const sdk = { postOauthInputs: [{ id: "x", type: "NUMBER" }] };
    const pending = credential("new", { status: "PENDING" });
    const session = run(update({ sdk }), oauth, update({ sdk, credentials: [pending] }));
    expect(session.flow).toEqual({ step: "setup", credentialId: "new", isBusy: false });
  });

  it("does not take a change of another account for the arrival", () => {
    const old = credential("old");
    const changed = credential("old", { dateUpdated: "2026-02-02T00:00:00Z" });
    const session = run(update({ credentials: [old] }), oauth, update({ credentials: [changed] }));
    expect(session.flow.step).toBe("oauth");
  });

  it("takes a change of the account that is connected again for the arrival", () => {
    const broken = credential("old", { status: "INVALID" });
    const session = run(
      update({ credentials: [broken] }),
      { type: "stepped", to: { step: "oauth" }, reconnectId: "old" },
      update({ credentials: [credential("old")] }),
    );
    expect(session.flow).toEqual({ step: "none" });
  });

  it("shows a refusal, but not the refusal of an earlier attempt", () => {
    const retried = run(update(denied), oauth, update(denied));
    expect(retried.flow).toEqual({ step: "oauth", phase: "waiting", accountTypeId: undefined });
    const refused = reduce(reduce(retried, update({})), update(denied));
    expect(refused.flow).toMatchObject({ phase: "failed", reason: "denied" });
  });

  it("tells a blocked window from other failures", () => {
    const failed = (kind: "popup_blocked" | "refused"): Action => ({
      type: "failed",
      failure: new Failure(kind, "why"),
    });
    expect(run(update({}), oauth, failed("popup_blocked")).flow).toMatchObject({
      phase: "blocked",
    });
    expect(run(update({}), oauth, failed("refused")).flow).toMatchObject({ phase: "failed" });
  });

  it("falls back to another account when the shown one is gone", () => {
    const both = [credential("a"), credential("b")];
    const session = run(
      update({ credentials: both }),
      { type: "selected", credentialId: "b" },
      update({ credentials: [credential("a")] }),
    );
    expect(selectedCredential(session)?.id).toBe("a");
  });
});

describe("an installation without the portal", () => {
  const options = { isApiInstallation: true };

  it("stays hidden while the SDK has the window open, and is over when the account is there", () => {
    const waiting = run(update({ options }));
    expect(waiting).toMatchObject({ isShown: false, flow: { step: "oauth" } });
    const done = reduce(waiting, update({ options, credentials: [credential("new")] }));
    expect(done).toMatchObject({ isShown: false, isOver: true });
  });

  it("shows the settings afterwards when the app wants it", () => {
    const shown = { isApiInstallation: true, showPortalAfterInstall: true };
    const done = run(
      update({ options: shown }),
      update({ options: shown, credentials: [credential("new")] }),
    );
    expect(done).toMatchObject({ isShown: true, isOver: false });
  });

  it("is shown when something is to be filled in", () => {
    const session = run(
      update({
        options,
        integration: { authenticationType: "basic" },
        sdk: { authConfigInputs: [{ id: "k", type: "PASSWORD" }] },
      }),
    );
    expect(session).toMatchObject({ isShown: true, flow: { step: "inputs" } });
  });

  it("is over when the provider refuses: the app has the error", () => {
    const session = run(update({ options }), update({ options, ...denied }));
    expect(session).toMatchObject({ isShown: false, isOver: true });
  });

  it("shows what an unfinished account needs", () => {
    const sdk = { postOauthInputs: [{ id: "x", type: "NUMBER" }] };
    const pending = credential("half", { status: "PENDING" });
    const session = run(update({ options, sdk, credentials: [pending] }));
    expect(session).toMatchObject({ isShown: true, flow: { step: "setup" } });
  });
});
