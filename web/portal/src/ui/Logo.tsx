// The picture of an integration, or its first letter when there is none.

import { useState } from "react";
import type { Integration } from "../wire/integration";

const FILE_NAMES: Record<string, string> = {
  "monday.com": "monday",
  "wordpress.com": "wordpress",
};

export function iconUrl(integration: Integration, assetsUrl: string): string {
  if (integration.icon) return integration.icon;
  if (integration.isCustom) return `${assetsUrl}/images/icons/byo-placeholder.svg`;
  const name = FILE_NAMES[integration.type] ?? integration.type;
  return `${assetsUrl}/integrations/${encodeURIComponent(name)}.svg`;
}

export function Logo({ url, name, isLarge }: { url: string; name: string; isLarge?: boolean }) {
  const [brokenUrl, setBrokenUrl] = useState<string>();
  const isBroken = brokenUrl === url;
  return (
    <span className={isLarge ? "logo logo-large" : "logo"} aria-hidden="true">
      {isBroken ? (
        <span className="logo-letter">{name.slice(0, 1).toLocaleUpperCase()}</span>
      ) : (
        <img src={url} alt="" onError={() => setBrokenUrl(url)} />
      )}
    </span>
  );
}
