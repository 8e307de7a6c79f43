// Inputs that are typed: one line, several lines, numbers, addresses, secrets.

import { useState } from "react";
import { texts } from "../../texts";
import type { Input } from "../../wire/input";
import { text } from "../../wire/read";
import { Icon } from "../Icon";
import { Field } from "./Field";
import type { InputProps } from "./InputView";

const HTML_TYPES: Partial<Record<Input["type"], string>> = { EMAIL: "email", URL: "url" };

const KEYBOARDS: Partial<Record<Input["type"], "decimal" | "email" | "url">> = {
  NUMBER: "decimal",
  EMAIL: "email",
  URL: "url",
};

export function TextField({ id, input, value, error, onChange, onLeave }: InputProps) {
  const [isShown, setShown] = useState(false);
  const isSecret = input.type === "PASSWORD";
  const type = isSecret && !isShown ? "password" : (HTML_TYPES[input.type] ?? "text");
  return (
    <Field id={id} input={input} error={error}>
      {(ids) => (
        <div className={input.prefixLabel || input.suffixLabel ? "control affixed" : "affixed"}>
          {input.prefixLabel ? <span className="affix">{input.prefixLabel}</span> : null}
          <input
            id={ids.id}
            className={input.prefixLabel || input.suffixLabel ? "bare" : "control"}
            type={type}
            inputMode={KEYBOARDS[input.type]}
            autoComplete={isSecret ? "new-password" : "off"}
            spellCheck={false}
            placeholder={input.placeholder}
            readOnly={input.readOnly}
            required={input.required}
            aria-invalid={ids.isInvalid || undefined}
            aria-describedby={ids.describedBy}
            value={text(value) ?? ""}
            onChange={(event) => onChange(event.target.value)}
            onBlur={onLeave}
          />
          {input.suffixLabel ? <span className="affix">{input.suffixLabel}</span> : null}
          {isSecret ? (
            <button
              type="button"
              className="icon-button reveal"
              aria-label={`${isShown ? texts.field.hide : texts.field.show}: ${input.title}`}
              aria-pressed={isShown}
              onClick={() => setShown(!isShown)}
            >
              <Icon name="eye" size={16} />
            </button>
          ) : null}
        </div>
      )}
    </Field>
  );
}

export function TextAreaField({ id, input, value, error, onChange, onLeave }: InputProps) {
  return (
    <Field id={id} input={input} error={error}>
      {(ids) => (
        <textarea
          id={ids.id}
          className="control"
          rows={4}
          placeholder={input.placeholder}
          readOnly={input.readOnly}
          required={input.required}
          aria-invalid={ids.isInvalid || undefined}
          aria-describedby={ids.describedBy}
          value={text(value) ?? ""}
          onChange={(event) => onChange(event.target.value)}
          onBlur={onLeave}
        />
      )}
    </Field>
  );
}
