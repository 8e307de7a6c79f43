// One workflow: what it does, its switch, and its settings while it is on.

import { useEffect, useId, useState } from "react";
import { asFailure } from "../../host/failure";
import { savedValues, type Values, validate } from "../../model/form";
import type { SaveStatus } from "../../model/saver";
import { texts } from "../../texts";
import type { Configuration } from "../../wire/credential";
import type { Workflow } from "../../wire/integration";
import type { Portal } from "../../wire/update";
import { useController } from "../context";
import { Toggle } from "../inputs/choice-inputs";
import { inline } from "../Markdown";
import { SaveState } from "./SaveState";
import { SettingsForm } from "./SettingsForm";
import { useAutosave } from "./use-autosave";

export interface WorkflowCardProps {
  portal: Portal;
  workflow: Workflow;
  credentialId: string;
  configuration: Configuration;
  shared: SharedState;
}

/** The settings that it shares with the others, as far as it waits for them. */
export interface SharedState {
  isComplete: boolean;
  isSettled: boolean;
  /** Sends what is not sent yet. */
  flush(): void;
  /** The user waits for this workflow: show what is missing. */
  onWaiting(): void;
}

export function WorkflowCard(props: WorkflowCardProps) {
  const { portal, workflow, credentialId, configuration, shared } = props;
  const controller = useController();
  const infoId = useId();
  const state = configuration.workflowSettings[workflow.id];
  const autosave = useAutosave(workflow.inputs, state?.settings ?? {}, (values) =>
    controller.saveWorkflow(credentialId, workflow.id, values),
  );
  /** Shown before the server has agreed. */
  const [optimistic, setOptimistic] = useState<boolean>();
  /** Turned on by the user, but required settings are missing. */
  const [isWaiting, setWaiting] = useState(false);
  const [switching, setSwitching] = useState<SaveStatus>({ kind: "idle" });
  const isOn = optimistic ?? state?.enabled ?? false;
  const hasInputs = workflow.inputs.some((input) => !input.hidden);

  const turn = async (on: boolean, values: Values) => {
    setOptimistic(on);
    setSwitching({ kind: "saving" });
    shared.flush();
    try {
      // Defaults become settings now: nothing else would send them.
      if (on && workflow.inputs.length > 0) {
        autosave.skip();
        const settings = savedValues(workflow.inputs, values);
        await controller.saveWorkflow(credentialId, workflow.id, settings);
      }
      await controller.setWorkflow(credentialId, workflow.id, on);
      setSwitching({ kind: "idle" });
    } catch (error) {
      setSwitching({ kind: "failed", failure: asFailure(error) });
    }
    setOptimistic(undefined);
  };

  const isComplete =
    shared.isComplete && Object.keys(validate(workflow.inputs, autosave.values)).length === 0;
  const isReady = isComplete && shared.isSettled && autosave.isSettled;

  const toggle = (on: boolean) => {
    setWaiting(on && !isComplete);
    if (on && !shared.isComplete) shared.onWaiting();
    if (!on && !(state?.enabled ?? false)) return;
    if (!on || isComplete) void turn(on, autosave.values);
  };

  // What was missing is typed letter by letter, so it counts once it is saved.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only once it has become ready.
  useEffect(() => {
    if (!isWaiting || !isReady) return;
    setWaiting(false);
    void turn(true, autosave.values);
  }, [isWaiting, isReady]);

  const status = switching.kind === "idle" ? autosave.status : switching;
  return (
    <section className="workflow" aria-label={workflow.name}>
      <div className="workflow-head">
        <div>
          <h3>{workflow.name}</h3>
          {workflow.infoText ? (
            <p className="hint" id={infoId}>
              {inline(workflow.infoText)}
            </p>
          ) : null}
        </div>
        <Toggle
          label={workflow.name}
          isOn={isOn || isWaiting}
          describedBy={workflow.infoText ? infoId : undefined}
          onChange={toggle}
        />
      </div>
      {isWaiting ? (
        <p className="waiting" role="status">
          {texts.settings.fillIn}
        </p>
      ) : null}
      {hasInputs && (isOn || isWaiting) ? (
        <div className="workflow-settings">
          <SettingsForm
            inputs={workflow.inputs}
            portal={portal}
            credentialId={credentialId}
            workflowId={workflow.id}
            autosave={autosave}
            showsAllErrors={isWaiting}
          />
        </div>
      ) : null}
      <SaveState
        status={status}
        onRetry={() => {
          if (switching.kind === "failed") void turn(!(state?.enabled ?? false), autosave.values);
          else autosave.retry();
        }}
      />
    </section>
  );
}
