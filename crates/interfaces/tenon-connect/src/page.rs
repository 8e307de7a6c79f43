//! Pages in the small window that the SDK opens. Each tells its opener something, and runs one small
//! script that is known by its nonce. The opener may be of any origin, so these pages must not
//! isolate themselves from it (no `Cross-Origin-Opener-Policy`).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tenon_http_kit::WireProblem;
use tenon_http_kit::page::{escape, json_element, page};

/// Tells the opener, at its origin only.
const SCRIPT: &str = r#"
const said = JSON.parse(document.getElementById("said").textContent);
if (window.opener && said.origin) {
  window.opener.postMessage(said.message, said.origin);
}
"#;

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
main { max-width: 30rem; padding: 2rem; }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
p { margin: 0; overflow-wrap: anywhere; }
";

/// A page.
pub(crate) struct PopupPage {
    status: StatusCode,
    title: &'static str,
    text: String,
    origin: Option<String>,
    message: Value,
}

impl PopupPage {
    /// The window is there: the opener can send it on.
    pub(crate) fn ready(origin: String) -> Self {
        Self {
            status: StatusCode::OK,
            title: "One moment",
            text: "You are being sent to the provider. If nothing happens, close this window and \
                   try again."
                .to_owned(),
            origin: Some(origin),
            message: json!({ "type": "oauth-nonce-loaded" }),
        }
    }

    /// It cannot go on. The opener is told, where it is known.
    pub(crate) fn refused(
        problem: &WireProblem,
        origin: Option<String>,
        integration: Option<&str>,
    ) -> Self {
        let text = problem.message();
        Self {
            status: StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::BAD_REQUEST),
            title: "Not connected",
            message: json!({
                "type": "oauth_error_callback",
                "error": text,
                "errorResponse": { "message": text, "status": problem.status() },
                "integrationId": integration,
            }),
            text,
            origin,
        }
    }

    fn html(&self, nonce: &str) -> String {
        let Self { title, text, .. } = self;
        let text = escape(text);
        let said = json!({ "origin": self.origin, "message": self.message });
        let said = json_element(&said);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
             <style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p role=\"status\">{text}</p>\n</main>\n\
             <script type=\"application/json\" id=\"said\" nonce=\"{nonce}\">{said}</script>\n\
             <script nonce=\"{nonce}\">{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

impl IntoResponse for PopupPage {
    fn into_response(self) -> Response {
        page(self.status, |nonce| self.html(nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::invalid;

    #[test]
    fn what_was_sent_is_text_and_never_markup() {
        let problem = invalid("x", "</script><script>alert(1)</script>\"'&");
        let evil = "</script><script>alert(2)</script>";
        let page = PopupPage::refused(&problem, None, Some(evil));
        let html = page.html("N");
        assert_eq!(html.matches("<script").count(), 2, "{html}");
        assert_eq!(html.matches("</script").count(), 2, "{html}");
    }
}
