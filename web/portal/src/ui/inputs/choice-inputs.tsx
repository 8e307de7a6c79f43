// Inputs that are chosen: switches, dropdowns, permissions.

import * as Switch from "@radix-ui/react-switch";
import { scopesOf } from "../../model/form";
import { optionsOf } from "../../model/options";
import { text } from "../../wire/read";
import { Combobox } from "./Combobox";
import { Field, Help, Hint } from "./Field";
import type { InputProps } from "./InputView";
import { useInputScope } from "./scope";

/** A switch stands beside its name; its value is always one of two, so it is never "optional". */
export function SwitchField({ id, input, value, error, onChoose }: InputProps) {
  const hintId = `${id}-hint`;
  const hasHint = Boolean(input.subtitle || input.documentationLink);
  return (
    <div className="field">
      <div className="switch-row">
        <div className="field-name">
          <label className="label" htmlFor={id}>
            {input.titleText ?? input.title}
          </label>
          {input.tooltip ? <Help title={input.title} text={input.tooltip} /> : null}
        </div>
        <Toggle
          id={id}
          isOn={value === true || value === "true"}
          isDisabled={input.readOnly}
          describedBy={hasHint ? hintId : undefined}
          onChange={onChoose}
        />
      </div>
      {hasHint ? <Hint id={hintId} input={input} /> : null}
      {error ? <p className="field-error">{error}</p> : null}
    </div>
  );
}

export interface ToggleProps {
  id?: string;
  label?: string;
  isOn: boolean;
  isDisabled?: boolean;
  describedBy?: string;
  onChange(isOn: boolean): void;
}

export function Toggle({ id, label, isOn, isDisabled, describedBy, onChange }: ToggleProps) {
  return (
    <Switch.Root
      id={id}
      className="switch"
      checked={isOn}
      disabled={isDisabled}
      aria-label={label}
      aria-describedby={describedBy}
      onCheckedChange={onChange}
    >
      <Switch.Thumb className="switch-thumb" />
    </Switch.Root>
  );
}

export function SelectField({ id, input, value, error, onChoose }: InputProps) {
  const { integration, values } = useInputScope();
  return (
    <Field id={id} input={input} error={error}>
      {(ids) => (
        <Combobox
          id={ids.id}
          label={input.title}
          options={optionsOf(input, integration.sources, values)}
          value={text(value)}
          placeholder={input.placeholder}
          fallbackText={input.fallbackText}
          isClearable={!input.required}
          isDisabled={input.readOnly}
          isInvalid={ids.isInvalid}
          describedBy={ids.describedBy}
          onChange={(chosen) => onChoose(chosen ?? null)}
        />
      )}
    </Field>
  );
}

export function PermissionField({ id, input, value, error, onChoose }: InputProps) {
  const chosen = new Set(scopesOf(value));
  const toggle = (name: string, isOn: boolean) => {
    const next = input.scopes
      .map((scope) => scope.name)
      .filter((scope) => (scope === name ? isOn : chosen.has(scope)));
    onChoose(next.join(" "));
  };
  return (
    <Field id={id} input={input} error={error} isGroup>
      {() => (
        <div className="checks">
          {input.scopes.map((scope) => (
            <label key={scope.name} className="check">
              <input
                type="checkbox"
                checked={scope.required || chosen.has(scope.name)}
                disabled={scope.required || input.readOnly}
                onChange={(event) => toggle(scope.name, event.target.checked)}
              />
              <span>
                <span className="check-name">{scope.label}</span>
                {scope.description ? <span className="hint">{scope.description}</span> : null}
              </span>
            </label>
          ))}
        </div>
      )}
    </Field>
  );
}
