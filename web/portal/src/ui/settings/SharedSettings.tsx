// Settings that all workflows of an integration share.

import { useMemo } from "react";
import { texts } from "../../texts";
import type { Configuration } from "../../wire/credential";
import type { Portal } from "../../wire/update";
import { useController } from "../context";
import { SaveState } from "./SaveState";
import { SettingsForm } from "./SettingsForm";
import { useAutosave } from "./use-autosave";

export interface SharedSettingsProps {
  portal: Portal;
  credentialId: string;
  configuration: Configuration;
}

export function SharedSettings({ portal, credentialId, configuration }: SharedSettingsProps) {
  const controller = useController();
  const inputs = portal.config.sharedInputs;
  const autosave = useAutosave(inputs, configuration.sharedSettings, (values) =>
    controller.saveShared(credentialId, values),
  );
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
      />
    </section>
  );
}
