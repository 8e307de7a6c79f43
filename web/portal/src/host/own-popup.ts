// The window to the provider, opened by the portal itself: versions 1.x of the SDK leave that to it.
// The SDK still makes the calls, so the token stays there, and it is told how the window ended.

import { object, text } from "../wire/read";
import { asFailure, Failure } from "./failure";
import type { OAuthRequest } from "./host";

const FEATURES = "width=500,height=600";

export interface OwnPopupOptions {
  window: Pick<Window, "open" | "addEventListener" | "location">;
  /** Calls a method of the SDK. */
  call(method: string, parameters: unknown[]): Promise<unknown>;
}

export class OwnPopup {
  readonly #options: OwnPopupOptions;
  #current?: { window: Window; origin: string };

  constructor(options: OwnPopupOptions) {
    this.#options = options;
    options.window.addEventListener("message", (event) => this.#receive(event));
  }

  async begin(request: OAuthRequest, redirectUrl: string | undefined): Promise<void> {
    const { integration, accountTypeId, values, installOptions } = request;
    const popup = this.#options.window.open("about:blank", "", FEATURES);
    if (!popup) throw new Failure("popup_blocked", "");
    const query = new URLSearchParams({
      integrationId: integration.id,
      originForPostMessage: this.#options.window.location.origin,
      endUserSuppliedValues: JSON.stringify(values),
      installOptions: JSON.stringify({ ...installOptions, accountType: accountTypeId }),
      ...(redirectUrl ? { redirectUrl } : {}),
    });
    const project = encodeURIComponent(text(integration.raw.projectId) ?? "");
    const path = `/v2/projects/${project}/sdk/actions/build-oauth?${query}`;
    try {
      const answer = await this.#options.call("sendConnectRequest", [path, {}, false]);
      const url = text(object(answer).redirectUrl) ?? "";
      if (!/^https?:\/\//.test(url)) throw new Failure("refused", "");
      // The way ends on the server where it begins.
      this.#current = { window: popup, origin: new URL(url).origin };
      popup.location.href = url;
    } catch (error) {
      popup.close();
      throw asFailure(error);
    }
  }

  #receive(event: MessageEvent): void {
    const current = this.#current;
    if (!current || event.source !== current.window || event.origin !== current.origin) return;
    const data = object(event.data);
    switch (data.type) {
      case "oauth_success_callback":
        this.#tell("_oauthCallback", [data.credential]);
        break;
      case "oauth_error_callback":
        this.#tell("_oauthErrorCallback", [data.error, { data }]);
        break;
    }
  }

  #tell(method: string, parameters: unknown[]): void {
    this.#options.call(method, parameters).catch((error) => {
      console.error(`the SDK could not run ${method}`, asFailure(error).message);
    });
  }
}
