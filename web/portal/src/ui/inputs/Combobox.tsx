// A dropdown: a button that shows the choice, and a list with a search field that opens below it.
// The focus goes to the search field, the first thing in the list's popover, and stays there; the
// list is walked with the arrow keys.

import * as Popover from "@radix-ui/react-popover";
import { type KeyboardEvent, useEffect, useId, useMemo, useState } from "react";
import type { Options } from "../../model/options";
import { failureText, texts } from "../../texts";
import type { Option } from "../../wire/input";
import { Button } from "../Button";
import { Icon } from "../Icon";
import { OptionList, optionId, type Row, rowsOf } from "./OptionList";
import { type LoadedOptions, useOptions } from "./use-options";

const SHORT_LIST_MAX = 7;

export interface ComboboxProps {
  id: string;
  label: string;
  options: Options;
  value?: string;
  placeholder?: string;
  isClearable?: boolean;
  isDisabled?: boolean;
  isInvalid?: boolean;
  describedBy?: string;
  /** Shown for a value that the list does not have (yet). */
  fallbackText?: string;
  onChange(value: string | undefined): void;
}

export function Combobox(props: ComboboxProps) {
  const { id, label, options, value, placeholder, isClearable, isDisabled, onChange } = props;
  const [isOpen, setOpen] = useState(false);
  const [search, setSearch] = useState("");
  const [known, setKnown] = useState<Option>();
  const isWaiting = options.kind === "waiting";
  const needsLabel = value !== undefined && known?.value !== value;
  const loaded = useOptions(options, isOpen || needsLabel, search);
  const found = useMemo(() => findOption(loaded.sections, value), [loaded.sections, value]);

  useEffect(() => {
    if (found) setKnown(found);
  }, [found]);

  const chosen = known?.value === value ? known : undefined;
  const shown = value === undefined ? undefined : (chosen?.label ?? props.fallbackText ?? value);

  const change = (isNowOpen: boolean) => {
    setOpen(isNowOpen);
    setSearch("");
    if (isNowOpen && options.kind === "remote" && options.refreshOnOpen) loaded.refresh();
  };

  return (
    <Popover.Root open={isOpen} onOpenChange={change}>
      <div className="combobox">
        <Popover.Trigger
          id={id}
          className="control combobox-button"
          role="combobox"
          aria-haspopup="listbox"
          aria-expanded={isOpen}
          aria-invalid={props.isInvalid || undefined}
          aria-describedby={props.describedBy}
          aria-label={shown ? `${label}: ${shown}` : label}
          disabled={isDisabled || isWaiting}
        >
          <span className={shown === undefined ? "placeholder" : "combobox-value"}>
            {shown ?? placeholder ?? texts.field.choose}
          </span>
          <Icon name="chevron" size={16} />
        </Popover.Trigger>
        {isClearable && value !== undefined && !isDisabled ? (
          <button
            type="button"
            className="icon-button combobox-clear"
            aria-label={`${texts.field.clear}: ${label}`}
            onClick={() => onChange(undefined)}
          >
            <Icon name="close" size={14} />
          </button>
        ) : null}
      </div>
      <Popover.Portal>
        <Popover.Content
          className="popover combobox-popover"
          align="start"
          sideOffset={6}
          collisionPadding={12}
          aria-label={label}
        >
          <Choices
            label={label}
            loaded={loaded}
            canRefresh={options.kind === "remote"}
            isShort={options.kind === "static" && countOf(options) <= SHORT_LIST_MAX}
            value={value}
            search={search}
            onSearch={setSearch}
            onChoose={(option) => {
              setKnown(option);
              onChange(option.value);
              change(false);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface ChoicesProps {
  label: string;
  loaded: LoadedOptions;
  canRefresh: boolean;
  /** A list that is seen at a glance: its search field is there for the keys, but not shown. */
  isShort: boolean;
  value?: string;
  search: string;
  onSearch(search: string): void;
  onChoose(option: Option): void;
}

function Choices(props: ChoicesProps) {
  const { label, loaded, canRefresh, isShort, value, search, onSearch, onChoose } = props;
  const listId = useId();
  const rows = useMemo(() => rowsOf(loaded.sections), [loaded.sections]);
  const [active, setActive] = useState(-1);

  useEffect(() => setActive(startOf(rows, value)), [rows, value]);

  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[active];
    if (event.key === "Enter" && row?.kind === "option") onChoose(row.option);
    else if (event.key === "ArrowDown") setActive(step(rows, active, 1));
    else if (event.key === "ArrowUp") setActive(step(rows, active, -1));
    else if (event.key === "Home") setActive(step(rows, -1, 1));
    else if (event.key === "End") setActive(step(rows, rows.length, -1));
    else return;
    event.preventDefault();
  };

  return (
    <>
      <div className={isShort ? "visually-hidden" : "search"}>
        <Icon name="search" size={16} />
        <input
          type="text"
          role="combobox"
          aria-label={`${texts.field.search}: ${label}`}
          aria-expanded="true"
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? optionId(listId, active) : undefined}
          placeholder={texts.field.search}
          autoComplete="off"
          spellCheck={false}
          value={search}
          onChange={(event) => onSearch(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {canRefresh ? (
          <button
            type="button"
            className="icon-button"
            aria-label={texts.field.refresh}
            onClick={loaded.refresh}
          >
            <Icon name="refresh" size={15} />
          </button>
        ) : null}
      </div>
      <OptionList
        id={listId}
        label={label}
        rows={rows}
        active={active}
        value={value}
        canLoadMore={loaded.nextCursor !== undefined}
        onActive={setActive}
        onChoose={onChoose}
        onEnd={loaded.more}
      />
      <ListState loaded={loaded} isEmpty={rows.length === 0} search={search} />
    </>
  );
}

function ListState(props: { loaded: LoadedOptions; isEmpty: boolean; search: string }) {
  const { loaded, isEmpty, search } = props;
  return (
    <div className="options-state" aria-live="polite">
      {loaded.failure ? (
        <>
          <span>{texts.field.loadFailed(failureText(loaded.failure))}</span>
          <Button look="quiet" onClick={loaded.refresh}>
            {texts.tryAgain}
          </Button>
        </>
      ) : null}
      {loaded.isLoading ? <span className="muted">{texts.field.loading}</span> : null}
      {isEmpty && !loaded.isLoading && !loaded.failure ? (
        <span className="muted">{search ? texts.field.empty : texts.field.noOptions}</span>
      ) : null}
    </div>
  );
}

function countOf(options: Extract<Options, { kind: "static" }>): number {
  return options.sections.reduce((sum, section) => sum + section.items.length, 0);
}

function findOption(sections: LoadedOptions["sections"], value: string | undefined) {
  if (value === undefined) return undefined;
  for (const section of sections) {
    const option = section.items.find((item) => item.value === value);
    if (option) return option;
  }
  return undefined;
}

function startOf(rows: Row[], value: string | undefined): number {
  const chosen = rows.findIndex((row) => row.kind === "option" && row.option.value === value);
  return chosen >= 0 ? chosen : step(rows, -1, 1);
}

/** The next row that can be chosen; stays when there is none. */
function step(rows: Row[], from: number, by: 1 | -1): number {
  for (let index = from + by; index >= 0 && index < rows.length; index += by) {
    if (rows[index]?.kind === "option") return index;
  }
  return from >= 0 && from < rows.length ? from : -1;
}
