// The rows of an open dropdown. Only the rows that can be seen are in the page, so that ten thousand
// channels scroll as well as ten.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { texts } from "../../texts";
import type { Option, OptionSection } from "../../wire/input";
import { Icon } from "../Icon";

const ROW_PX = 36;
const ROW_WITH_SUBTITLE_PX = 52;
const HEADING_PX = 30;
const LIST_MAX_PX = 264;

export type Row = { kind: "heading"; title: string } | { kind: "option"; option: Option };

export function rowsOf(sections: OptionSection[]): Row[] {
  return sections.flatMap((section): Row[] => [
    ...(section.title ? [{ kind: "heading" as const, title: section.title }] : []),
    ...section.items.map((option) => ({ kind: "option" as const, option })),
  ]);
}

export interface OptionListProps {
  id: string;
  label: string;
  rows: Row[];
  /** The row that the keys are on. */
  active: number;
  value?: string;
  canLoadMore: boolean;
  onActive(index: number): void;
  onChoose(option: Option): void;
  onEnd(): void;
}

export function optionId(listId: string, index: number): string {
  return `${listId}-${index}`;
}

export function OptionList(props: OptionListProps) {
  const { id, rows, active, value, canLoadMore, onActive, onChoose, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const heights = useMemo(() => rows.map(heightOf), [rows]);
  const total = heights.reduce((sum, height) => sum + height, 0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => heights[index] ?? ROW_PX,
    overscan: 6,
    initialRect: { width: 300, height: LIST_MAX_PX },
  });
  const visible = virtual.getVirtualItems();
  const last = visible[visible.length - 1]?.index ?? -1;

  useEffect(() => {
    if (canLoadMore && rows.length > 0 && last >= rows.length - 4) onEnd();
  }, [canLoadMore, last, rows.length, onEnd]);

  useEffect(() => {
    if (active >= 0) virtual.scrollToIndex(active, { align: "auto" });
  }, [active, virtual]);

  return (
    <div
      ref={scroller}
      className="options"
      role="listbox"
      id={id}
      aria-label={props.label}
      tabIndex={-1}
      style={{ height: Math.min(total, LIST_MAX_PX) }}
    >
      <div className="options-all" style={{ height: total }} role="presentation">
        {visible.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const style = { height: item.size, transform: `translateY(${item.start}px)` };
          if (row.kind === "heading") {
            return (
              <div key={item.key} className="options-heading" role="presentation" style={style}>
                {row.title}
              </div>
            );
          }
          const isChosen = row.option.value === value;
          return (
            // The keys are handled where the focus is: in the search field.
            // biome-ignore lint/a11y/useFocusableInteractive: see above
            // biome-ignore lint/a11y/useKeyWithClickEvents: see above
            <div
              key={item.key}
              id={optionId(id, item.index)}
              className={item.index === active ? "option option-active" : "option"}
              role="option"
              aria-selected={isChosen}
              aria-setsize={rows.length}
              aria-posinset={item.index + 1}
              style={style}
              onPointerMove={() => item.index !== active && onActive(item.index)}
              onClick={() => onChoose(row.option)}
            >
              <span className="option-text">
                <span className="option-label">{row.option.label}</span>
                {row.option.subtitle ? (
                  <span className="option-subtitle">{row.option.subtitle}</span>
                ) : null}
              </span>
              {isChosen ? <Icon name="check" size={16} /> : null}
            </div>
          );
        })}
      </div>
      {canLoadMore ? <span className="visually-hidden">{texts.field.more}</span> : null}
    </div>
  );
}

function heightOf(row: Row): number {
  if (row.kind === "heading") return HEADING_PX;
  return row.option.subtitle ? ROW_WITH_SUBTITLE_PX : ROW_PX;
}
