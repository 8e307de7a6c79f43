// A value to copy, and a file.

import { useEffect, useRef, useState } from "react";
import { isEmpty } from "../../model/form";
import { texts } from "../../texts";
import { object, text } from "../../wire/read";
import { Button } from "../Button";
import { useController } from "../context";
import { Icon } from "../Icon";
import { Field } from "./Field";
import type { InputProps } from "./InputView";
import { useInputScope } from "./scope";

/** Files travel inside the settings, in base64: 256 KB there, which is the server's limit. */
const FILE_MAX_BYTES = 192 * 1024;
const COPIED_MS = 2_000;

/** Copies the given value, or the address for webhooks of the workflow it stands in. */
export function CopyField({ id, input, value }: InputProps) {
  const controller = useController();
  const { workflowId, credentialId } = useInputScope();
  const [webhook, setWebhook] = useState("");
  const given = text(value) ?? "";
  useEffect(() => {
    if (given || !workflowId || !credentialId) return;
    let isCurrent = true;
    controller.webhookUrl(workflowId, credentialId).then(
      (url) => isCurrent && setWebhook(url),
      () => isCurrent && setWebhook(""),
    );
    return () => {
      isCurrent = false;
    };
  }, [controller, given, workflowId, credentialId]);
  const shown = given || webhook;
  return (
    <Field id={id} input={input}>
      {(ids) => (
        <div className="control affixed">
          <input
            id={ids.id}
            className="bare mono"
            readOnly
            aria-describedby={ids.describedBy}
            value={shown}
            placeholder={texts.field.nothingToCopy}
            onFocus={(event) => event.target.select()}
          />
          <CopyButton value={shown} label={input.title} />
        </div>
      )}
    </Field>
  );
}

export function CopyButton({ value, label }: { value: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = () => navigator.clipboard.writeText(value).then(() => setCopied(true), ignore);
  return (
    <Button
      look="quiet"
      disabled={!value}
      aria-label={`${texts.field.copy}: ${label}`}
      onClick={copy}
    >
      <Icon name={isCopied ? "check" : "copy"} size={15} />
      <span aria-live="polite">{isCopied ? texts.field.copied : texts.field.copy}</span>
    </Button>
  );
}

function ignore(): void {}

export function FileField({ id, input, value, error, onChoose }: InputProps) {
  const chooser = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string>();
  const file = object(value);
  const read = async (chosen: File | undefined) => {
    if (!chosen) return;
    if (chosen.size > FILE_MAX_BYTES) {
      setProblem(texts.invalid.fileTooLarge("192 KB"));
      return;
    }
    try {
      onChoose(await fileValue(chosen));
      setProblem(undefined);
    } catch {
      setProblem(texts.invalid.fileUnreadable);
    }
  };
  return (
    <Field id={id} input={input} error={problem ?? error}>
      {(ids) => (
        <div className="control affixed file">
          <Icon name="file" size={16} />
          <span className={isEmpty(file.name) ? "placeholder" : "file-name"}>
            {text(file.name) ?? input.placeholder ?? texts.field.file}
          </span>
          <input
            ref={chooser}
            id={ids.id}
            className="visually-hidden"
            type="file"
            disabled={input.readOnly}
            aria-invalid={ids.isInvalid || undefined}
            aria-describedby={ids.describedBy}
            onChange={(event) => void read(event.target.files?.[0])}
          />
          {isEmpty(file.name) ? null : (
            <Button look="quiet" onClick={() => onChoose(null)}>
              {texts.field.fileRemove}
            </Button>
          )}
          <Button look="quiet" onClick={() => chooser.current?.click()} tabIndex={-1}>
            {isEmpty(file.name) ? texts.field.file : texts.field.fileReplace}
          </Button>
        </div>
      )}
    </Field>
  );
}

/** A file as the server takes files: the bytes in base64, with name and type. */
export async function fileValue(file: File): Promise<Record<string, unknown>> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return {
    name: file.name,
    contentType: file.type || "application/octet-stream",
    data: btoa(binary),
  };
}
