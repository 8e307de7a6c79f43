// Where the options of a dropdown come from, and how one page of them is read.

import type { Page } from "../host/host";
import {
  type DynamicSource,
  type Input,
  type Option,
  type OptionSection,
  readOptions,
  type Sources,
} from "../wire/input";
import { type JsonObject, list, object, objects, text } from "../wire/read";
import { isEmpty, type Values } from "./form";

/** A list that is loaded page by page. `key` differs when the list does. */
export type RemoteOptions =
  | { kind: "source"; source: DynamicSource; parameters: Values; key: string }
  | { kind: "dropdown"; name: string; key: string }
  | { kind: "objectTypes"; name: string; key: string }
  | { kind: "integrationFields"; name: string; objectType: string; key: string };

export type Options =
  | { kind: "static"; sections: OptionSection[] }
  | { kind: "remote"; remote: RemoteOptions; refreshOnOpen: boolean }
  /** The list depends on something that is not chosen yet. */
  | { kind: "waiting" };

export interface OptionPage {
  sections: OptionSection[];
  /** Definitions of further fields, which some sources answer instead of options. */
  fields: DefinedField[];
  nextCursor?: string;
}

export interface DefinedField {
  id: string;
  title: string;
  kind: "text" | "number" | "one" | "many";
  required: boolean;
  options: Option[];
}

export const NO_OPTIONS: Options = { kind: "static", sections: [] };

/** The options of an input with one list. */
export function optionsOf(input: Input, sources: Sources, values: Values): Options {
  if (input.type === "CUSTOM_DROPDOWN") return dropdownOptions(input);
  if (input.options.length > 0) return { kind: "static", sections: input.options };
  const source = sources[input.sourceType ?? ""];
  if (source?.kind === "static") return { kind: "static", sections: source.sections };
  if (source?.kind === "dynamic") return remoteSource(source, pick(source, values));
  return NO_OPTIONS;
}

/** Options of the builder's app: a list, or (when the list is empty) a function that loads one. */
function dropdownOptions(input: Input): Options {
  if (input.options.some((section) => section.items.length > 0)) {
    return { kind: "static", sections: input.options };
  }
  if (!input.key) return NO_OPTIONS;
  return {
    kind: "remote",
    remote: { kind: "dropdown", name: input.key, key: `dropdown:${input.key}` },
    refreshOnOpen: input.refreshOnOpen,
  };
}

/** A list of a source; waits while a parameter that it needs is empty. */
export function remoteSource(source: DynamicSource | undefined, parameters: Values): Options {
  if (!source) return NO_OPTIONS;
  if (Object.values(parameters).some(isEmpty)) return { kind: "waiting" };
  const key = `source:${source.cacheKey}:${JSON.stringify(parameters)}`;
  return {
    kind: "remote",
    remote: { kind: "source", source, parameters, key },
    refreshOnOpen: false,
  };
}

/** The parameters of a source that has one: its only dependency gets the chosen value. */
export function chosenParameter(source: DynamicSource | undefined, ...chosen: unknown[]): Values {
  const names = source?.dependencies ?? [];
  return Object.fromEntries(
    names.slice(0, chosen.length).map((name, index) => [name, chosen[index]]),
  );
}

function pick(source: DynamicSource, values: Values): Values {
  return Object.fromEntries(source.dependencies.map((name) => [name, values[name]]));
}

/** The body of `POST /sdk/actions` for one page. */
export function actionBody(
  integrationType: string,
  source: DynamicSource,
  parameters: Values,
  page: { cursor?: string; search?: string },
): JsonObject {
  return {
    action: integrationType,
    sourceKey: source.cacheKey,
    parameters: Object.entries(parameters).map(([key, value]) => ({
      key,
      source: { type: "VALUE", value },
    })),
    paginationParameters: { pageCursor: page.cursor ?? 0, search: page.search || undefined },
  };
}

/** Reads `{output: {records, nextPageCursor}}` or `{output: […]}`. */
export function readActionPage(answer: unknown): OptionPage {
  const output = object(answer).output;
  const records = Array.isArray(output) ? output : list(object(output).records);
  const nextCursor = text(object(output).nextPageCursor);
  const isFields = "id" in object(records[0]);
  return {
    sections: isFields ? [] : readOptions(records),
    fields: isFields ? objects(records).flatMap(readField) : [],
    nextCursor,
  };
}

export function pageOfHost(page: Page): OptionPage {
  return {
    sections: [{ title: "", items: page.options }],
    fields: [],
    nextCursor: page.nextCursor,
  };
}

function readField(raw: JsonObject): DefinedField[] {
  const id = text(raw.id);
  if (!id) return [];
  const kinds: Record<string, DefinedField["kind"]> = {
    number: "number",
    dropdown: "one",
    multi: "many",
    multiCheckbox: "many",
  };
  return [
    {
      id,
      title: text(raw.title) ?? id,
      kind: kinds[text(raw.type) ?? ""] ?? "text",
      required: raw.required === true,
      options: readOptions(raw.items).flatMap((section) => section.items),
    },
  ];
}

/** Joins a page to those before it; a section that goes on is not headed twice. */
export function joinSections(before: OptionSection[], after: OptionSection[]): OptionSection[] {
  const joined = before.map((section) => ({ ...section, items: [...section.items] }));
  for (const section of after) {
    const last = joined[joined.length - 1];
    if (last && last.title === section.title) last.items.push(...section.items);
    else joined.push({ ...section, items: [...section.items] });
  }
  return joined;
}

/** The options whose label or subtitle has the words. */
export function filterSections(sections: OptionSection[], search: string): OptionSection[] {
  const words = search.trim().toLocaleLowerCase();
  if (!words) return sections;
  return sections
    .map((section) => ({
      ...section,
      items: section.items.filter((item) =>
        `${item.label} ${item.subtitle ?? ""}`.toLocaleLowerCase().includes(words),
      ),
    }))
    .filter((section) => section.items.length > 0);
}
