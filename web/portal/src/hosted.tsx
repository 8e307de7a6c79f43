// The page `/ui/hosted#link=…`: the portal for builders who do not embed the SDK.

import { createRoot } from "react-dom/client";
import { asFailure } from "./host/failure";
import { HttpHost, openHostedSession } from "./host/http-host";
import "./styles/all.css";
import { failureText, texts } from "./texts";
import { mount } from "./ui/mount";
import { Notice } from "./ui/Notice";

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

async function start(): Promise<void> {
  showLoading();
  const session = await openHostedSession(takeLink());
  const onClosed = () => show(undefined, texts.hosted.done, false);
  const host = new HttpHost({ session, window, onClosed });
  await host.load();
  mount(host);
}

start().catch((error) => {
  const failure = asFailure(error);
  if (failure.kind === "network") show(texts.hosted.brokenTitle, failureText(failure), true);
  else show(texts.hosted.usedLinkTitle, texts.hosted.usedLink, true);
});
