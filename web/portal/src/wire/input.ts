// The inputs of forms and where their options come from, as the server describes them.
// An input of a type that is not known here is dropped by `readInputs`.

import { flag, isObject, type JsonObject, list, object, objects, strings, text } from "./read";

export const INPUT_TYPES = [
  "TEXT_NO_VARS",
  "TEXTAREA_NO_VARS",
  "NUMBER",
  "EMAIL",
  "URL",
  "PASSWORD",
  "BOOLEAN_INPUT",
  "SWITCH",
  "ENUM",
  "DYNAMIC_ENUM",
  "CUSTOM_DROPDOWN",
  "COMBO_INPUT",
  "DYNAMIC_COMBO_INPUT",
  "FIELD_MAPPER",
  "COPYABLE_BUTTON_INPUT",
  "PERMISSION",
  "FILE",
] as const;

export type InputType = (typeof INPUT_TYPES)[number];

/** A name that other products of the contract use for a type of ours. */
const ALIASES: Record<string, InputType> = {
  TEXT: "TEXT_NO_VARS",
  TEXTAREA: "TEXTAREA_NO_VARS",
  EDITABLE_ENUM: "ENUM",
  EDITABLE_DYNAMIC_ENUM: "DYNAMIC_ENUM",
};

export interface Option {
  value: string;
  label: string;
  subtitle?: string;
}

/** Options under a heading; the heading is empty for options that have none. */
export interface OptionSection {
  title: string;
  items: Option[];
}

export interface Scope {
  name: string;
  label: string;
  description?: string;
  required: boolean;
}

export interface Input {
  id: string;
  type: InputType;
  title: string;
  subtitle?: string;
  placeholder?: string;
  tooltip?: string;
  required: boolean;
  hidden: boolean;
  readOnly: boolean;
  defaultValue?: unknown;
  documentationLink?: string;
  documentationLinkLabel?: string;
  prefixLabel?: string;
  suffixLabel?: string;
  /** The data source that has the options. */
  sourceType?: string;
  fallbackText?: string;
  /** The text beside a switch. */
  titleText?: string;
  /** The name under which the builder's app gives options. */
  key?: string;
  options: OptionSection[];
  refreshOnOpen: boolean;
  labels: string[];
  useDynamicMapper: boolean;
  useDynamicFields: boolean;
  dynamicObjectName?: string;
  requiredScopes: string[];
  scopes: Scope[];
}

export interface DynamicSource {
  kind: "dynamic";
  cacheKey: string;
  /** Names of parameters that the source needs, such as the chosen record type. */
  dependencies: string[];
  canSearch: boolean;
}

export type Source =
  | DynamicSource
  | { kind: "static"; sections: OptionSection[] }
  | { kind: "mapper"; records?: DynamicSource; fields?: DynamicSource }
  | {
      kind: "combo";
      main?: DynamicSource;
      dependent?: DynamicSource;
      fields?: DynamicSource;
      variable?: DynamicSource;
    };

export type Sources = Record<string, Source>;

/** Options in any of the shapes that the contract allows: flat or in sections. */
export function readOptions(value: unknown): OptionSection[] {
  const sections: OptionSection[] = [];
  let loose: OptionSection | undefined;
  for (const entry of list(value)) {
    if (isObject(entry) && Array.isArray(entry.items)) {
      loose = undefined;
      sections.push({ title: text(entry.title) ?? "", items: readFlat(entry.items) });
      continue;
    }
    if (!loose) {
      loose = { title: "", items: [] };
      sections.push(loose);
    }
    loose.items.push(...readFlat([entry]));
  }
  return sections;
}

function readFlat(entries: unknown[]): Option[] {
  const options: Option[] = [];
  for (const entry of entries) {
    const value = text(isObject(entry) ? entry.value : entry);
    if (value === undefined) continue;
    const record = object(entry);
    const subtitle = text(record.subtitle);
    options.push({ value, label: text(record.label) ?? value, ...(subtitle ? { subtitle } : {}) });
  }
  return options;
}

export function readInputs(value: unknown): Input[] {
  return objects(value)
    .map(readInput)
    .filter((input) => input !== undefined);
}

export function readInput(raw: JsonObject): Input | undefined {
  const id = text(raw.id);
  const name = text(raw.type) ?? "";
  const type = INPUT_TYPES.find((known) => known === name) ?? ALIASES[name];
  if (!id || !type) return undefined;
  return {
    id,
    type,
    title: text(raw.title) ?? id,
    subtitle: text(raw.subtitle),
    placeholder: text(raw.placeholder),
    tooltip: text(raw.tooltip) ?? text(raw.toolTipText),
    required: raw.required !== false,
    hidden: flag(raw.hidden) || flag(raw.hiddenInConnect),
    readOnly: flag(raw.readOnly),
    defaultValue: raw.defaultValue,
    documentationLink: text(raw.documentationLink),
    documentationLinkLabel: text(raw.documentationLinkLabel),
    prefixLabel: text(raw.prefixLabel),
    suffixLabel: text(raw.suffixLabel),
    sourceType: text(raw.sourceType),
    fallbackText: text(raw.fallbackText),
    titleText: text(raw.titleText),
    key: text(raw.key),
    options: readOptions(raw.customDropdownOptions ?? raw.values),
    refreshOnOpen: flag(raw.refreshOnOpen),
    labels: objects(raw.savedFieldMappings)
      .map((mapping) => text(mapping.label))
      .filter((label) => label !== undefined),
    useDynamicMapper: flag(raw.useDynamicMapper),
    useDynamicFields: flag(raw.useDynamicFields),
    dynamicObjectName: text(raw.dynamicObjectName),
    requiredScopes: strings(raw.requiredScopes),
    scopes: readScopes(raw),
  };
}

function readScopes(raw: JsonObject): Scope[] {
  const required = new Set(strings(raw.requiredScopes));
  return objects(object(raw.scopes).values).flatMap((scope) => {
    const name = text(scope.name);
    if (!name) return [];
    return {
      name,
      label: text(scope.label) ?? name,
      description: text(scope.description),
      required: flag(scope.required) || required.has(name),
    };
  });
}

export function readSources(value: unknown): Sources {
  const sources: Sources = {};
  for (const [key, raw] of Object.entries(object(value))) {
    const source = readSource(object(raw), key);
    if (source) sources[key] = source;
  }
  return sources;
}

function readSource(raw: JsonObject, key: string): Source | undefined {
  switch (raw.type) {
    case "DYNAMIC_DATA_SOURCE":
      return dynamicSource(raw, key);
    case "STATIC_ENUM_DATA_SOURCE":
      return { kind: "static", sections: readOptions(raw.values) };
    case "FIELD_MAPPER_DATA_SOURCE":
      return {
        kind: "mapper",
        records: nested(raw.recordSource),
        fields: nested(raw.fieldSource),
      };
    case "COMBO_INPUT_DATA_SOURCE":
    case "DYNAMIC_COMBO_INPUT_DATA_SOURCE":
      return {
        kind: "combo",
        main: nested(raw.mainInputSource),
        dependent: nested(raw.dependentInputSource),
        fields: nested(raw.fieldSource),
        variable: nested(raw.variableInputSource),
      };
    default:
      return undefined;
  }
}

function dynamicSource(raw: JsonObject, key: string): DynamicSource {
  return {
    kind: "dynamic",
    cacheKey: text(raw.cacheKey) ?? key,
    dependencies: strings(raw.refreshDependencies),
    canSearch: flag(raw.supportPagination),
  };
}

function nested(raw: unknown): DynamicSource | undefined {
  const cacheKey = text(object(raw).cacheKey);
  return cacheKey ? dynamicSource(object(raw), cacheKey) : undefined;
}
