// Chooses the screen for the session, and gives the page the project's colour.

import { useEffect, useSyncExternalStore } from "react";
import { paletteOf } from "../model/colour";
import { selectedCredential } from "../model/session";
import { texts } from "../texts";
import type { HostState, Portal } from "../wire/update";
import { useController, useSession } from "./context";
import { Notice } from "./Notice";
import { Panel } from "./Panel";
import { Connected } from "./screens/Connected";
import {
  AccountTypeScreen,
  InputsScreen,
  OAuthScreen,
  PackageScreen,
  SetupScreen,
} from "./screens/connect-screens";
import { Overview } from "./screens/Overview";

export function App() {
  const session = useSession();
  const { host } = session;
  const portal = host?.portal;
  useAccent(portal?.config.accentColor ?? host?.branding.accentColor);
  const isOnline = useSyncExternalStore(listenToNetwork, () => navigator.onLine);
  if (!host || !portal || !session.isShown) return null;
  return (
    <>
      <Screen host={host} portal={portal} />
      {isOnline ? null : (
        <div className="offline" role="status">
          {texts.offline}
        </div>
      )}
    </>
  );
}

function Screen({ host, portal }: { host: HostState; portal: Portal }) {
  const session = useSession();
  const { flow } = session;
  if (!host.isAuthenticated) return <SignedOut portal={portal} />;
  switch (flow.step) {
    case "accountType":
      return <AccountTypeScreen host={host} portal={portal} flow={flow} />;
    case "package":
      return <PackageScreen host={host} portal={portal} flow={flow} />;
    case "inputs":
      return <InputsScreen host={host} portal={portal} flow={flow} />;
    case "oauth":
      return <OAuthScreen host={host} portal={portal} flow={flow} />;
    case "setup":
      return <SetupScreen host={host} portal={portal} flow={flow} />;
    case "none": {
      const credential = selectedCredential(session);
      return credential ? (
        <Connected host={host} portal={portal} credential={credential} />
      ) : (
        <Overview host={host} portal={portal} />
      );
    }
  }
}

function SignedOut({ portal }: { portal: Portal }) {
  const controller = useController();
  return (
    <Panel title={portal.integration.name} isKept={false} onClose={() => controller.close()}>
      <Notice look="warning" title={texts.signedOut.title}>
        {texts.signedOut.text}
      </Notice>
    </Panel>
  );
}

/** Properties are set by script: the content security policy allows no style elements. */
function useAccent(colour: string | undefined): void {
  useEffect(() => {
    const palette = paletteOf(colour);
    const { style } = document.documentElement;
    style.setProperty("--accent", palette.accent);
    style.setProperty("--on-accent", palette.onAccent);
    style.setProperty("--accent-ink-on-light", palette.inkOnLight);
    style.setProperty("--accent-ink-on-dark", palette.inkOnDark);
  }, [colour]);
}

function listenToNetwork(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}
