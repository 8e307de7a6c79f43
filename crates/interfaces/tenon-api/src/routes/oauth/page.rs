//! The page at the end of the way through the browser: what happened, and what to do. It loads
//! nothing, and runs one small script that is known by its nonce.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tenon_config::linking::SESSION_MEMBER;
use tenon_config::{ConnectEnd, ConnectFault, ConnectOutcome, Error};
use tenon_http_kit::page::{escape, json_element, page};

use super::fault_of;
use super::visit::CONTINUE;
use crate::codes::connect_status;

/// Tells the window that opened this one, if it may be told, and offers to close.
const SCRIPT: &str = r#"
const end = JSON.parse(document.getElementById("end").textContent) || {};
if (window.opener && end.origin) {
  window.opener.postMessage(end.message, end.origin);
  if (end.sdk) window.opener.postMessage(end.sdk, end.origin);
}
const close = document.getElementById("close");
if (window.opener) {
  close.hidden = false;
  close.addEventListener("click", () => window.close());
  if (end.message && end.message.status === "connected") {
    setTimeout(() => window.close(), end.sdk ? 1500 : 0);
  }
}
"#;

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
main { max-width: 30rem; padding: 2rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
a { display: inline-block; color: inherit; text-decoration: none; }
a, button { font: inherit; padding: .5rem 1.25rem; border-radius: .4rem; border: 2px solid; }
a:focus-visible, button:focus-visible { outline: 3px solid; outline-offset: 2px; }
code { font-size: .9em; }
";

/// A page.
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    message: String,
    advice: &'static str,
    code: Option<String>,
    /// Where to go on, relative to this page.
    go_on: Option<String>,
    /// For the window that opened this one.
    end: Value,
}

impl Page {
    /// How a session ended.
    pub(super) fn of_end(end: &ConnectEnd) -> Self {
        let session = end.session.id;
        let (mut page, message) = match &end.outcome {
            ConnectOutcome::Connected { credential, account, is_pending } => {
                let page = Self {
                    message: match account {
                        Some(account) => format!("The account {account} is connected."),
                        None => "The account is connected.".to_owned(),
                    },
                    advice: match is_pending {
                        true => {
                            "Go back to the application: it needs a little more before the \
                             account can be used."
                        }
                        false => "You can close this window.",
                    },
                    ..Self::new(StatusCode::OK, "Connected")
                };
                let message = json!({
                    "type": "tenon:connect", "session_id": session, "status": "connected",
                    "credential_id": credential,
                    "credential_status": if *is_pending { "pending" } else { "valid" },
                });
                (page, message)
            }
            ConnectOutcome::Failed { code, message } => {
                let page = Self::failed(connect_status(code), code, sentence(message));
                let message = json!({
                    "type": "tenon:connect", "session_id": session, "status": "failed",
                    "code": code, "message": message,
                });
                (page, message)
            }
        };
        let sdk = of_sdk(end);
        page.end = json!({"origin": end.session.return_origin, "message": message, "sdk": sdk});
        page
    }

    /// For a client that asks by itself whether the account is there, and does so once this window
    /// is closed: told as well, it would count the account twice. A failure it can only be told.
    pub(super) fn leave_success_to_be_asked(&mut self) {
        if self.end["message"]["status"] == "connected" {
            self.end["sdk"] = Value::Null;
        }
    }

    /// A browser that could not be taken on.
    pub(super) fn of_error(error: &Error) -> Self {
        if let Some(fault) = fault_of(error) {
            return Self::of_fault(fault);
        }
        match error {
            Error::IntegrationInactive { .. } => Self::failed(
                StatusCode::CONFLICT,
                "integration_inactive",
                "This integration is switched off at the moment.".to_owned(),
            ),
            Error::Unavailable(_) => {
                tracing::warn!(%error, "a browser could not be served");
                let mut page = Self::failed(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "Something that is needed cannot be reached.".to_owned(),
                );
                page.advice = "Please reload this page in a minute.";
                page
            }
            other => {
                tracing::error!(error = %other, "a browser could not be served");
                Self::failed(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "Something went wrong on our side.".to_owned(),
                )
            }
        }
    }

    /// As [`Page::of_error`].
    pub(super) fn of_fault(fault: &ConnectFault) -> Self {
        tracing::info!(code = fault.code(), "a browser was turned away while linking an account");
        let code = fault.code();
        Self::failed(connect_status(code), code, sentence(&fault.to_string()))
    }

    /// What a visitor gets who may be no person: nothing is begun, and the link goes on.
    pub(super) fn of_link(status: StatusCode) -> Self {
        Self {
            message: "An application asks you to connect an account of yours.".to_owned(),
            advice: "Go on only if you began this yourself: the account that you choose will be \
                     used by that application.",
            go_on: Some(format!("?{CONTINUE}=1")),
            ..Self::new(status, "Connect an account")
        }
    }

    fn new(status: StatusCode, title: &'static str) -> Self {
        Self {
            status,
            title,
            message: String::new(),
            advice: "",
            code: None,
            go_on: None,
            end: Value::Null,
        }
    }

    fn failed(status: StatusCode, code: &str, message: String) -> Self {
        Self {
            message,
            advice: advice(code),
            code: Some(code.to_owned()),
            ..Self::new(status, "Not connected")
        }
    }

    fn html(&self, nonce: &str) -> String {
        let Self { title, message, advice, code, go_on, end, .. } = self;
        let message = escape(message);
        let code = code
            .as_ref()
            .map_or_else(String::new, |code| format!("<p>Code: <code>{}</code></p>", escape(code)));
        let go_on = go_on.as_ref().map_or_else(String::new, |to| {
            format!("<p><a rel=\"nofollow\" href=\"{}\">Continue</a></p>", escape(to))
        });
        let end = json_element(end);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
             <style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p role=\"status\">{message}</p>\n<p>{advice}</p>\n{go_on}{code}\n\
             <button id=\"close\" type=\"button\" hidden>Close this window</button>\n</main>\n\
             <script type=\"application/json\" id=\"end\" nonce=\"{nonce}\">{end}</script>\n\
             <script nonce=\"{nonce}\">{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        page(self.status, |nonce| self.html(nonce))
    }
}

/// What a person can do about it.
fn advice(code: &str) -> &'static str {
    match code {
        "connect_denied" => {
            "Go back to the application, start again and grant access. Where an administrator has \
             to approve the application first, ask for that."
        }
        "credential_invalid" => {
            "Go back to the application and start again; a code of the provider is good once, and \
             for a short time."
        }
        "connect_issuer" => {
            "Go back to the application and start again. If it happens again, tell its support: \
             somebody may be trying to misuse this connection."
        }
        _ => {
            "Go back to the application and try again. If it keeps failing, give its support the \
             code below."
        }
    }
}

/// The same in the words of the published Connect SDK, which knows no others. It brings the payload
/// back to get the account.
fn of_sdk(end: &ConnectEnd) -> Value {
    let integration = end.session.integration;
    match &end.outcome {
        ConnectOutcome::Connected { credential, .. } => json!({
            "type": "oauth_success_callback",
            "credential": {
                "integrationId": integration,
                // Version 2.1 takes the account's id from here, the others ask for the account.
                "payload": { SESSION_MEMBER: end.session.id, "credentialId": credential },
            },
        }),
        ConnectOutcome::Failed { code, message } => json!({
            "type": "oauth_error_callback", "error": message, "integrationId": integration,
            "errorResponse": { "code": code, "message": message },
        }),
    }
}

/// Texts of errors begin in lower case and have no full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_text_and_never_markup() {
        let evil = "</script><script>alert(1)</script>\"'&";
        let mut page = Page::failed(StatusCode::BAD_REQUEST, "connect_denied", evil.to_owned());
        page.end = json!({"origin": null, "message": {"message": evil}});
        let html = page.html("N");
        assert_eq!(html.matches("<script").count(), 2, "{html}");
        assert_eq!(html.matches("</script").count(), 2, "{html}");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"), "{html}");
    }

    #[test]
    fn a_fault_becomes_a_sentence() {
        assert_eq!(sentence("this link has ended"), "This link has ended.");
        assert_eq!(sentence("übung"), "Übung.");
    }
}
