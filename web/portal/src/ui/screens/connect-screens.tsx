// The steps between the overview and a connected account.

import { useEffect, useId, useState } from "react";
import { asFailure, type Failure } from "../../host/failure";
import { choicesOf, inputsOf, safeLink, usesOAuth } from "../../model/connect-plan";
import type { Flow } from "../../model/session";
import { failureText, texts } from "../../texts";
import type { HostState, Portal } from "../../wire/update";
import { Button } from "../Button";
import { CredentialForm } from "../CredentialForm";
import { useController } from "../context";
import { Icon } from "../Icon";
import { CopyButton } from "../inputs/other-inputs";
import { Notice } from "../Notice";
import { Panel } from "../Panel";
import { PanelHead } from "./PanelHead";

interface ScreenProps<Step extends Flow["step"]> {
  host: HostState;
  portal: Portal;
  flow: Extract<Flow, { step: Step }>;
}

function usePanel(host: HostState, portal: Portal) {
  const controller = useController();
  return {
    title: texts.dialogTitle(portal.integration.name),
    isKept: true,
    onClose: () => controller.close(),
    onBack: () => controller.leaveFlow(),
    head: <PanelHead host={host} portal={portal} />,
  };
}

export function AccountTypeScreen({ host, portal }: ScreenProps<"accountType">) {
  const controller = useController();
  const panel = usePanel(host, portal);
  const { name } = portal.integration;
  return (
    <Panel {...panel}>
      <h1 className="title">{texts.accountType.title}</h1>
      <ul className="choices">
        {choicesOf(portal.integration, portal.options).map((type) => (
          <li key={type.id}>
            <button
              type="button"
              className="choice"
              onClick={() => controller.chooseAccountType(type.id)}
            >
              {type.description
                ? texts.accountType.described(name, type.description)
                : accountTypeName(type.id, name)}
              <Icon name="chevron" size={16} />
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** An id like `service_account` as words; the one that is only "default" gets a plain name. */
function accountTypeName(id: string, name: string): string {
  if (id === "default") return texts.accountType.fallback(name);
  const words = id.replace(/[-_]+/g, " ").trim();
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}

export function PackageScreen({ host, portal }: ScreenProps<"package">) {
  const controller = useController();
  const panel = usePanel(host, portal);
  const link = safeLink(portal.integration.packageInstallUrl) ?? "";
  return (
    <Panel
      {...panel}
      foot={
        <Button look="primary" className="wide" onClick={() => controller.packageInstalled()}>
          {texts.packageStep.done}
        </Button>
      }
    >
      <h1 className="title">{texts.packageStep.title}</h1>
      <p className="lead">{texts.packageStep.text(portal.integration.name)}</p>
      <div className="link-row">
        <a
          className="button button-secondary"
          href={link}
          target="_blank"
          rel="noopener noreferrer"
        >
          {texts.packageStep.open}
          <Icon name="window" size={15} />
        </a>
        <CopyButton value={link} label={texts.packageStep.copy} />
      </div>
    </Panel>
  );
}

export function InputsScreen({ host, portal, flow }: ScreenProps<"inputs">) {
  const controller = useController();
  const panel = usePanel(host, portal);
  const formId = useId();
  const { integration } = portal;
  const inputs = inputsOf(integration, flow.accountTypeId);
  const leadsToOAuth = usesOAuth(integration, flow.accountTypeId);
  const submit = leadsToOAuth ? texts.credentials.submitBeforeOAuth : texts.credentials.submit;
  return (
    <Panel
      {...panel}
      foot={
        <Button type="submit" form={formId} look="primary" className="wide" isBusy={flow.isBusy}>
          {flow.isBusy ? texts.credentials.checking : submit}
        </Button>
      }
    >
      <h1 className="title">{texts.credentials.title(integration.name)}</h1>
      {inputs.length > 0 ? (
        <p className="lead">
          {leadsToOAuth
            ? texts.credentials.introBeforeOAuth(integration.name)
            : texts.credentials.intro(integration.name)}
        </p>
      ) : null}
      <CredentialForm
        formId={formId}
        inputs={inputs}
        portal={portal}
        failure={flow.failure}
        onSubmit={(values) => void controller.submitInputs(values)}
      />
    </Panel>
  );
}

export function SetupScreen({ host, portal, flow }: ScreenProps<"setup">) {
  const controller = useController();
  const panel = usePanel(host, portal);
  const formId = useId();
  const { integration } = portal;
  return (
    <Panel
      {...panel}
      foot={
        <Button type="submit" form={formId} look="primary" className="wide" isBusy={flow.isBusy}>
          {flow.isBusy ? texts.credentials.checking : texts.setup.submit}
        </Button>
      }
    >
      <h1 className="title">{texts.setup.title}</h1>
      <p className="lead">{texts.setup.intro(integration.name)}</p>
      <CredentialForm
        formId={formId}
        inputs={integration.setupInputs}
        portal={portal}
        credentialId={flow.credentialId}
        failure={flow.failure}
        onSubmit={(values) => void controller.submitSetup(values)}
      />
    </Panel>
  );
}

export function OAuthScreen({ host, portal, flow }: ScreenProps<"oauth">) {
  const controller = useController();
  const panel = usePanel(host, portal);
  const { name } = portal.integration;
  const check = useAccountCheck(flow.phase === "waiting");
  return (
    <Panel
      {...panel}
      foot={
        <div className="foot-stack">
          <Button
            look={flow.phase === "waiting" ? "secondary" : "primary"}
            className="wide"
            onClick={() => controller.openWindowAgain()}
          >
            {flow.phase === "waiting" ? texts.oauth.openAgain : texts.tryAgain}
          </Button>
          <Button look="quiet" className="wide" onClick={() => controller.leaveFlow()}>
            {texts.cancel}
          </Button>
        </div>
      }
    >
      <div className="oauth" aria-live="polite">
        <span className={`oauth-picture oauth-${flow.phase}`} aria-hidden="true">
          <Icon name={flow.phase === "waiting" ? "window" : "warning"} size={26} />
        </span>
        {flow.phase === "waiting" ? (
          <>
            <h1 className="title">{texts.oauth.waitingTitle(name)}</h1>
            <p className="lead">{texts.oauth.waiting(name)}</p>
            <Button look="quiet" isBusy={check.isBusy} onClick={check.run}>
              {texts.oauth.check}
            </Button>
            {check.result ? <p className="hint">{check.result}</p> : null}
          </>
        ) : null}
        {flow.phase === "blocked" ? (
          <>
            <h1 className="title">{texts.oauth.blockedTitle}</h1>
            <p className="lead">{texts.oauth.blocked(name)}</p>
          </>
        ) : null}
        {flow.phase === "failed" ? (
          <>
            <h1 className="title">{texts.oauth.failedTitle(name)}</h1>
            <Notice look="error">{flow.reason || texts.oauth.failed}</Notice>
          </>
        ) : null}
      </div>
    </Panel>
  );
}

/**
 * Looks for the account now and then, when the user says so, when the network is back and when the
 * user comes back to this page. The news of it may have been lost, and SDK 2.1 brings none of an
 * account that is connected again.
 */
const CHECK_EVERY_MS = 5_000;

function useAccountCheck(isWaiting: boolean) {
  const controller = useController();
  const [isBusy, setBusy] = useState(false);
  const [result, setResult] = useState<string>();

  useEffect(() => {
    if (!isWaiting) return;
    const quietly = () => void controller.checkForAccount().catch(ignore);
    const timer = setInterval(quietly, CHECK_EVERY_MS);
    window.addEventListener("online", quietly);
    window.addEventListener("focus", quietly);
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", quietly);
      window.removeEventListener("focus", quietly);
    };
  }, [controller, isWaiting]);

  const run = async () => {
    setBusy(true);
    setResult(undefined);
    try {
      if (!(await controller.checkForAccount())) setResult(texts.oauth.nothingYet);
    } catch (error) {
      const failure: Failure = asFailure(error);
      setResult(failureText(failure));
    }
    setBusy(false);
  };
  return { isBusy, result, run: () => void run() };
}

function ignore(): void {}
