// An integration with an account: which one, how it is, its settings and workflows.

import * as Tabs from "@radix-ui/react-tabs";
import { useState } from "react";
import { configurationOf } from "../../model/accounts";
import { validate } from "../../model/form";
import { texts } from "../../texts";
import type { Configuration, Credential } from "../../wire/credential";
import type { HostState, Portal } from "../../wire/update";
import { Button } from "../Button";
import { useController } from "../context";
import { Markdown } from "../Markdown";
import { Notice } from "../Notice";
import { Panel } from "../Panel";
import { SharedSettings } from "../settings/SharedSettings";
import { useAutosave } from "../settings/use-autosave";
import { WorkflowCard } from "../settings/WorkflowCard";
import { AccountPicker } from "./AccountPicker";
import { DisconnectButton } from "./DisconnectButton";
import { PanelHead } from "./PanelHead";

export interface ConnectedProps {
  host: HostState;
  portal: Portal;
  credential: Credential;
}

export function Connected({ host, portal, credential }: ConnectedProps) {
  const controller = useController();
  const { integration, config } = portal;
  const configuration = configurationOf(credential, portal);
  const body =
    credential.status === "VALID" && configuration ? (
      <Settings
        // Each account has values of its own; none are carried over to another.
        key={`${credential.id} ${configuration.id}`}
        portal={portal}
        credentialId={credential.id}
        configuration={configuration}
      />
    ) : (
      <Attention portal={portal} credential={credential} />
    );
  return (
    <Panel
      title={integration.name}
      isKept={false}
      onClose={() => controller.close()}
      head={<PanelHead host={host} portal={portal} />}
      foot={
        <div className="foot-row">
          <DisconnectButton credentialId={credential.id} name={integration.name} />
          <Button onClick={() => controller.close()}>{texts.done}</Button>
        </div>
      }
    >
      <AccountPicker portal={portal} selected={credential} />
      {config.overview ? (
        <Tabs.Root defaultValue="settings">
          <Tabs.List className="tabs">
            <Tabs.Trigger className="tab" value="settings">
              {texts.tabs.settings}
            </Tabs.Trigger>
            <Tabs.Trigger className="tab" value="about">
              {texts.tabs.about}
            </Tabs.Trigger>
          </Tabs.List>
          <Tabs.Content className="tab-body" value="settings">
            {body}
          </Tabs.Content>
          <Tabs.Content className="tab-body" value="about">
            <Markdown source={config.overview} />
          </Tabs.Content>
        </Tabs.Root>
      ) : (
        body
      )}
    </Panel>
  );
}

interface SettingsProps {
  portal: Portal;
  credentialId: string;
  configuration: Configuration;
}

function Settings({ portal, credentialId, configuration }: SettingsProps) {
  const controller = useController();
  const { sharedInputs, workflows } = portal.config;
  const autosave = useAutosave(sharedInputs, configuration.sharedSettings, (values) =>
    controller.saveShared(credentialId, values),
  );
  const [isAwaited, setAwaited] = useState(false);
  if (workflows.length === 0 && sharedInputs.every((input) => input.hidden)) {
    return <p className="empty">{texts.settings.none}</p>;
  }
  const shared = {
    isComplete: Object.keys(validate(sharedInputs, autosave.values)).length === 0,
    isSettled: autosave.isSettled,
    flush: autosave.flush,
    onWaiting: () => setAwaited(true),
  };
  return (
    <>
      <SharedSettings
        portal={portal}
        credentialId={credentialId}
        autosave={autosave}
        showsAllErrors={isAwaited}
      />
      {workflows.length > 0 ? (
        <section className="section">
          <div className="section-head">
            <h2>{texts.settings.workflows}</h2>
          </div>
          <div className="workflows">
            {workflows.map((workflow) => (
              <WorkflowCard
                key={workflow.id}
                portal={portal}
                workflow={workflow}
                credentialId={credentialId}
                configuration={configuration}
                shared={shared}
              />
            ))}
          </div>
        </section>
      ) : null}
    </>
  );
}

/** What an account needs before it works (again). */
function Attention({ portal, credential }: { portal: Portal; credential: Credential }) {
  const controller = useController();
  const { integration } = portal;
  if (credential.status === "PENDING") {
    const resume = () =>
      integration.setupInputs.length > 0
        ? controller.openSetup(credential.id)
        : controller.connect(credential.id);
    return (
      <Notice
        look="warning"
        title={texts.setup.pendingTitle}
        action={
          <Button look="primary" onClick={resume}>
            {texts.setup.resume}
          </Button>
        }
      >
        {texts.setup.pending(integration.name)}
      </Notice>
    );
  }
  return (
    <Notice
      look="warning"
      title={texts.reconnect.title}
      action={
        <Button look="primary" onClick={() => controller.connect(credential.id)}>
          {texts.reconnect.action}
        </Button>
      }
    >
      <p>{texts.reconnect.text(integration.name)}</p>
      {credential.statusReason ? <p className="reason">{credential.statusReason}</p> : null}
    </Notice>
  );
}
