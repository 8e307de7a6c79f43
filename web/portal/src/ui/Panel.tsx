// The panel that every screen is in: a dialog with a head, a body that scrolls and a foot.
//
// Radix's own overlay is not used: it would add a style element, which a strict content security
// policy refuses. Our backdrop is a plain element behind the dialog.

import * as Dialog from "@radix-ui/react-dialog";
import { type ReactNode, useRef } from "react";
import { texts } from "../texts";
import { Icon } from "./Icon";

export interface PanelProps {
  title: string;
  /** What the user is in the middle of is not lost by a click beside the panel. */
  isKept: boolean;
  onClose(): void;
  onBack?: () => void;
  head?: ReactNode;
  foot?: ReactNode;
  children: ReactNode;
}

export function Panel({ title, isKept, onClose, onBack, head, foot, children }: PanelProps) {
  const content = useRef<HTMLDivElement>(null);
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <div className="backdrop" />
        <Dialog.Content
          ref={content}
          className="panel"
          tabIndex={-1}
          aria-describedby={undefined}
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            content.current?.focus();
          }}
          onInteractOutside={(event) => isKept && event.preventDefault()}
        >
          <Dialog.Title className="visually-hidden">{title}</Dialog.Title>
          <div className="panel-bar">
            {onBack ? (
              <button
                type="button"
                className="icon-button"
                aria-label={texts.back}
                onClick={onBack}
              >
                <Icon name="back" />
              </button>
            ) : null}
            <div className="panel-head">{head}</div>
            <Dialog.Close className="icon-button" aria-label={texts.close}>
              <Icon name="close" />
            </Dialog.Close>
          </div>
          <div className="panel-body">{children}</div>
          {foot ? <div className="panel-foot">{foot}</div> : null}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
