//! `/oauth`: users' browsers, which have no key.

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tenon_config::{ConnectFault, ConnectOutcome, SessionLink};
use tower::ServiceExt;

use super::Bench;
use super::fakes::connect::{NONCE, STATE, credential_id, integration_id, session_id};
use super::fakes::{project, uuid};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("it is text"))
    }

    /// A page that loads nothing, is not kept, and says `text`.
    fn says(&self, status: u16, text: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.text.contains(text), "{}", self.text);
        let policy = self.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(self.header("cross-origin-opener-policy"), "", "the opener must stay");
        for secret in [STATE, NONCE, "code-canary"] {
            assert!(!self.text.contains(secret), "{secret} is in the page");
        }
    }
}

/// What browsers say of a window that goes somewhere.
const WINDOW: (&str, &str) = ("sec-fetch-mode", "navigate");

async fn get(bench: &Bench, path: &str, cookie: Option<String>) -> Answer {
    let cookie = cookie.as_deref().map(|cookie| ("cookie", cookie));
    ask(bench, Method::GET, path, &[Some(WINDOW), cookie]).await
}

async fn ask(
    bench: &Bench,
    method: Method,
    path: &str,
    headers: &[Option<(&str, &str)>],
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers.iter().flatten() {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("it is a valid request");
    let response = bench.router.clone().oneshot(request).await.expect("the router answers");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("the body is whole").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("it is text");
    Answer { status: parts.status, headers: parts.headers, text }
}

fn link() -> SessionLink {
    SessionLink { project: project(), session: session_id() }
}

fn cookie(prefix: &str) -> Option<String> {
    Some(format!("other=1; {prefix}{}={NONCE}", session_id()))
}

fn callback() -> String {
    format!("/oauth/callback?state={STATE}&code=code-canary")
}

#[tokio::test]
async fn the_start_sends_the_browser_away_with_a_cookie_of_its_own() {
    let bench = Bench::new();
    for (is_https, name, secure) in
        [(true, "__Host-tenon-connect-", "; Secure"), (false, "tenon-connect-", "")]
    {
        bench.world.set_https(is_https);
        let answer = get(&bench, &format!("/oauth/start/{}", link()), None).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(
            answer.header("location"),
            format!("https://acme.example/authorize?state={STATE}")
        );
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(
            answer.header("set-cookie"),
            format!(
                "{name}{}={NONCE}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax{secure}",
                session_id()
            )
        );
    }
}

#[tokio::test]
async fn a_link_that_is_not_ours_leads_to_a_page() {
    let bench = Bench::new();
    let elsewhere = SessionLink {
        project: tenon_domain::ProjectId::from_uuid(uuid(1, 99)),
        session: session_id(),
    };
    for link in ["nonsense".to_owned(), "x".repeat(43), elsewhere.to_string()] {
        let answer = get(&bench, &format!("/oauth/start/{link}"), None).await;
        answer.says(400, "This link is not known");
        assert!(answer.text.contains("<code>connect_state</code>"), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_end_tells_the_window_that_opened_it_and_nobody_else() {
    let bench = Bench::new();
    bench.world.end_with(ConnectOutcome::Connected {
        credential: credential_id(1),
        account: Some("<ann>".to_owned()),
        is_pending: false,
    });
    for path in [callback(), callback().replace("/oauth/callback", "/oauth")] {
        let answer = get(&bench, &path, cookie("tenon-connect-")).await;
        answer.says(200, "The account &lt;ann&gt; is connected.");
        assert!(answer.text.contains(r#""origin":"https://app.example""#), "{}", answer.text);
        assert!(answer.text.contains(&credential_id(1).to_string()), "{}", answer.text);
        assert!(answer.text.contains("postMessage(end.message, end.origin)"), "{}", answer.text);
        let sdk = format!(
            r#""sdk":{{"type":"oauth_success_callback","credential":{{"integrationId":"{}","payload":{{"tenonSession":"{}","credentialId":"{}"}}}}}}"#,
            integration_id(),
            session_id(),
            credential_id(1)
        );
        assert!(answer.text.contains(&sdk), "{}", answer.text);
        assert!(
            answer.header("set-cookie").contains("=; Path=/; Max-Age=0"),
            "it has done its work"
        );
    }
}

#[tokio::test]
async fn a_client_that_asks_by_itself_is_told_failures_only() {
    let bench = Bench::new();
    let asking = || cookie("tenon-connect-").map(|text| format!("{text}.asks"));
    bench.world.end_with(ConnectOutcome::Connected {
        credential: credential_id(1),
        account: None,
        is_pending: false,
    });
    let answer = get(&bench, &callback(), asking()).await;
    answer.says(200, "The account is connected.");
    assert!(answer.text.contains(r#""sdk":null"#), "it would count twice: {}", answer.text);
    bench.world.end_with(ConnectOutcome::Failed {
        code: "connect_denied".to_owned(),
        message: "access was not granted".to_owned(),
    });
    let answer = get(&bench, &callback(), asking()).await;
    assert!(answer.text.contains("oauth_error_callback"), "{}", answer.text);
}

#[tokio::test]
async fn a_failure_says_what_happened_and_what_to_do() {
    let bench = Bench::new();
    bench.world.end_with(ConnectOutcome::Failed {
        code: "connect_denied".to_owned(),
        message: "access was not granted: <script>alert(1)</script>".to_owned(),
    });
    let answer = get(&bench, &callback(), cookie("tenon-connect-")).await;
    answer.says(403, "Access was not granted: &lt;script&gt;alert(1)&lt;/script&gt;.");
    assert_eq!(answer.text.matches("<script").count(), 2, "{}", answer.text);
    assert!(answer.text.contains("start again and grant access"), "{}", answer.text);
}

#[tokio::test]
async fn a_page_has_the_status_of_its_code() {
    let bench = Bench::new();
    for (code, status) in [
        ("connect_denied", 403),
        ("connect_failed", 424),
        ("connect_issuer", 400),
        ("credential_invalid", 422),
        ("a_code_of_a_newer_process", 400),
    ] {
        bench.world.end_with(ConnectOutcome::Failed {
            code: code.to_owned(),
            message: "it did not work".to_owned(),
        });
        get(&bench, &callback(), cookie("tenon-connect-")).await.says(status, "It did not work.");
    }
}

#[tokio::test]
async fn an_account_that_lacks_something_sends_the_user_back_to_the_application() {
    let bench = Bench::new();
    bench.world.end_with(ConnectOutcome::Connected {
        credential: credential_id(1),
        account: None,
        is_pending: true,
    });
    let answer = get(&bench, &callback(), cookie("tenon-connect-")).await;
    answer.says(200, "needs a little more");
    assert!(answer.text.contains(r#""credential_status":"pending""#), "{}", answer.text);
}

#[tokio::test]
async fn a_preview_of_the_link_begins_nothing() {
    let bench = Bench::new();
    let path = format!("/oauth/start/{}", link());
    let image = [Some(("sec-fetch-mode", "no-cors")), Some(("sec-fetch-dest", "image"))];
    let ahead = [Some(WINDOW), Some(("sec-purpose", "prefetch;prerender"))];
    for (method, headers, status) in [
        (Method::GET, &[][..], 200),
        (Method::GET, &image, 200),
        (Method::HEAD, &[Some(WINDOW)], 200),
        (Method::GET, &ahead, 403),
    ] {
        let answer = ask(&bench, method.clone(), &path, headers).await;
        let page = if method == Method::HEAD { "" } else { "href=\"?continue=1\"" };
        answer.says(status, page);
        assert!(answer.headers.get("set-cookie").is_none(), "{method} {headers:?}");
        assert_eq!(bench.world.starts(), 0, "{method} {headers:?}");
    }
    let gone_on = ask(&bench, Method::GET, &format!("{path}?continue=1"), &[]).await;
    assert_eq!((gone_on.status, bench.world.starts()), (StatusCode::SEE_OTHER, 1));
}

#[tokio::test]
async fn a_browser_that_is_turned_away_sees_why() {
    let bench = Bench::new();
    bench.world.end_with(ConnectOutcome::Connected {
        credential: credential_id(1),
        account: None,
        is_pending: false,
    });
    get(&bench, &callback(), None).await.says(400, "This browser is not the one that began");
    get(&bench, "/oauth/callback", cookie("tenon-connect-")).await.says(400, "not known");
    let twice = format!("{}&state=x", callback());
    get(&bench, &twice, cookie("tenon-connect-")).await.says(400, "not known");
    bench.world.set_https(true);
    let plain = get(&bench, &callback(), cookie("tenon-connect-")).await;
    plain.says(400, "This browser is not the one that began");
    get(&bench, &callback(), cookie("__Host-tenon-connect-")).await.says(200, "connected");
    for (fault, text) in [
        (ConnectFault::Used, "used already"),
        (ConnectFault::Ended, "has ended"),
        (ConnectFault::Unknown, "not known"),
    ] {
        bench.world.turn_away(fault);
        let answer = get(&bench, &callback(), cookie("__Host-tenon-connect-")).await;
        answer.says(400, text);
        assert!(answer.text.contains(r#"id="end" nonce="#), "{}", answer.text);
        assert!(!answer.text.contains("app.example"), "nobody is told: {}", answer.text);
    }
}

#[tokio::test]
async fn every_page_has_another_nonce() {
    let bench = Bench::new();
    let one = get(&bench, "/oauth/callback", None).await;
    let two = get(&bench, "/oauth/callback", None).await;
    let policy = |answer: &Answer| answer.header("content-security-policy").to_owned();
    assert_ne!(policy(&one), policy(&two));
}

#[tokio::test]
async fn an_outage_is_a_page_too_and_shows_no_cause() {
    let bench = Bench::new();
    bench.world.turn_away(ConnectFault::Away { reason: "it is down".into(), retry_after: None });
    let answer = get(&bench, &format!("/oauth/start/{}", link()), None).await;
    answer.says(424, "The provider cannot be used now: it is down; please try again later.");
}
