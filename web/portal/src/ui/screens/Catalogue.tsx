// What the page that stands alone shows first when its link is for no single integration.

import { useEffect, useState } from "react";
import type { HttpHost } from "../../host/http-host";
import { texts } from "../../texts";
import type { HostState } from "../../wire/update";
import { Button } from "../Button";
import { iconUrl, Logo } from "../Logo";

export function Catalogue({ host, onLeave }: { host: HttpHost; onLeave(): void }) {
  const [state, setState] = useState<HostState>();
  useEffect(() => host.subscribe(setState), [host]);
  const entries = state ? host.catalogue() : [];
  const branding = state?.branding ?? {};
  return (
    <div className="catalogue">
      <div className="catalogue-head">
        {branding.logoUrl ? (
          <Logo url={branding.logoUrl} name={branding.name ?? "?"} isLarge />
        ) : null}
        <div>
          <h1>{texts.hosted.choose}</h1>
          {branding.name ? <p className="muted">{branding.name}</p> : null}
        </div>
      </div>
      {state && entries.length === 0 ? <p className="empty">{texts.hosted.empty}</p> : null}
      <ul className="catalogue-list">
        {entries.map(({ integration, isConnected }) => (
          <li key={integration.id}>
            <button
              type="button"
              className="catalogue-entry"
              onClick={() => host.open(integration.type)}
            >
              <Logo url={iconUrl(integration, state?.assetsUrl ?? "")} name={integration.name} />
              <span className="catalogue-name">{integration.name}</span>
              {isConnected ? <span className="muted">{texts.hosted.connected}</span> : null}
            </button>
          </li>
        ))}
      </ul>
      <Button look="quiet" onClick={onLeave}>
        {texts.hosted.leave}
      </Button>
    </div>
  );
}
