//! Group `connect`: what the portal and the SDK ask first, `GET sdk/me` and `GET sdk/integrations`,
//! of a project with 50 integrations and 10 workflows each, for a user with some accounts.
//!
//! Requests come at a fixed rate and latency counts from the moment that each was planned for, so a
//! stall is not hidden; the rate that was reached is a figure, too. The calibration is a service in this process that gives out as many bytes from
//! memory, asked in the same way a moment before.

use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tenon_client::{Client, ConnectRequest, Document, DryRun};
use zeroize::Zeroizing;

use super::load::{self, Outcome, Shot};
use super::product::Product;
use super::{Calibration, Figure};

/// Integrations of the project.
const INTEGRATIONS: usize = 50;
/// Of these, connectors of the project's own, each with an account of the user.
const OWN_CONNECTORS: usize = 5;
/// Workflows of each integration.
const WORKFLOWS: usize = 10;
/// Documents in one apply.
const DOCUMENTS_MAX: usize = 200;
/// Requests a second.
const RATE: f64 = 500.0;
/// Connections that they come over.
const CALLERS: usize = 64;
/// Whose token it is.
const USER: &str = "user-17";
/// How long the token holds, in seconds.
const TOKEN_SECONDS: u64 = 3_600;

/// Measures the group.
///
/// # Errors
/// When an answer is wrong: then no figure counts.
pub async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
    let product = Product::start(folder.path()).await?;
    let access = &product.access;
    let client = Client::new(&access.server, &access.project, &access.api_key)?;
    set_up(&client).await?;
    let token = token(&client).await?;
    let me = ask(&product, &token, "me", "\"authenticated\":true").await?;
    let integrations = ask(&product, &token, "integrations", "\"noPermissionWorkflows\"").await?;
    check(&me, &integrations)?;

    let mut figures = Vec::new();
    for (asked, [p50, p99, rate]) in [
        (me, ["connect.me_p50", "connect.me_p99", "connect.me_rate"]),
        (
            integrations,
            ["connect.integrations_p50", "connect.integrations_p99", "connect.integrations_rate"],
        ),
    ] {
        let bare = load::giving(asked.body.clone()).await?;
        let bare = Shot { address: bare, ..asked.shot.clone() };
        let bare = at_rate(&bare, length).await?;
        let tenon = at_rate(&asked.shot, length).await?;
        for (name, quantile) in [(p50, 0.5), (p99, 0.99)] {
            let of =
                Calibration { name: "from_memory", value: bare.quantile_ms(quantile), unit: "ms" };
            figures.push(Figure::against(name, tenon.quantile_ms(quantile), "ms", of));
        }
        // What is behind here is behind for the others, too: requests that never left have no latency.
        let offered = Calibration { name: "offered", value: RATE, unit: "req/s" };
        figures.push(Figure::against(rate, tenon.rate(), "req/s", offered));
    }
    product.stop().await?;
    Ok(figures)
}

/// A request, and what came back.
struct Asked {
    shot: Shot,
    body: Bytes,
}

async fn ask(
    product: &Product,
    token: &str,
    what: &str,
    marker: &'static str,
) -> anyhow::Result<Asked> {
    let access = &product.access;
    let address = access.server.trim_start_matches("http://").parse();
    let shot = Shot {
        method: Method::GET,
        address: address.context("the product's address does not parse")?,
        path: format!("/projects/{}/sdk/{what}", access.project),
        authorization: format!("Bearer {token}"),
        body: Bytes::new(),
        expected: StatusCode::OK,
        marker,
    };
    let url = format!("{}{}", access.server, shot.path);
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await?;
    ensure!(answer.status() == StatusCode::OK, "wrong answer: {}", answer.text().await?);
    Ok(Asked { shot, body: answer.bytes().await? })
}

/// A figure counts only if the answers have everything in them.
fn check(me: &Asked, integrations: &Asked) -> anyhow::Result<()> {
    let me: Value = serde_json::from_slice(&me.body)?;
    let connected = me["integrations"]
        .as_object()
        .map_or(0, |all| all.values().filter(|one| one["enabled"] == true).count());
    ensure!(connected == OWN_CONNECTORS, "{connected} accounts are in the user's answer");
    let list: Vec<Value> = serde_json::from_slice(&integrations.body)?;
    ensure!(list.len() == INTEGRATIONS, "{} integrations are in the answer", list.len());
    let has_all = |one: &Value| one["workflows"].as_array().map(Vec::len) == Some(WORKFLOWS);
    ensure!(list.iter().all(has_all), "an integration lacks workflows");
    Ok(())
}

async fn at_rate(shot: &Shot, length: Duration) -> anyhow::Result<Outcome> {
    load::open_loop(shot, CALLERS, Duration::from_secs(2), RATE).await?;
    load::open_loop(shot, CALLERS, length, RATE).await
}

/// The integrations, their workflows, and the user's accounts.
async fn set_up(client: &Client) -> anyhow::Result<()> {
    let own: Vec<String> = (0..OWN_CONNECTORS).map(|number| format!("bench-{number}")).collect();
    let known = client.connectors().await?;
    let mut connectors: Vec<String> =
        known.into_iter().map(|one| one.name).take(INTEGRATIONS - OWN_CONNECTORS).collect();
    // There are fewer connectors in the catalogue than integrations here.
    let more = (connectors.len()..INTEGRATIONS - OWN_CONNECTORS).map(|n| format!("more-{n}"));
    for name in own.iter().cloned().chain(more) {
        let connector = format!("custom.{name}");
        client.put_connector(&connector, &manifest(&name)).await?;
        connectors.push(connector);
    }
    for connector in &connectors {
        client.add_integration(connector).await?;
    }
    let documents: Vec<Document> = connectors.iter().flat_map(|name| workflows(name)).collect();
    for part in documents.chunks(DOCUMENTS_MAX) {
        client.apply(part, DryRun::No).await.context("the workflows were refused")?;
    }
    for name in own {
        let mut fields = Map::new();
        fields.insert("api_key".to_owned(), json!("k".repeat(40)));
        let request = ConnectRequest {
            integration: format!("custom.{name}"),
            auth_method: None,
            fields,
            credential_id: None,
            external_id: None,
            allow_multiple: false,
        };
        client.link(USER, &request).await.context("an account was refused")?;
    }
    Ok(())
}

fn manifest(name: &str) -> Value {
    json!({
        "format": 1, "name": name, "version": "1.0.0", "title": "Benchmark",
        "description": "A connector of the benchmark.", "categories": ["testing"],
        "docs": "https://bench.example/docs",
        "auth": [{
            "id": "key", "type": "api_key", "title": "Key",
            "fields": [{"name": "api_key", "title": "Key", "type": "password"}],
            "inject": {"headers": {"authorization": "Bearer {{fields.api_key}}"}},
        }],
        "proxy": {"base_url": [{"url": "https://bench.example"}]},
    })
}

/// Workflows as people write them: with texts, and two things to choose.
fn workflows(connector: &str) -> impl Iterator<Item = Document> + use<'_> {
    (0..WORKFLOWS).map(move |number| {
        let name = format!("{}-{number}", connector.replace('.', "-"));
        let document = json!({
            "version": 1, "name": name, "description": "Tells a channel about orders.",
            "integration": connector,
            "inputs": [
                {"id": "minimum", "type": "number", "title": "Smallest order", "default": 0},
                {"id": "channel", "type": "text", "title": "Channel", "required": false,
                 "placeholder": "#orders"},
            ],
            "portal": {"title": format!("New orders {number}"), "order": number,
                       "info": "One message for each order that is large enough."},
            "triggers": [{"type": "app_event", "event": "order.created"}],
            "steps": [{"id": "is_large", "type": "conditional", "if": {
                "operator": "$numberGreaterThanOrEqualTo",
                "variable": "{{trigger.event.total_cents}}",
                "argument": "{{settings.minimum}}",
            }}],
            "settings": {"enabled_by_default": true},
        });
        Document { file: format!("{name}.json"), text: document.to_string() }
    })
}

/// A token of the user, signed as a builder's server does it.
async fn token(client: &Client) -> anyhow::Result<String> {
    let mut key = client.create_signing_key().await?;
    let private = Zeroizing::new(key.private_key.take().context("there is no private half")?);
    let body: Zeroizing<String> =
        Zeroizing::new(private.lines().filter(|line| !line.starts_with('-')).collect());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes())?);
    let pair = KeyPair::from_pkcs8(&der).context("the private half cannot be read")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "RS256", "typ": "JWT", "kid": key.id}));
    let claims = part(&json!({"sub": USER, "exp": now + TOKEN_SECONDS}));
    let signed = format!("{header}.{claims}");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .context("the token cannot be signed")?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
