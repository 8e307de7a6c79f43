// The inputs of a section of settings, with the errors of those that the user has touched.

import { useId, useState } from "react";
import { validateInput } from "../../model/form";
import type { Input } from "../../wire/input";
import type { Portal } from "../../wire/update";
import { InputView } from "../inputs/InputView";
import { InputScopeProvider } from "../inputs/scope";
import type { Autosave } from "./use-autosave";

export interface SettingsFormProps {
  inputs: Input[];
  portal: Portal;
  credentialId: string;
  workflowId?: string;
  autosave: Autosave;
  /** Shows what is missing at once, not only where the user has been. */
  showsAllErrors?: boolean;
}

export function SettingsForm(props: SettingsFormProps) {
  const { inputs, portal, credentialId, workflowId, autosave, showsAllErrors } = props;
  const prefix = useId();
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const touch = (input: Input) => setTouched((current) => new Set(current).add(input.id));
  const { values } = autosave;

  return (
    <InputScopeProvider value={{ ...portal, values, credentialId, workflowId }}>
      <div className="form">
        {inputs
          .filter((input) => !input.hidden)
          .map((input) => (
            <InputView
              key={input.id}
              id={`${prefix}-${input.id}`}
              input={input}
              value={values[input.id]}
              error={
                showsAllErrors || touched.has(input.id)
                  ? validateInput(input, values[input.id])
                  : undefined
              }
              onChange={(value) => autosave.change(input, value)}
              onChoose={(value) => {
                touch(input);
                autosave.choose(input, value);
              }}
              onLeave={() => {
                touch(input);
                autosave.flush();
              }}
            />
          ))}
      </div>
    </InputScopeProvider>
  );
}
