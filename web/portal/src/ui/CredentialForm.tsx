// A form that is sent as a whole: keys and passwords, or what is missing after the sign-in.

import { type FormEvent, useId, useMemo, useRef, useState } from "react";
import type { Failure } from "../host/failure";
import {
  initialValues,
  submittedValues,
  type Values,
  validate,
  validateInput,
} from "../model/form";
import { failureText } from "../texts";
import type { Input } from "../wire/input";
import type { Portal } from "../wire/update";
import { InputView } from "./inputs/InputView";
import { InputScopeProvider } from "./inputs/scope";
import { Notice } from "./Notice";

export interface CredentialFormProps {
  /** The button in the panel's foot submits the form by this id. */
  formId: string;
  inputs: Input[];
  portal: Portal;
  credentialId?: string;
  failure?: Failure;
  onSubmit(values: Values): void;
}

export function CredentialForm(props: CredentialFormProps) {
  const { formId, inputs, portal, credentialId, failure, onSubmit } = props;
  const prefix = useId();
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState<Values>(() => initialValues(inputs, {}));
  /** Inputs that the user has left or tried to send: only these show what is wrong. */
  const [checked, setChecked] = useState<ReadonlySet<string>>(new Set());
  const visible = useMemo(() => inputs.filter((input) => !input.hidden), [inputs]);
  const scope = { ...portal, values, credentialId };

  const set = (input: Input, value: unknown) =>
    setValues((current) => ({ ...current, [input.id]: value }));
  const check = (input: Input) => setChecked((current) => new Set(current).add(input.id));

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const errors = validate(inputs, values);
    setChecked(new Set(inputs.map((input) => input.id)));
    const wrong = visible.find((input) => errors[input.id]);
    if (wrong) form.current?.querySelector<HTMLElement>(idSelector(prefix, wrong))?.focus();
    else onSubmit(submittedValues(inputs, values));
  };

  return (
    <InputScopeProvider value={scope}>
      <form id={formId} ref={form} className="form" noValidate onSubmit={submit}>
        {failure ? <Notice look="error">{failureText(failure)}</Notice> : null}
        {visible.map((input) => (
          <InputView
            key={input.id}
            id={`${prefix}-${input.id}`}
            input={input}
            value={values[input.id]}
            error={checked.has(input.id) ? validateInput(input, values[input.id]) : undefined}
            onChange={(value) => set(input, value)}
            onChoose={(value) => {
              set(input, value);
              check(input);
            }}
            onLeave={() => {
              if (values[input.id]) check(input);
            }}
          />
        ))}
      </form>
    </InputScopeProvider>
  );
}

export function idSelector(prefix: string, input: Input): string {
  return `[id="${CSS.escape(`${prefix}-${input.id}`)}"]`;
}
