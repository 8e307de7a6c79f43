//! The way through the browser with the connectors' real exchanges: only the network is scripted.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tenon_config::{Callback, ConnectOutcome, Credential, FieldLink, LinkProof, SessionLink, Slug};
use tenon_contract::egress::{OutboundRequest, OutboundResponse};
use tenon_domain::EndUserId;
use tenon_testkit::fakes::ScriptedEgress;

use crate::accounts::{Accounts, client, manifest};
use crate::fixture::Outcome;

type Failure = Box<dyn std::error::Error>;

const TOKEN: &str = "access-token-canary";

fn answer(status: u16, kind: &str, body: impl Into<Bytes>) -> OutboundResponse {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().expect("it is a header"));
    OutboundResponse {
        status: StatusCode::from_u16(status).expect("it is a status"),
        headers,
        body: body.into(),
    }
}

fn token() -> OutboundResponse {
    let body = json!({"access_token": TOKEN, "refresh_token": "refresh-canary",
                      "expires_in": 3600, "scope": "read", "token_type": "bearer"});
    answer(200, "application/json", body.to_string())
}

fn form(request: &OutboundRequest) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

async fn with_app(egress: ScriptedEgress) -> Result<Accounts, Failure> {
    let a = Accounts::through(egress).await?;
    a.configuration.set_app(a.f.project, a.integration, None, client()).await?;
    Ok(a)
}

/// Goes to the provider and back; what the browser saw on its way, and how it ended.
async fn go(a: &Accounts) -> Result<(BTreeMap<String, String>, ConnectOutcome), Failure> {
    let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
    let link = opened.url.rsplit('/').next().and_then(SessionLink::parse).ok_or("it is a link")?;
    let started = a.configuration.start_connect(&link).await?;
    let sent: BTreeMap<String, String> = started.url.query_pairs().into_owned().collect();
    let params = BTreeMap::from([
        ("state".to_owned(), sent["state"].clone()),
        ("code".to_owned(), "code-canary".to_owned()),
    ]);
    let nonces = BTreeMap::from([(opened.session.id, started.nonce.to_string())]);
    let end = a.configuration.finish_connect(Callback { params, nonces }).await?;
    Ok((sent, end.outcome))
}

async fn accounts_of(a: &Accounts) -> Result<Vec<Credential>, Failure> {
    Ok(a.configuration.credentials(a.f.project, &EndUserId::new("u")).await?)
}

#[tokio::test]
async fn a_code_becomes_an_account_with_pkce_and_the_apps_secret() -> Outcome {
    let a = with_app(ScriptedEgress::new(|request| {
        let form = form(request);
        assert_eq!(request.url.as_str(), "https://acme.example/token");
        assert_eq!(
            (form["code"].as_str(), form["client_id"].as_str()),
            ("code-canary", "client-1")
        );
        assert_eq!(form["client_secret"], "client-canary");
        assert_eq!(form["redirect_uri"], "https://tenon.example/oauth/callback");
        assert_eq!(form["code_verifier"].len(), 43);
        // The challenge comes back in the answer, to be compared with what the browser was sent.
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        let mut body: Value = serde_json::from_slice(&token().body).expect("it is JSON");
        body["scope"] = json!(challenge);
        Ok(answer(200, "application/json", body.to_string()))
    }))
    .await?;
    let (sent, outcome) = go(&a).await?;
    assert!(matches!(outcome, ConnectOutcome::Connected { .. }), "{outcome:?}");
    assert_eq!(sent["client_id"], "client-1");
    assert_eq!((sent["response_type"].as_str(), sent["scope"].as_str()), ("code", "read"));
    assert_eq!(sent["code_challenge_method"], "S256");
    let [account] = &accounts_of(&a).await?[..] else { return Err("there is one".into()) };
    assert_eq!(account.scopes.as_ref(), Some(&sent["code_challenge"]));
    let kept = a.vault.text(account.secret).ok_or("it is kept")?;
    assert!(kept.contains(TOKEN) && kept.contains("refresh-canary"), "{kept}");
    let dump = a.dump().await?;
    for secret in [TOKEN, "refresh-canary", "client-canary", "code-canary"] {
        assert!(!dump.contains(secret), "{secret} is in the database");
    }
    Ok(())
}

#[tokio::test]
async fn ugly_answers_are_said_and_leave_nothing() -> Outcome {
    let page = "<html>password=page-canary</html>";
    let no_client = json!({"error": "invalid_client", "error_description": "unknown client"});
    let no_grant = json!({"error": "invalid_grant", "error_description": "code-canary is old"});
    for (given, code) in [
        (answer(200, "text/html", page), "connect_failed"),
        (answer(200, "application/json", "{}"), "connect_failed"),
        (answer(200, "application/json", "{\"access_token\": "), "connect_failed"),
        (answer(503, "text/html", page), "connect_failed"),
        (answer(401, "application/json", no_client.to_string()), "connect_failed"),
        (answer(400, "application/json", no_grant.to_string()), "credential_invalid"),
    ] {
        let shown = format!("{} {:?}", given.status, given.body);
        let a = with_app(ScriptedEgress::new(move |_| Ok(given.clone()))).await?;
        let (_, outcome) = go(&a).await?;
        let ConnectOutcome::Failed { code: found, message } = &outcome else {
            return Err(format!("{shown}: {outcome:?}").into());
        };
        assert_eq!(found, code, "{shown}: {message}");
        assert!(!message.contains("canary"), "{shown}: {message}");
        assert!(accounts_of(&a).await?.is_empty(), "{shown}");
        assert_eq!(a.vault.count(), 1, "only the app's secret is there: {shown}");
    }
    Ok(())
}

#[tokio::test]
async fn a_code_that_the_app_received_is_exchanged_with_its_own_redirect_uri() -> Outcome {
    let a = with_app(ScriptedEgress::new(|request| {
        let form = form(request);
        assert_eq!(form["redirect_uri"], "https://app.example/done");
        assert_eq!(form["code_verifier"], "the-apps-own-verifier");
        Ok(token())
    }))
    .await?;
    let params = BTreeMap::from([("code".to_owned(), "code-canary".to_owned())]);
    let new = FieldLink {
        auth_method: Some("oauth".to_owned()),
        fields: serde_json::Map::new(),
        proof: LinkProof::Code {
            redirect_uri: "https://app.example/done".to_owned(),
            params,
            code_verifier: Some("the-apps-own-verifier".to_owned()),
        },
        ..a.fields("u", "")
    };
    let linked = a.configuration.link(a.f.project, new).await?;
    assert_eq!(linked.auth_method, "oauth");
    assert!(a.vault.text(linked.secret).ok_or("it is kept")?.contains(TOKEN));
    Ok(())
}

#[tokio::test]
async fn an_api_key_is_kept_without_a_request() -> Outcome {
    let a = Accounts::through(ScriptedEgress::new(|request| {
        panic!("the connector has no identity to ask for: {}", request.url)
    }))
    .await?;
    let linked = a.configuration.link(a.f.project, a.fields("u", "key-canary")).await?;
    assert!(a.vault.text(linked.secret).ok_or("it is kept")?.contains("key-canary"));
    assert_eq!(linked.fields["subdomain"], "shop");
    a.configuration.disconnect(a.f.project, linked.id).await?;
    Ok(())
}

/// The search for the authorization server of an MCP server, and a client there.
fn mcp_answer(request: &OutboundRequest) -> OutboundResponse {
    let body = match request.url.path() {
        "/.well-known/oauth-protected-resource/mcp" => json!({
            "resource": "https://acme.example/mcp",
            "authorization_servers": ["https://auth.example"],
        }),
        "/.well-known/oauth-authorization-server" => json!({
            "issuer": "https://auth.example",
            "authorization_endpoint": "https://auth.example/authorize",
            "token_endpoint": "https://auth.example/token",
            "registration_endpoint": "https://auth.example/register",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        }),
        "/register" => json!({"client_id": "dyn-1"}),
        path => panic!("nobody asks for {path} with an answer of somebody else"),
    };
    answer(200, "application/json", body.to_string())
}

#[tokio::test]
async fn an_answer_of_another_authorization_server_is_called_that_and_not_used() -> Outcome {
    let a = Accounts::through(ScriptedEgress::new(|request| Ok(mcp_answer(request)))).await?;
    let mut with_mcp = manifest();
    with_mcp["auth"][0] = json!({
        "id": "oauth", "type": "mcp_oauth", "server_url": "https://acme.example/mcp",
    });
    a.configuration.put_connector(a.f.project, &Slug::parse("acme")?, with_mcp).await?;
    for iss in [Some("https://evil.example"), None] {
        let opened = a.configuration.open_connect(a.f.project, a.connect("u")).await?;
        let link = opened.url.rsplit('/').next().and_then(SessionLink::parse).ok_or("a link")?;
        let started = a.configuration.start_connect(&link).await?;
        let sent: BTreeMap<String, String> = started.url.query_pairs().into_owned().collect();
        let given = [("state", Some(&*sent["state"])), ("code", Some("c")), ("iss", iss)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let params = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let nonces = BTreeMap::from([(opened.session.id, started.nonce.to_string())]);
        let end = a.configuration.finish_connect(Callback { params, nonces }).await?;
        let ConnectOutcome::Failed { code, message } = end.outcome else {
            return Err(format!("{iss:?}: {:?}", end.outcome).into());
        };
        assert_eq!(code, "connect_issuer", "{iss:?}: {message}");
        assert!(message.contains("another authorization server"), "{message}");
        assert!(accounts_of(&a).await?.is_empty());
    }
    Ok(())
}
