// Values of forms: what to start with, what is wrong with them, what to send.

import { texts } from "../texts";
import type { Input } from "../wire/input";
import { isObject, object, strings, text } from "../wire/read";

export type Values = Record<string, unknown>;

/** An error text for each input that has one. */
export type Errors = Record<string, string>;

export function initialValues(inputs: Input[], stored: Values): Values {
  const values: Values = {};
  for (const input of inputs) {
    const value = stored[input.id] ?? input.defaultValue ?? emptyValue(input);
    if (value !== undefined) values[input.id] = value;
  }
  return values;
}

function emptyValue(input: Input): unknown {
  switch (input.type) {
    case "BOOLEAN_INPUT":
    case "SWITCH":
      return false;
    case "PERMISSION":
      return input.scopes
        .filter(({ required }) => required)
        .map(({ name }) => name)
        .join(" ");
    default:
      return undefined;
  }
}

export function isEmpty(value: unknown): boolean {
  if (typeof value === "string") return value.trim() === "";
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null;
}

/** What is wrong with the inputs that a user can see. */
export function validate(inputs: Input[], values: Values): Errors {
  const errors: Errors = {};
  for (const input of inputs) {
    const error = input.hidden ? undefined : validateInput(input, values[input.id]);
    if (error) errors[input.id] = error;
  }
  return errors;
}

export function validateInput(input: Input, value: unknown): string | undefined {
  if (input.type === "COPYABLE_BUTTON_INPUT" || input.readOnly) return undefined;
  if (isEmpty(value)) return input.required ? texts.invalid.required : undefined;
  switch (input.type) {
    case "NUMBER":
      return Number.isFinite(Number(value)) ? undefined : texts.invalid.number;
    case "EMAIL":
      return isEmail(String(value)) ? undefined : texts.invalid.email;
    case "URL":
      return isUrl(String(value)) ? undefined : texts.invalid.url;
    case "PERMISSION":
      return hasScopes(input, value) ? undefined : texts.invalid.scopes;
    case "FIELD_MAPPER":
      return input.required && !isMapped(input, object(value))
        ? texts.invalid.incomplete
        : undefined;
    case "COMBO_INPUT":
    case "DYNAMIC_COMBO_INPUT":
      return input.required && !isCombined(input, object(value))
        ? texts.invalid.incomplete
        : undefined;
    default:
      return undefined;
  }
}

function isEmail(value: string): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(value.trim());
}

function isUrl(value: string): boolean {
  try {
    const { protocol, hostname } = new URL(value.trim());
    return (protocol === "https:" || protocol === "http:") && hostname !== "";
  } catch {
    return false;
  }
}

/** Chosen permissions are one text, separated by spaces; a list is read as well. */
export function scopesOf(value: unknown): string[] {
  if (Array.isArray(value)) return strings(value);
  return (text(value) ?? "").split(/\s+/).filter((scope) => scope !== "");
}

function hasScopes(input: Input, value: unknown): boolean {
  const chosen = new Set(scopesOf(value));
  return input.scopes.every((scope) => !scope.required || chosen.has(scope.name));
}

function isMapped(input: Input, value: Values): boolean {
  if (input.useDynamicMapper) {
    const mappings = Object.values(object(value.dynamicMappings)).map(object);
    return mappings.every((mapping) => !isEmpty(mapping.integrationField));
  }
  const fields = object(value.fieldMappings);
  return !isEmpty(value.objectMapping) && input.labels.every((label) => !isEmpty(fields[label]));
}

function isCombined(input: Input, value: Values): boolean {
  const fields = object(value.fieldMappings);
  return (
    !isEmpty(value.mainInput) &&
    !isEmpty(value.dependentInput) &&
    (input.type !== "COMBO_INPUT" || input.labels.every((label) => !isEmpty(fields[label])))
  );
}

/**
 * What goes to the server. A value that is wrong is left out, so that one bad field does not hold
 * back the others; an optional value that was emptied is `null`.
 */
export function savedValues(inputs: Input[], values: Values): Values {
  const saved: Values = {};
  for (const input of inputs) {
    if (input.type === "COPYABLE_BUTTON_INPUT") continue;
    const value = values[input.id];
    if (isEmpty(value)) {
      if (input.id in values && !input.hidden && !input.required) saved[input.id] = null;
    } else if (!validateInput({ ...input, required: false }, value)) {
      saved[input.id] = wireValue(input, value);
    }
  }
  return saved;
}

function wireValue(input: Input, value: unknown): unknown {
  switch (input.type) {
    case "NUMBER":
      return Number(value);
    case "EMAIL":
    case "URL":
      return String(value).trim();
    default:
      return isObject(value) ? { ...value } : value;
  }
}

/** The values of a form that must be whole: nothing is left out, since nothing is wrong. */
export function submittedValues(inputs: Input[], values: Values): Values {
  const submitted = savedValues(inputs, values);
  return Object.fromEntries(Object.entries(submitted).filter(([, value]) => value !== null));
}
