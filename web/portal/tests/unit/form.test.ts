import { describe, expect, it } from "vitest";
import { initialValues, savedValues, submittedValues, validateInput } from "../../src/model/form";
import { texts } from "../../src/texts";
import { input } from "./builders";

describe("validateInput", () => {
  it.each([
    ["NUMBER", "12,5", texts.invalid.number],
    ["NUMBER", "-12.5", undefined],
    ["EMAIL", "name@host", texts.invalid.email],
    ["EMAIL", "name@host.example", undefined],
    ["URL", "host.example", texts.invalid.url],
    ["URL", "javascript:alert(1)", texts.invalid.url],
    ["URL", "https://host.example/x", undefined],
    ["TEXT_NO_VARS", "   ", texts.invalid.required],
    ["BOOLEAN_INPUT", false, undefined],
  ])("%s of %j gives %j", (type, value, error) => {
    expect(validateInput(input({ type }), value)).toBe(error);
  });

  it("lets an optional input be empty, but not wrong", () => {
    const email = input({ type: "EMAIL", required: false });
    expect(validateInput(email, "")).toBeUndefined();
    expect(validateInput(email, "x")).toBe(texts.invalid.email);
  });

  it("wants every field of a required mapping", () => {
    const mapper = input({ type: "FIELD_MAPPER", savedFieldMappings: [{ label: "Name" }] });
    const half = { objectMapping: "contact", fieldMappings: {} };
    expect(validateInput(mapper, half)).toBe(texts.invalid.incomplete);
    expect(validateInput(mapper, { ...half, fieldMappings: { Name: "n" } })).toBeUndefined();
  });

  it("wants the required permissions", () => {
    const scopes = { values: [{ name: "read" }, { name: "write" }] };
    const permission = input({ type: "PERMISSION", requiredScopes: ["read"], scopes });
    expect(validateInput(permission, "write")).toBe(texts.invalid.scopes);
    expect(validateInput(permission, "read")).toBeUndefined();
  });
});

describe("values", () => {
  const inputs = [
    input({ id: "n", type: "NUMBER" }),
    input({ id: "e", type: "EMAIL" }),
    input({ id: "o", required: false }),
    input({ id: "h", hidden: true, defaultValue: "d" }),
    input({ id: "s", type: "SWITCH" }),
  ];

  it("begin with what is stored, then with the default", () => {
    const values = initialValues([input({ id: "a", defaultValue: 1 })], { a: 0 });
    expect(values).toEqual({ a: 0 });
    expect(initialValues(inputs, {})).toEqual({ h: "d", s: false });
  });

  it("are saved without the wrong ones, and emptied ones as null", () => {
    const values = { ...initialValues(inputs, {}), n: "7", e: "wrong", o: "" };
    expect(savedValues(inputs, values)).toEqual({ n: 7, o: null, h: "d", s: false });
  });

  it("keep the stored value when a required one is emptied", () => {
    expect(savedValues(inputs, { n: "" })).toEqual({});
  });

  it("are submitted without those that were left empty", () => {
    expect(submittedValues(inputs, { n: "7", e: " a@b.example ", o: "" })).toEqual({
      n: 7,
      e: "a@b.example",
    });
  });
});
