// Says whether the last change is kept, and lets the user try again when it is not.

import type { SaveStatus } from "../../model/saver";
import { failureText, texts } from "../../texts";
import { Button, Spinner } from "../Button";
import { Icon } from "../Icon";

export function SaveState({ status, onRetry }: { status: SaveStatus; onRetry(): void }) {
  return (
    <div className={`save-state save-${status.kind}`} aria-live="polite">
      {status.kind === "saving" ? (
        <>
          <Spinner />
          {texts.settings.saving}
        </>
      ) : null}
      {status.kind === "saved" ? (
        <>
          <Icon name="check" size={14} />
          {texts.settings.saved}
        </>
      ) : null}
      {status.kind === "failed" ? (
        <>
          <span>{texts.settings.failed(failureText(status.failure))}</span>
          <Button look="quiet" onClick={onRetry}>
            {texts.settings.retry}
          </Button>
        </>
      ) : null}
    </div>
  );
}
