//! How a project's portal looks, and the icons of its own connectors.

use http::Method;
use serde_json::{Value, json};
use tenon_config::{DesignChange, Error, LogoFile, LogoType, NewLogo, Slug};

use crate::stage::{ACME, Answer, Stage};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0h1v1z\"/></svg>";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

async fn get(stage: &Stage, url: &str) -> Answer {
    let path = url.strip_prefix("https://tenon.example").expect("it is one of ours");
    stage.send(Method::GET, &format!("root:{path}"), &[], None).await
}

async fn set(stage: &Stage, change: DesignChange) -> Result<(), Error> {
    stage.config.change_portal_design(stage.project, change).await.map(drop)
}

fn logo(kind: LogoType, bytes: &[u8]) -> DesignChange {
    let file = NewLogo::File(LogoFile { kind, bytes: bytes.to_vec() });
    DesignChange { logo: Some(Some(file)), ..DesignChange::default() }
}

async fn branding(stage: &Stage) -> Value {
    stage.get("ann", "/sdk/me").await["project"]["branding"].clone()
}

async fn logo_url(stage: &Stage) -> String {
    branding(stage).await["logoUrl"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn the_portal_is_told_how_it_looks() {
    let stage = Stage::new().await;
    assert_eq!(branding(&stage).await, Value::Null);
    let change = DesignChange {
        name: Some(Some("Acorn".to_owned())),
        accent_color: Some(Some("#0a7cff".to_owned())),
        logo: Some(Some(NewLogo::Url("https://cdn.example.com/logo.svg".to_owned()))),
        return_origins: Some(vec!["https://app.example.com/".to_owned()]),
    };
    set(&stage, change).await.expect("it is taken");
    let shown = json!({
        "name": "Acorn", "accentColor": "#0a7cff", "logoUrl": "https://cdn.example.com/logo.svg",
    });
    assert_eq!(branding(&stage).await, shown);
    let path = format!("root:/sdk/projects/{}", stage.project);
    assert_eq!(stage.get("ann", &path).await["branding"], shown);
    let design = stage.config.portal_design(stage.project).await.expect("it is there");
    assert_eq!(design.return_origins, ["https://app.example.com"]);
    // One thing changes, the others stay.
    let change = DesignChange { name: Some(None), ..DesignChange::default() };
    set(&stage, change).await.expect("it is taken");
    assert_eq!(branding(&stage).await["name"], Value::Null);
    assert_eq!(branding(&stage).await["accentColor"], "#0a7cff");
}

#[tokio::test]
async fn an_uploaded_logo_runs_nothing_wherever_it_is_opened() {
    let stage = Stage::new().await;
    set(&stage, logo(LogoType::Svg, SVG.as_bytes())).await.expect("it is taken");
    let first = logo_url(&stage).await;
    let shown = get(&stage, &first).await;
    assert_eq!((shown.status, shown.text.as_str()), (200, SVG));
    assert_eq!(shown.header("content-type"), "image/svg+xml");
    assert!(shown.header("content-security-policy").contains("sandbox"));
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    assert_eq!(shown.header("cache-control"), "public, max-age=31536000, immutable");
    // Another thing changes, the file stays.
    let change =
        DesignChange { accent_color: Some(Some("#000000".to_owned())), ..DesignChange::default() };
    set(&stage, change).await.expect("it is taken");
    assert_eq!(get(&stage, &first).await.status, 200);

    set(&stage, logo(LogoType::Png, PNG)).await.expect("it is taken");
    let second = logo_url(&stage).await;
    assert_eq!(get(&stage, &second).await.header("content-type"), "image/png");
    assert_eq!(get(&stage, &first).await.status, 404, "what is not shown is not there");
    let as_svg = second.replace(".png", ".svg");
    assert_eq!(get(&stage, &as_svg).await.status, 404);
    let elsewhere =
        second.replace(&stage.project.to_string(), &tenon_domain::ProjectId::new().to_string());
    assert_eq!(get(&stage, &elsewhere).await.status, 404);

    set(&stage, DesignChange { logo: Some(None), ..DesignChange::default() }).await.expect("gone");
    assert_eq!(get(&stage, &second).await.status, 404);
}

#[tokio::test]
async fn what_is_no_design_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let text = |text: &str| Some(Some(text.to_owned()));
    let url = |url: &str| Some(Some(NewLogo::Url(url.to_owned())));
    let usual = DesignChange::default;
    let origins = |origin: &str| Some(vec![origin.to_owned()]);
    let large = [PNG, &vec![0; 64 << 10]].concat();
    for change in [
        DesignChange { name: text(""), ..usual() },
        DesignChange { name: text(&"x".repeat(101)), ..usual() },
        DesignChange { accent_color: text("red;background:url(x)"), ..usual() },
        DesignChange { logo: url("javascript:alert(1)"), ..usual() },
        DesignChange { logo: url("http://cdn.example.com/logo.svg"), ..usual() },
        logo(LogoType::Svg, b"<svg><script>alert(1)</script></svg>"),
        logo(LogoType::Png, SVG.as_bytes()),
        logo(LogoType::Png, &large),
        DesignChange { return_origins: origins("https://app.example.com/path"), ..usual() },
        DesignChange { return_origins: origins("http://app.example.com"), ..usual() },
        DesignChange { return_origins: origins("*"), ..usual() },
    ] {
        let shown = format!("{change:?}");
        let refused = set(&stage, change).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{shown:.300}");
    }
    let many = (0..21).map(|number| format!("https://a{number}.example.com")).collect();
    let refused = set(&stage, DesignChange { return_origins: Some(many), ..usual() }).await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })));
    assert_eq!(branding(&stage).await, Value::Null);
}

#[tokio::test]
async fn the_icon_of_an_uploaded_connector_is_shown() {
    let stage = Stage::new().await;
    let slug = Slug::parse("acme").expect("a slug");
    let icon_of = async || {
        let metadata = stage.get("ann", "/sdk/metadata").await;
        let lines = metadata.as_array().expect("a list");
        let line = lines.iter().find(|line| line["type"] == ACME).expect("it is there");
        line["icon"].as_str().expect("an address").to_owned()
    };
    assert!(icon_of().await.ends_with("/images/icons/byo-placeholder.svg"));
    let found = stage.config.custom_connector(stage.project, &slug).await.expect("it is there");
    let mut manifest = (*found.manifest).clone();
    manifest["icon"] = json!("<svg onload='alert(1)'></svg>");
    let refused = stage.config.put_connector(stage.project, &slug, manifest.clone()).await;
    assert!(matches!(refused, Err(Error::ConnectorInvalid(_))));
    manifest["icon"] = json!(SVG);
    stage.config.put_connector(stage.project, &slug, manifest).await.expect("it is taken");

    let url = icon_of().await;
    let icon = get(&stage, &url).await;
    assert_eq!((icon.status, icon.text.as_str()), (200, SVG));
    assert!(icon.header("content-security-policy").contains("sandbox"));
    let integrations = stage.get("ann", "/sdk/integrations").await;
    let list = integrations.as_array().expect("a list");
    let acme = list.iter().find(|one| one["type"] == ACME).expect("it is there");
    assert_eq!(acme["customIntegration"]["icon"], url);
    let other = tenon_domain::ProjectId::new().to_string();
    let elsewhere = url.replace(&stage.project.to_string(), &other);
    for gone in [elsewhere, url.replace("acme.", "setup."), url.replace(".svg", "")] {
        assert_eq!(get(&stage, &gone).await.status, 404, "{gone}");
    }
}
