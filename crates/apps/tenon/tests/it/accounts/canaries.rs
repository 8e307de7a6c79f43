//! Secrets that are easy to recognise go through everything, and then they are looked for in all
//! that was written: rows and files of all databases, blobs, logs at debug level with all their
//! spans, every command that Redis got and what it holds, and the bodies of errors.
//!
//! `TENON_CANARIES` is how many accounts there are, 300 when left out; 10,000 for a release.

use std::path::PathBuf;
use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tenon_testkit::fakes::oauth_provider::Fault;
use tenon_testkit::redis_server::RedisServer;
use tokio::task::JoinSet;

use super::installation::Installation;
use super::provider::{KEY_PREFIX, LARGE_TEXT, Provider};
use super::redis_record::RedisRecord;
use super::secrets::SecretUse;
use super::stage::{Browser, Stage};
use super::traces::Traces;
use crate::product::{answer, fresh_name, text_of};

/// Accounts when the environment does not say.
const ACCOUNTS_DEFAULT: usize = 300;
/// Of so many accounts one is linked by OAuth in a browser.
const OAUTH_EVERY: usize = 6;
/// Of so many accounts one has a run.
const RUN_EVERY: usize = 15;
/// Accounts at once.
const AT_ONCE: usize = 16;
/// What all secrets hold, those of the simulator too.
const MARK: &str = "canary-";

fn accounts() -> usize {
    let count = std::env::var("TENON_CANARIES").ok();
    count.map_or(ACCOUNTS_DEFAULT, |count| count.parse().expect("TENON_CANARIES is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_left_anywhere() {
    let redis = RedisServer::start().expect("Redis starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = RedisRecord::start(&redis, folder.path().join("redis-commands"));
    let installation = Installation::start_with_redis(redis, "debug").await;
    let provider = Provider::start().await;
    let stage = Arc::new(Stage::of(installation.product(), provider, &json!({})).await);
    let events = Arc::new(Events::deploy(&stage).await);
    let count = accounts();
    let mut users = JoinSet::new();
    for first in 0..AT_ONCE {
        let (stage, events) = (stage.clone(), events.clone());
        users.spawn(async move {
            for number in (first..count).step_by(AT_ONCE) {
                live(&stage, &events, number).await;
            }
        });
    }
    while let Some(lived) = users.join_next().await {
        lived.expect("no account fails");
    }
    everything_goes_wrong(&stage, &events).await;
    secrets_in_steps(&stage).await;
    let name = stage.user.clone();
    drop(stage);
    let redis = record.finish(installation.redis().expect("it was started with one"));

    let others = [&name, &installation.project, LARGE_TEXT];
    let [mut users, mut projects, mut large] = others.map(Traces::of_plain);
    let mut traces = Traces::of(MARK);
    for looked_for in [&mut traces, &mut users, &mut projects, &mut large] {
        search_everything(&installation, &redis, looked_for).await;
    }
    println!("{count} accounts, {} bytes searched", traces.bytes());
    // The search itself works: what is no secret is found in rows, in files and in the log.
    assert!(users.is_in("rows of public.credential"), "{:#?}", users.found());
    assert!(users.is_in("/pg_wal/"), "{:#?}", users.found());
    assert!(projects.is_in(".log"), "{:#?}", projects.found());
    assert!(large.is_in("/blobs/"), "{:#?}", large.found());
    assert!(projects.is_in("/redis-commands"), "{:#?}", projects.found());
    assert!(projects.is_in("/dump.rdb"), "{:#?}", projects.found());
    assert!(!users.is_in("/dump.rdb"), "Redis keeps names: {:#?}", users.found());
    assert!(traces.found().is_empty(), "secrets are left:\n{:#?}", traces.found());
}

/// Looks into the rows of all databases and into the files of databases, Redis, blobs and logs.
async fn search_everything(installation: &Installation, redis: &[PathBuf], traces: &mut Traces) {
    for database in &installation.databases {
        traces.search_rows(&database.superuser_url).await;
    }
    let mut places = installation.logs();
    places.extend([installation.file("data"), installation.postgres_folder()]);
    places.extend_from_slice(redis);
    for place in &places {
        traces.search_files(place);
    }
}

/// The workflows of the test: what answers well, and what repeats the token.
struct Events {
    good: String,
    bad: Vec<String>,
}

impl Events {
    async fn deploy(stage: &Stage) -> Self {
        let good = stage.deploy(stage.both_steps()).await;
        let mut bad = Vec::new();
        for path in ["/broken", "/garbage", "/large", "/refused"] {
            let mut steps = stage.one_step(path);
            bad.push(stage.deploy(steps.clone()).await);
            steps[0]["ignore_failure"] = true.into();
            bad.push(stage.deploy(steps).await);
        }
        Self { good, bad }
    }
}

/// Everything that an account goes through.
async fn live(stage: &Stage, events: &Events, number: usize) {
    let user = fresh_name();
    let key = format!("{KEY_PREFIX}{number}-/+=&\"{user}");
    let by_oauth = number.is_multiple_of(OAUTH_EVERY);
    let credential = match by_oauth {
        true => stage.connect(&user).await,
        false => stage.connect_by_key(&user, &key).await,
    };
    for (path, expected) in [("/things/7", 200), ("/broken", 500), ("/garbage", 200)] {
        let (status, answered) = stage.proxied(&user, path).await;
        assert_eq!(status.as_u16(), expected, "{answered:#}");
    }
    if number.is_multiple_of(RUN_EVERY) {
        assert_eq!(stage.run_for(&user, &events.good).await["status"], "succeeded");
        for event in &events.bad {
            stage.run_for(&user, event).await;
        }
        if !by_oauth {
            // A key cannot be renewed: the refusal is the end, with the provider's words.
            stage.provider.refuse(&key);
            assert_eq!(stage.run_for(&user, &events.good).await["status"], "failed");
            let shown = stage.credential_in(&credential, "invalid").await;
            assert_eq!(shown["status_code"], "rejected", "{shown:#}");
            assert_clean(&shown);
            // From now on Tenon itself answers, without asking the provider.
            let (status, refused) = stage.proxied(&user, "/things/7").await;
            assert!(status.is_client_error(), "{refused:#}");
            assert_clean(&refused);
        }
    }
}

/// One user to whom everything happens: refused keys, dead tokens, faults of the token endpoint.
async fn everything_goes_wrong(stage: &Stage, events: &Events) {
    let path = format!("/users/{}/credentials", stage.user);
    let fields = json!({ "api_key": "canary-that-nobody-knows" });
    let body = json!({ "integration": stage.connector, "auth_method": "key", "fields": fields });
    let (status, refused) = stage.product.post(&path, &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:#}");
    assert_clean(&refused);
    linking_fails(stage).await;
    renewing_is_refused_with_the_token(stage, events).await;

    let credential = stage.connect(&stage.user).await;
    let token = stage.provider.last_token("/me");
    stage.provider.revoke_family(&token);
    let run = stage.run_for(&stage.user, &events.good).await;
    assert_eq!(run["status"], "failed", "{run:#}");
    assert_clean(&run);
    assert_clean(&json!(stage.product.steps(&text_of(&run["id"])).await));
    let probe =
        stage.product.call(reqwest::Method::POST, &format!("/credentials/{credential}/probe"));
    let (_, probed) = answer(probe).await;
    assert_clean(&probed);
    assert_clean(&stage.credential(&credential).await);
    assert_clean(&json!(stage.events(&credential).await));
}

/// A secret of the project and passwords of a user in steps that repeat them.
async fn secrets_in_steps(stage: &Stage) {
    let user = fresh_name();
    let used = SecretUse::deploy(stage).await;
    let credential = stage.connect_by_key(&user, &format!("{KEY_PREFIX}of-{user}")).await;
    for _ in 0..3 {
        let passwords = used.switch_on(stage, &credential).await;
        used.run(stage, &user, &passwords).await;
    }
}

/// Every fault of the token endpoint while an account is linked: the page for the user and what
/// became of the session.
async fn linking_fails(stage: &Stage) {
    for fault in
        [Fault::WrongClient, Fault::Html, Fault::Torn, Fault::MissingFields, Fault::ServerError]
    {
        let session = stage.session(&fresh_name(), &json!({})).await;
        let mut browser = Browser::new();
        let sent = browser.open(&text_of(&session["authorize_url"])).await;
        let location = sent.location.expect("the browser is sent to the provider");
        stage.provider.spoil([fault]);
        let page = browser.open(&stage.provider.consent(&location)).await;
        assert!(!page.status.is_success(), "{fault:?}: {}", page.text);
        assert_clean(&json!([page.text, stage.outcome(&session).await]));
    }
}

/// The refusal of a refresh repeats the refresh token, and ends the account.
async fn renewing_is_refused_with_the_token(stage: &Stage, events: &Events) {
    let user = fresh_name();
    let credential = stage.connect(&user).await;
    stage.provider.refuse(&stage.provider.last_token("/me"));
    // One refusal may be a mistake of the provider; it is asked twice.
    stage.provider.spoil([Fault::EchoesTheToken, Fault::EchoesTheToken]);
    let run = stage.run_for(&user, &events.good).await;
    assert_eq!(run["status"], "failed", "{run:#}");
    let shown = stage.credential_in(&credential, "invalid").await;
    let (status, refused) = stage.proxied(&user, "/things/7").await;
    assert!(status.is_client_error(), "{refused:#}");
    assert_clean(&json!([run, shown, refused, stage.events(&credential).await]));
}

/// What Tenon itself says holds no secret.
fn assert_clean(answer: &Value) {
    assert!(!answer.to_string().contains(MARK), "a secret is in an answer: {answer:#}");
}
