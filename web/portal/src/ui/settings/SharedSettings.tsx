// Settings that all workflows of an integration share.

import { useMemo } from "react";
import { texts } from "../../texts";
import type { Portal } from "../../wire/update";
import { SaveState } from "./SaveState";
import { SettingsForm } from "./SettingsForm";
import type { Autosave } from "./use-autosave";

export interface SharedSettingsProps {
  portal: Portal;
  credentialId: string;
  autosave: Autosave;
  /** A workflow waits for what is missing. */
  showsAllErrors: boolean;
}

export function SharedSettings(props: SharedSettingsProps) {
  const { portal, credentialId, autosave, showsAllErrors } = props;
  const inputs = portal.config.sharedInputs;
  const hasVisible = useMemo(() => inputs.some((input) => !input.hidden), [inputs]);
  if (!hasVisible) return null;
  return (
    <section className="section">
      <div className="section-head">
        <h2>{texts.settings.general}</h2>
        <SaveState status={autosave.status} onRetry={autosave.retry} />
      </div>
      <SettingsForm
        inputs={inputs}
        portal={portal}
        credentialId={credentialId}
        autosave={autosave}
        showsAllErrors={showsAllErrors}
      />
    </section>
  );
}
