//! The portal's files, and icons.

use http::Method;

use crate::stage::{Answer, Stage};

async fn get(stage: &Stage, path: &str, headers: &[(&str, &str)]) -> Answer {
    stage.send(Method::GET, &format!("root:{path}"), headers, None).await
}

#[tokio::test]
async fn any_page_may_frame_the_portal_but_the_one_that_acts_by_itself() {
    let stage = Stage::new().await;
    for (path, title, framed) in
        [("/ui?projectId=x", "Connect", "*"), ("/ui/hosted", "Hosted", "'none'")]
    {
        let page = get(&stage, path, &[]).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text.contains(title));
        let policy = page.header("content-security-policy");
        assert!(policy.ends_with(&format!("frame-ancestors {framed}")), "{policy}");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        // Old browsers are told the same.
        let told = if framed == "*" { "" } else { "DENY" };
        assert_eq!(page.header("x-frame-options"), told);
        assert_eq!(page.header("cache-control"), "no-cache");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn files_with_their_hash_in_the_name_are_kept_for_a_year() {
    let stage = Stage::new().await;
    let file = get(&stage, "/ui/assets/portal-1a2b.js", &[]).await;
    assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    let page = get(&stage, "/ui", &[]).await;
    let again = get(&stage, "/ui", &[("if-none-match", page.header("etag"))]).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn nothing_else_is_given_out() {
    let stage = Stage::new().await;
    for path in ["/ui/", "/ui/nothing", "/ui/../ui.html", "/ui/%2e%2e/ui", "/ui/assets"] {
        assert_eq!(get(&stage, path, &[]).await.status, 404, "{path}");
    }
    for path in ["/integrations/nothing.svg", "/integrations/slack", "/integrations/..%2fx.svg"] {
        assert_eq!(get(&stage, path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn icons_can_be_shown_anywhere_and_run_nothing() {
    let stage = Stage::new().await;
    for path in ["/integrations/slack.svg", "/images/icons/byo-placeholder.svg"] {
        let icon = get(&stage, path, &[]).await;
        assert_eq!((icon.status, icon.header("content-type")), (200, "image/svg+xml"), "{path}");
        assert!(icon.text.contains("<svg"));
        assert_eq!(icon.header("access-control-allow-origin"), "*");
        assert_eq!(icon.header("cross-origin-resource-policy"), "cross-origin");
        assert!(icon.header("content-security-policy").contains("sandbox"));
    }
}
