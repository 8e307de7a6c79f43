import { describe, expect, it } from "vitest";
import {
  choicesOf,
  firstStep,
  inputsOf,
  isOpenedBySdk,
  safeLink,
} from "../../src/model/connect-plan";
import type { JsonObject } from "../../src/wire/read";
import { state, type UpdateParts } from "./builders";

function portal(parts: UpdateParts) {
  const found = state(parts).portal;
  if (!found) throw new Error("no portal");
  return found;
}

const step = (parts: UpdateParts) => {
  const { integration, options } = portal(parts);
  return firstStep(integration, options);
};
const types = (...accountTypes: JsonObject[]) => ({ sdk: { accountTypes } });
const standard = { id: "default", scheme: "oauth" };
const sandbox = { id: "sandbox", scheme: "oauth" };

describe("firstStep", () => {
  it("opens the window at once when nothing is asked", () => {
    expect(step({})).toEqual({ step: "oauth", accountTypeId: undefined });
  });

  it("asks for the account type unless the app or the list has decided", () => {
    expect(step(types(standard, sandbox)).step).toBe("accountType");
    expect(step({ ...types(standard, sandbox), options: { accountType: "sandbox" } })).toEqual({
      step: "oauth",
      accountTypeId: "sandbox",
    });
    expect(step(types(standard, { id: "user-configured-oauth", scheme: "oauth" }))).toEqual({
      step: "oauth",
      accountTypeId: "default",
    });
  });

  it("offers only the account types that the app allows", () => {
    const service = { id: "service", scheme: "service_account" };
    const found = portal({
      ...types(standard, sandbox, service),
      options: { accountType: ["sandbox", "service"] },
    });
    const ids = choicesOf(found.integration, found.options).map(({ id }) => id);
    expect(ids).toEqual(["sandbox", "service"]);
  });

  it("asks for keys where there is no OAuth", () => {
    expect(step({ integration: { authenticationType: "basic" } }).step).toBe("inputs");
  });

  it("asks for the package before the sign-in", () => {
    const sdk = { authSchemeOptions: { packageInstallUrl: "login.example/package" } };
    expect(step({ sdk }).step).toBe("package");
    const unsafe = { authSchemeOptions: { packageInstallUrl: "javascript://x" } };
    expect(step({ sdk: unsafe }).step).toBe("oauth");
  });
});

describe("inputsOf", () => {
  const key = { id: "key", type: "PASSWORD" };
  const site = { id: "site", type: "TEXT_NO_VARS" };
  const ids = (parts: UpdateParts, accountTypeId?: string) =>
    inputsOf(portal(parts).integration, accountTypeId).map(({ id }) => id);

  it("are those of the account type, of the sign-in, or the keys", () => {
    const before = { integration: { needPreOauthInputs: true }, sdk: { oauthInputs: [site] } };
    expect(ids(before)).toEqual(["site"]);
    const own = types({ ...sandbox, endUserSuppliedValues: [key] });
    expect(ids(own, "sandbox")).toEqual(["key"]);
    expect(
      ids({ integration: { authenticationType: "basic" }, sdk: { authConfigInputs: [key] } }),
    ).toEqual(["key"]);
  });

  it("of a custom integration come with it, or are the client's id and secret", () => {
    const custom = (authenticationType: string) => ({
      integration: {
        type: "custom",
        authenticationType,
        customIntegration: { slug: "acme", inputFields: [key] },
      },
    });
    expect(ids(custom("basic"))).toEqual(["key"]);
    expect(ids(custom("oauth_client_credential"))).toEqual(["clientId", "clientSecret"]);
    expect(ids(custom("oauth"))).toEqual([]);
  });
});

describe("isOpenedBySdk", () => {
  const opened = (parts: UpdateParts) => {
    const { integration, options } = portal(parts);
    return isOpenedBySdk(integration, options);
  };

  it("says when the SDK opens the window by itself", () => {
    expect(opened({})).toBe(true);
    expect(opened({ integration: { needPreOauthInputs: true } })).toBe(false);
    expect(opened({ integration: { needPreOauthInputs: true }, ...types(standard) })).toBe(true);
    expect(opened({ integration: { authenticationType: "basic" } })).toBe(false);
  });
});

describe("safeLink", () => {
  it("is http or https", () => {
    expect(safeLink("host.example/x")).toBe("https://host.example/x");
    expect(safeLink("javascript:alert(1)")).toBeUndefined();
    expect(safeLink("data://text")).toBeUndefined();
  });
});
