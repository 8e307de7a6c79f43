// A form whose values are saved while the user fills it in.

import { useCallback, useEffect, useRef, useState } from "react";
import { initialValues, savedValues, type Values } from "../../model/form";
import { Saver, type SaveStatus } from "../../model/saver";
import type { Input } from "../../wire/input";

const PAUSE_MS = 800;
const SAVED_SHOWN_MS = 2_500;

export interface Autosave {
  values: Values;
  status: SaveStatus;
  /** Everything that was changed is saved. */
  isSettled: boolean;
  change(input: Input, value: unknown): Values;
  choose(input: Input, value: unknown): Values;
  /** Sends what is not sent yet. */
  flush(): void;
  /** Forgets what is not sent yet: the caller sends it. */
  skip(): void;
  retry(): void;
}

/** `stored` counts when the form appears; after that the values on the screen are the truth. */
export function useAutosave(
  inputs: Input[],
  stored: Values,
  save: (values: Values) => Promise<void>,
): Autosave {
  const [values, setValues] = useState<Values>(() => initialValues(inputs, stored));
  const [status, setStatus] = useState<SaveStatus>({ kind: "idle" });
  const [isChanged, setChanged] = useState(false);
  const latest = useRef({ values, inputs, save });
  latest.current.inputs = inputs;
  latest.current.save = save;

  const saver = useRef<Saver<Values>>(null);
  saver.current ??= new Saver<Values>({
    save: (value) => latest.current.save(value),
    onStatus: (next) => {
      setStatus(next);
      if (next.kind === "saved") setChanged(false);
    },
    pauseMs: PAUSE_MS,
  });
  const current = saver.current;

  useEffect(() => () => void current.flush(), [current]);

  useEffect(() => {
    if (status.kind !== "saved") return;
    const timer = setTimeout(() => setStatus({ kind: "idle" }), SAVED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [status]);

  const change = useCallback(
    (input: Input, value: unknown): Values => {
      const next = { ...latest.current.values, [input.id]: value };
      latest.current.values = next;
      setValues(next);
      setChanged(true);
      current.changed(savedValues(latest.current.inputs, next));
      return next;
    },
    [current],
  );

  const choose = useCallback(
    (input: Input, value: unknown): Values => {
      const next = change(input, value);
      void current.flush();
      return next;
    },
    [change, current],
  );

  const flush = useCallback(() => void current.flush(), [current]);
  const skip = useCallback(() => {
    current.skip();
    setChanged(false);
  }, [current]);
  const retry = useCallback(() => void current.retry(), [current]);
  const isSettled = !isChanged && status.kind !== "saving" && status.kind !== "failed";
  return { values, status, isSettled, change, choose, flush, skip, retry };
}
