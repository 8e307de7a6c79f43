// Two dropdowns of which the second depends on the first, and the fields that depend on both.

import {
  chosenParameter,
  type DefinedField,
  type Options,
  remoteSource,
} from "../../model/options";
import { texts } from "../../texts";
import type { Source } from "../../wire/input";
import { object, text } from "../../wire/read";
import { Combobox } from "./Combobox";
import { Field } from "./Field";
import type { InputProps } from "./InputView";
import { useInputScope } from "./scope";
import { useOptions } from "./use-options";

type ComboSource = Extract<Source, { kind: "combo" }>;

const NO_SOURCE: ComboSource = { kind: "combo" };

export function ComboField({ id, input, value, error, onChange, onChoose }: InputProps) {
  const { integration } = useInputScope();
  const found = integration.sources[input.sourceType ?? ""];
  const source = found?.kind === "combo" ? found : NO_SOURCE;
  const combo = object(value);
  const main = text(combo.mainInput);
  const dependent = text(combo.dependentInput);
  const fields = object(combo.fieldMappings);
  const setField = (name: string, field: unknown) =>
    ({ ...combo, fieldMappings: { ...fields, [name]: field } }) as const;
  const fieldOptions = remoteSource(source.fields, chosenParameter(source.fields, main, dependent));

  return (
    <Field id={id} input={input} error={error} isGroup>
      {(ids) => (
        <div className="parts">
          <Combobox
            id={ids.id}
            label={input.title}
            options={remoteSource(source.main, {})}
            value={main}
            placeholder={input.placeholder}
            isDisabled={input.readOnly}
            isInvalid={ids.isInvalid && !main}
            // What was chosen below belongs to the old choice.
            onChange={(mainInput) => onChoose({ mainInput })}
          />
          <Combobox
            id={`${id}-dependent`}
            label={`${input.title} (2)`}
            options={dependentOptions(source, main)}
            value={dependent}
            placeholder={main ? undefined : texts.combo.firstChoose}
            isDisabled={input.readOnly}
            isInvalid={ids.isInvalid && Boolean(main) && !dependent}
            onChange={(dependentInput) => onChoose({ mainInput: main, dependentInput })}
          />
          {input.labels.map((label) => (
            <MappedField
              key={label}
              id={`${id}-${label}`}
              label={label}
              options={fieldOptions}
              value={text(fields[label])}
              onChange={(field) => onChoose(setField(label, field))}
            />
          ))}
          {input.useDynamicFields || source.variable ? (
            <VariableFields
              id={id}
              options={remoteSource(
                source.variable,
                chosenParameter(source.variable, main, dependent),
              )}
              values={fields}
              onChange={(name, field) => onChange(setField(name, field))}
              onChoose={(name, field) => onChoose(setField(name, field))}
            />
          ) : null}
        </div>
      )}
    </Field>
  );
}

function dependentOptions(source: ComboSource, main: string | undefined): Options {
  if (!main) return { kind: "waiting" };
  return remoteSource(source.dependent, chosenParameter(source.dependent, main));
}

export interface MappedFieldProps {
  id: string;
  label: string;
  options: Options;
  value?: string;
  onChange(value: string | undefined): void;
}

export function MappedField({ id, label, options, value, onChange }: MappedFieldProps) {
  return (
    <div className="part">
      <label className="part-name" htmlFor={id}>
        {label}
      </label>
      <Combobox id={id} label={label} options={options} value={value} onChange={onChange} />
    </div>
  );
}

interface VariableFieldsProps {
  id: string;
  options: Options;
  values: Record<string, unknown>;
  onChange(name: string, value: unknown): void;
  onChoose(name: string, value: unknown): void;
}

/** Fields that the provider defines for what was chosen above. */
function VariableFields({ id, options, values, onChange, onChoose }: VariableFieldsProps) {
  const loaded = useOptions(options, options.kind === "remote", "");
  if (loaded.isLoading) return <p className="hint">{texts.field.loading}</p>;
  return loaded.fields.map((field) => (
    <VariableField
      key={field.id}
      id={`${id}-${field.id}`}
      field={field}
      value={values[field.id]}
      onChange={(value) => onChange(field.id, value)}
      onChoose={(value) => onChoose(field.id, value)}
    />
  ));
}

interface VariableFieldProps {
  id: string;
  field: DefinedField;
  value: unknown;
  onChange(value: unknown): void;
  onChoose(value: unknown): void;
}

function VariableField({ id, field, value, onChange, onChoose }: VariableFieldProps) {
  const many = Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
  switch (field.kind) {
    case "one":
      return (
        <MappedField
          id={id}
          label={field.title}
          options={{ kind: "static", sections: [{ title: "", items: field.options }] }}
          value={text(value)}
          onChange={onChoose}
        />
      );
    case "many":
      return (
        <fieldset className="part checks">
          <legend className="part-name">{field.title}</legend>
          {field.options.map((option) => (
            <label key={option.value} className="check">
              <input
                type="checkbox"
                checked={many.includes(option.value)}
                onChange={(event) =>
                  onChoose(
                    event.target.checked
                      ? [...many, option.value]
                      : many.filter((item) => item !== option.value),
                  )
                }
              />
              <span className="check-name">{option.label}</span>
            </label>
          ))}
        </fieldset>
      );
    default:
      return (
        <div className="part">
          <label className="part-name" htmlFor={id}>
            {field.title}
          </label>
          <input
            id={id}
            className="control"
            inputMode={field.kind === "number" ? "decimal" : undefined}
            value={text(value) ?? ""}
            onChange={(event) => onChange(event.target.value)}
          />
        </div>
      );
  }
}
