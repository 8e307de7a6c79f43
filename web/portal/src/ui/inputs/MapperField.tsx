// Maps fields of the builder's app to fields of the integration. Static: the builder named the
// fields. Dynamic: the app that shows the portal offers them, and the user chooses which to map.

import { useState } from "react";
import { chosenParameter, NO_OPTIONS, type Options, remoteSource } from "../../model/options";
import { texts } from "../../texts";
import type { DynamicSource, Input } from "../../wire/input";
import { object, strings, text } from "../../wire/read";
import type { MappingOptions } from "../../wire/update";
import { Button } from "../Button";
import { Icon } from "../Icon";
import { Combobox } from "./Combobox";
import { MappedField } from "./ComboField";
import { Field } from "./Field";
import type { InputProps } from "./InputView";
import { useInputScope } from "./scope";

const NO_MAPPING_OPTIONS: MappingOptions = {
  fields: [],
  defaultFields: [],
  canRemove: false,
  canCreate: false,
  isLoadedByHost: false,
};

export function MapperField(props: InputProps) {
  const { id, input, value, error, onChoose } = props;
  const { integration, mappingOptions } = useInputScope();
  const found = integration.sources[input.sourceType ?? ""];
  const source = found?.kind === "mapper" ? found : undefined;
  const mapping = object(value);
  const chosen = text(mapping.objectMapping);
  const isDynamic = input.useDynamicMapper || input.dynamicObjectName !== undefined;
  const offered = mappingOptions[input.dynamicObjectName ?? ""];
  const lists = offered?.isLoadedByHost
    ? listsOfHost(input.dynamicObjectName ?? "", chosen)
    : listsOfSource(source?.records, source?.fields, chosen);

  return (
    <Field id={id} input={input} error={error} isGroup>
      {(ids) => (
        <div className="parts">
          {source?.records || offered?.isLoadedByHost ? (
            <Combobox
              id={ids.id}
              label={`${input.title}: ${texts.mapper.object}`}
              options={lists.objects}
              value={chosen}
              placeholder={input.placeholder}
              isDisabled={input.readOnly}
              isInvalid={ids.isInvalid && !chosen}
              onChange={(objectMapping) =>
                onChoose({ objectMapping, mappingType: isDynamic ? "DYNAMIC" : "STATIC" })
              }
            />
          ) : null}
          {isDynamic ? (
            <DynamicRows
              id={id}
              input={input}
              offered={offered ?? NO_MAPPING_OPTIONS}
              fields={lists.fields}
              mapping={mapping}
              onChoose={onChoose}
            />
          ) : (
            input.labels.map((label) => (
              <MappedField
                key={label}
                id={`${id}-${label}`}
                label={label}
                options={lists.fields}
                value={text(object(mapping.fieldMappings)[label])}
                onChange={(field) =>
                  onChoose({
                    ...mapping,
                    mappingType: "STATIC",
                    fieldMappings: { ...object(mapping.fieldMappings), [label]: field },
                  })
                }
              />
            ))
          )}
        </div>
      )}
    </Field>
  );
}

interface Lists {
  objects: Options;
  fields: Options;
}

function listsOfSource(
  records: DynamicSource | undefined,
  fields: DynamicSource | undefined,
  chosen: string | undefined,
): Lists {
  const isWaiting = records !== undefined && chosen === undefined;
  return {
    objects: remoteSource(records, {}),
    fields: isWaiting ? { kind: "waiting" } : remoteSource(fields, chosenParameter(fields, chosen)),
  };
}

function listsOfHost(name: string, objectType: string | undefined): Lists {
  const objects: Options = {
    kind: "remote",
    remote: { kind: "objectTypes", name, key: `objectTypes:${name}` },
    refreshOnOpen: false,
  };
  if (!objectType) return { objects, fields: { kind: "waiting" } };
  const key = `fields:${name}:${objectType}`;
  return {
    objects,
    fields: {
      kind: "remote",
      remote: { kind: "integrationFields", name, objectType, key },
      refreshOnOpen: false,
    },
  };
}

interface DynamicRowsProps {
  id: string;
  input: Input;
  offered: MappingOptions;
  fields: Options;
  mapping: Record<string, unknown>;
  onChoose(value: unknown): void;
}

function DynamicRows({ id, input, offered, fields, mapping, onChoose }: DynamicRowsProps) {
  const { integration } = useInputScope();
  const created = strings(mapping.userCreatedFields);
  const stored = object(mapping.dynamicMappings);
  const isUntouched = mapping.dynamicMappings === undefined;
  const initial = offered.defaultFields.length > 0 ? offered.defaultFields : namesOf(offered);
  const names = isUntouched ? initial : Object.keys(stored);
  const labelOf = (name: string) =>
    offered.fields.find((field) => field.value === name)?.label ?? name;

  const change = (next: string[], changed: Record<string, unknown> = {}, userFields = created) => {
    const mappings = next.map((name) => {
      const integrationField =
        name in changed ? changed[name] : object(stored[name]).integrationField;
      return [name, { applicationField: name, integrationField }];
    });
    onChoose({
      ...mapping,
      mappingType: "DYNAMIC",
      dynamicMappings: Object.fromEntries(mappings),
      userCreatedFields: userFields,
    });
  };

  if (names.length === 0 && offered.fields.length === 0 && !offered.canCreate) {
    return <p className="hint">{texts.mapper.noFields}</p>;
  }
  return (
    <div className="mapping">
      {names.length > 0 ? (
        <div className="mapping-head" aria-hidden="true">
          <span>{texts.mapper.applicationField}</span>
          <span>{texts.mapper.integrationField(integration.name)}</span>
        </div>
      ) : null}
      {names.map((name) => (
        <div key={name} className="mapping-row">
          <span className="mapping-name">{labelOf(name)}</span>
          <Combobox
            id={`${id}-${name}`}
            label={texts.mapper.mapTo(labelOf(name), integration.name)}
            options={fields}
            value={text(object(stored[name]).integrationField)}
            isDisabled={input.readOnly}
            onChange={(field) => change(names, { [name]: field })}
          />
          {offered.canRemove || created.includes(name) ? (
            <button
              type="button"
              className="icon-button"
              aria-label={texts.mapper.remove(labelOf(name))}
              onClick={() =>
                change(
                  names.filter((other) => other !== name),
                  {},
                  created.filter((other) => other !== name),
                )
              }
            >
              <Icon name="close" size={15} />
            </button>
          ) : null}
        </div>
      ))}
      <AddField
        id={id}
        title={input.title}
        offered={offered}
        used={names}
        onAdd={(name) => change([...names, name])}
        onCreate={(name) => change([...names, name], {}, [...created, name])}
      />
    </div>
  );
}

function namesOf(offered: MappingOptions): string[] {
  return offered.fields.map((field) => field.value);
}

interface AddFieldProps {
  id: string;
  title: string;
  offered: MappingOptions;
  used: string[];
  onAdd(name: string): void;
  onCreate(name: string): void;
}

function AddField({ id, title, offered, used, onAdd, onCreate }: AddFieldProps) {
  const [name, setName] = useState("");
  const rest = offered.fields.filter((field) => !used.includes(field.value));
  const options: Options =
    rest.length > 0 ? { kind: "static", sections: [{ title: "", items: rest }] } : NO_OPTIONS;
  const wanted = name.trim();
  const create = () => {
    if (!wanted || used.includes(wanted)) return;
    onCreate(wanted);
    setName("");
  };
  return (
    <>
      {rest.length > 0 ? (
        <Combobox
          id={`${id}-add`}
          label={`${title}: ${texts.mapper.add}`}
          options={options}
          placeholder={texts.mapper.add}
          onChange={(field) => field && onAdd(field)}
        />
      ) : null}
      {offered.canCreate ? (
        <div className="mapping-new">
          <input
            className="control"
            aria-label={texts.mapper.newField}
            placeholder={texts.mapper.newField}
            value={name}
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              create();
            }}
          />
          <Button onClick={create} disabled={!wanted || used.includes(wanted)}>
            {texts.mapper.create}
          </Button>
        </div>
      ) : null}
    </>
  );
}
