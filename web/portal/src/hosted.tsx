// The page `/ui/hosted#link=…`: the portal for builders who do not embed the SDK.

import { createRoot } from "react-dom/client";
import { asFailure } from "./host/failure";
import { type HostedSession, HttpHost, openHostedSession } from "./host/http-host";
import "./styles/all.css";
import { failureText, texts } from "./texts";
import { mount } from "./ui/mount";
import { Notice } from "./ui/Notice";
import { Catalogue } from "./ui/screens/Catalogue";

document.documentElement.classList.add("hosted");

/** The link is taken out of the address, so that it is in no history and no screenshot. */
function takeLink(): string | undefined {
  const link = new URLSearchParams(window.location.hash.slice(1)).get("link") ?? undefined;
  if (link) window.history.replaceState(null, "", window.location.pathname);
  return link;
}

function show(title: string | undefined, text: string, isError: boolean): void {
  const place = document.createElement("main");
  place.className = "hosted-message";
  document.querySelector(".hosted-message")?.remove();
  document.body.append(place);
  createRoot(place).render(
    <Notice look={isError ? "warning" : "info"} title={title}>
      {text}
    </Notice>,
  );
}

function showLoading(): void {
  const place = document.createElement("p");
  place.className = "hosted-message muted";
  place.setAttribute("role", "status");
  place.textContent = texts.loading;
  document.getElementById("root")?.replaceChildren(place);
}

/** Where the app wants its user back; the page stays where the app said nothing. */
function leave(session: HostedSession): void {
  if (session.redirectUrl) window.location.assign(session.redirectUrl);
  else show(undefined, texts.hosted.done, false);
}

/** The user chooses an integration, and comes back here from its portal. */
function showCatalogue(host: HttpHost, session: HostedSession): void {
  const place = document.createElement("main");
  document.body.append(place);
  const root = createRoot(place);
  const onLeave = () => {
    root.unmount();
    place.remove();
    leave(session);
  };
  root.render(<Catalogue host={host} onLeave={onLeave} />);
}

async function start(): Promise<void> {
  showLoading();
  const session = await openHostedSession(takeLink());
  const isForOne = session.integration !== undefined;
  const onClosed = () => {
    if (isForOne) leave(session);
  };
  const host = new HttpHost({ session, window, onClosed });
  await host.load();
  mount(host);
  if (!isForOne) showCatalogue(host, session);
}

start().catch((error) => {
  document.getElementById("root")?.replaceChildren();
  const failure = asFailure(error);
  if (failure.kind === "network") show(texts.hosted.brokenTitle, failureText(failure), true);
  else show(texts.hosted.usedLinkTitle, texts.hosted.usedLink, true);
});
