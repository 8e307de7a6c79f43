// An integration before it is connected: what it is, what it does, one button.

import { texts } from "../../texts";
import type { HostState, Portal } from "../../wire/update";
import { Button } from "../Button";
import { useController } from "../context";
import { Icon } from "../Icon";
import { iconUrl, Logo } from "../Logo";
import { inline, Markdown } from "../Markdown";
import { Notice } from "../Notice";
import { Panel } from "../Panel";

export function Overview({ host, portal }: { host: HostState; portal: Portal }) {
  const controller = useController();
  const { integration, config } = portal;
  const { branding } = host;
  return (
    <Panel
      title={texts.dialogTitle(integration.name)}
      isKept={false}
      onClose={() => controller.close()}
      foot={
        <>
          <Button
            look="primary"
            className="wide"
            disabled={integration.userLimitReached}
            onClick={() => controller.connect()}
          >
            {texts.connect(integration.name)}
          </Button>
          <p className="foot-note">{texts.overview.secured}</p>
        </>
      }
    >
      <div className="hero">
        <div className="hero-logos">
          {branding.logoUrl ? (
            <>
              <Logo url={branding.logoUrl} name={branding.name ?? "?"} isLarge />
              <span className="hero-link" />
            </>
          ) : null}
          <Logo url={iconUrl(integration, host.assetsUrl)} name={integration.name} isLarge />
        </div>
        <h1>{integration.name}</h1>
        {config.description ? <p className="lead">{inline(config.description)}</p> : null}
      </div>
      {integration.userLimitReached ? (
        <Notice look="warning">{texts.overview.limitReached}</Notice>
      ) : null}
      {config.overview ? <Markdown source={config.overview} /> : null}
      {config.workflows.length > 0 ? (
        <section className="features">
          <h2>{texts.overview.features}</h2>
          <ul>
            {config.workflows.map((workflow) => (
              <li key={workflow.id}>
                <Icon name="check" size={16} />
                <div>
                  <strong>{workflow.name}</strong>
                  {workflow.infoText ? <p className="hint">{inline(workflow.infoText)}</p> : null}
                </div>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </Panel>
  );
}
