// The options of a dropdown while it is on the screen: loaded when needed, searched, continued.

import { useCallback, useEffect, useRef, useState } from "react";
import { asFailure, type Failure } from "../../host/failure";
import {
  type DefinedField,
  filterSections,
  joinSections,
  type Options,
  type RemoteOptions,
} from "../../model/options";
import type { OptionSection } from "../../wire/input";
import { useController } from "../context";

const SEARCH_PAUSE_MS = 250;

interface Loaded {
  /** What the rows are for; other rows are not shown. */
  key: string;
  sections: OptionSection[];
  fields: DefinedField[];
  nextCursor?: string;
  failure?: Failure;
  isLoading: boolean;
}

const NOTHING: Loaded = { key: "", sections: [], fields: [], isLoading: false };

export interface LoadedOptions extends Omit<Loaded, "key"> {
  more(): void;
  refresh(): void;
}

/** Loads the first page while `isWanted`; `search` is sent to the server after a pause. */
export function useOptions(options: Options, isWanted: boolean, search: string): LoadedOptions {
  const controller = useController();
  const [loaded, setLoaded] = useState<Loaded>(NOTHING);
  const latest = useRef(0);
  const remote = options.kind === "remote" ? options.remote : undefined;
  const listKey = remote ? `${remote.key}?${search}` : "";
  const remoteRef = useRef<RemoteOptions | undefined>(remote);
  remoteRef.current = remote;

  const load = useCallback(
    async (key: string, words: string, before?: Loaded) => {
      const source = remoteRef.current;
      if (!source) return;
      latest.current += 1;
      const turn = latest.current;
      setLoaded((old) => ({
        ...(before ?? (old.key === key ? old : NOTHING)),
        key,
        failure: undefined,
        isLoading: true,
      }));
      try {
        const cursor = before?.nextCursor;
        const page = await controller.loadOptions(source, { cursor, search: words || undefined });
        if (turn !== latest.current) return;
        const sections = joinSections(before?.sections ?? [], page.sections);
        const { fields, nextCursor } = page;
        setLoaded({ key, sections, fields, nextCursor, isLoading: false });
      } catch (error) {
        if (turn !== latest.current) return;
        setLoaded((old) => ({ ...old, key, failure: asFailure(error), isLoading: false }));
      }
    },
    [controller],
  );

  // After a failure the user decides whether to try again.
  const isAsked = loaded.key === listKey;
  useEffect(() => {
    if (!isWanted || !listKey || isAsked) return;
    const pause = search ? SEARCH_PAUSE_MS : 0;
    const timer = setTimeout(() => void load(listKey, search), pause);
    return () => clearTimeout(timer);
  }, [isWanted, listKey, isAsked, search, load]);

  if (options.kind !== "remote") {
    const sections = options.kind === "static" ? filterSections(options.sections, search) : [];
    return { ...NOTHING, sections, more: ignore, refresh: ignore };
  }
  const current = loaded.key === listKey ? loaded : { ...NOTHING, isLoading: isWanted };
  return {
    ...current,
    more: () => {
      if (!current.isLoading && loaded.nextCursor) void load(listKey, search, loaded);
    },
    refresh: () => void load(listKey, search),
  };
}

function ignore(): void {}
