// The head of every screen but the overview: picture and name of the integration.

import type { HostState, Portal } from "../../wire/update";
import { iconUrl, Logo } from "../Logo";

export function PanelHead({ host, portal }: { host: HostState; portal: Portal }) {
  const { integration, config } = portal;
  return (
    <div className="head">
      <Logo url={iconUrl(integration, host.assetsUrl)} name={integration.name} />
      <div className="head-text">
        <p className="head-name">{integration.name}</p>
        {config.description ? <p className="head-description">{config.description}</p> : null}
      </div>
    </div>
  );
}
