// What is around every control: its name, its help, its error. The control gets ids for all three.

import * as Popover from "@radix-ui/react-popover";
import type { ReactNode } from "react";
import { texts } from "../../texts";
import type { Input } from "../../wire/input";
import { Icon } from "../Icon";
import { inline, SafeLink } from "../Markdown";

export interface ControlIds {
  id: string;
  describedBy?: string;
  isInvalid: boolean;
}

export interface FieldProps {
  id: string;
  input: Input;
  error?: string;
  /** Controls of several parts are a group with a heading instead of a label. */
  isGroup?: boolean;
  children: (ids: ControlIds) => ReactNode;
}

export function Field({ id, input, error, isGroup, children }: FieldProps) {
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  const hasHint = Boolean(input.subtitle || input.documentationLink);
  const describedBy = [hasHint && hintId, error && errorId].filter(Boolean).join(" ") || undefined;
  const name = (
    <>
      {input.title}
      {input.required || input.type === "COPYABLE_BUTTON_INPUT" ? null : (
        <span className="optional"> ({texts.field.optional})</span>
      )}
    </>
  );
  const content = (
    <>
      <div className="field-name">
        {isGroup ? (
          <span className="label" id={`${id}-label`}>
            {name}
          </span>
        ) : (
          <label className="label" htmlFor={id} id={`${id}-label`}>
            {name}
          </label>
        )}
        {input.tooltip ? <Help title={input.title} text={input.tooltip} /> : null}
      </div>
      {children({ id, describedBy, isInvalid: error !== undefined })}
      {hasHint ? <Hint id={hintId} input={input} /> : null}
      {error ? (
        <p className="field-error" id={errorId}>
          {error}
        </p>
      ) : null}
    </>
  );
  if (!isGroup) return <div className="field">{content}</div>;
  return (
    <fieldset className="field" aria-labelledby={`${id}-label`} aria-describedby={describedBy}>
      {content}
    </fieldset>
  );
}

export function Hint({ id, input }: { id: string; input: Input }) {
  return (
    <p className="hint" id={id}>
      {input.subtitle ? inline(input.subtitle) : null}
      {input.subtitle && input.documentationLink ? " " : null}
      {input.documentationLink ? (
        <SafeLink href={input.documentationLink}>
          {input.documentationLinkLabel ?? texts.field.learnMore}
        </SafeLink>
      ) : null}
    </p>
  );
}

/** Help that opens on a press, so that it is there for touch and keyboard as well. */
export function Help({ title, text }: { title: string; text: string }) {
  return (
    <Popover.Root>
      <Popover.Trigger className="help" aria-label={texts.field.help(title)}>
        <Icon name="help" size={14} />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="popover help-text"
          side="top"
          sideOffset={6}
          collisionPadding={12}
          aria-label={texts.field.help(title)}
        >
          {inline(text)}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
