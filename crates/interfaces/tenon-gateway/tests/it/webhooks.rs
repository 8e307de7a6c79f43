//! Webhooks of providers: who is heard, for whom it runs, and what strangers learn.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::Body;
use http::{Method, Request};
use serde_json::{Map, Value, json};
use tenon_connector::catalog::Catalog;
use tenon_contract::plan::{
    AppPlan, DeployedWorkflow, InstallationRef, InstallationsPlan, PlanCache, UserPlan,
};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, SecretOwner, Subject};
use tenon_contract::webhook::{WebhookOwner, id_of, route_value, secret_of};
use tenon_domain::workflow::Trigger;
use tenon_domain::{Clock as _, CredentialId, EndUserId, IntegrationId, SystemClock};
use tenon_exec::ports::history::{Payload, TriggerKind};
use tenon_exec::webhooks::{Directory, DirectorySettings};
use tenon_gateway::webhooks::{WebhookSecrets, WebhookSettings, Webhooks};
use tenon_testkit::fakes::{Fault, MemoryKeys, MemoryRoot, MemoryValues, VaultFaults};
use tenon_vault::envelope::InstallId;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::{Caller, Policy};
use tenon_vault::service::{Parts, VaultService};

use crate::rig::{Answer, Rig, account, configuration, integration, workflow};

/// What Slack signs the calls of this project's app with.
const SIGNING: &str = "slack-signing-canary";
/// What Tenon made for the GitLab account.
const TOKEN: &str = "gitlab-token-canary";
/// The URL that HubSpot signs begins so.
const PUBLIC: &str = "https://tenon.example.com/base";

/// Ada's Slack workspace is `T-ADA`, Bob's `T-BOB`; both are in `T-BOTH`, too, by a second account.
/// Ada has a GitLab account and a HubSpot account of portal 7.
struct Stage {
    rig: Rig,
    vault: Arc<VaultService>,
    faults: VaultFaults,
    slack: IntegrationId,
    gitlab_account: CredentialId,
}

fn vault(faults: &VaultFaults) -> Arc<VaultService> {
    let clock = Arc::new(SystemClock);
    let root = Arc::new(MemoryRoot::new("root", faults.clone()));
    let (service, background) = VaultService::new(Parts {
        install: InstallId::from_uuid(uuid::Uuid::new_v4()),
        values: Arc::new(MemoryValues::new(clock.clone(), faults.clone())),
        keys: Arc::new(MemoryKeys::new(clock.clone(), faults.clone())),
        roots: Roots::new(root, Vec::new()),
        policy: Policy::new(Vec::new()),
        clock,
        settings: tenon_vault::settings::Settings::default(),
    });
    tokio::spawn(background.run());
    service
}

fn listening(name: &str, integration: IntegrationId, events: &[&str]) -> DeployedWorkflow {
    let events = events.iter().map(ToString::to_string).collect();
    DeployedWorkflow {
        triggers: vec![Trigger::Webhook { webhook: "events".to_owned(), events }],
        ..workflow(name, Some(integration))
    }
}

impl Stage {
    async fn new() -> Self {
        Self::with(WebhookSettings::default()).await
    }

    async fn with(settings: WebhookSettings) -> Self {
        let faults = VaultFaults::default();
        let vault = vault(&faults);
        let service = vault.clone();
        let mut rig = Rig::made(move |plans, clock| {
            let gateway = service.for_caller(Caller::Gateway);
            let ttl = Duration::from_secs(60);
            Some(Arc::new(Webhooks {
                catalog: Arc::new(Catalog::default()),
                directory: Arc::new(Directory::new(plans.clone(), DirectorySettings::default())),
                secrets: Arc::new(WebhookSecrets::new(Some(gateway), clock.clone(), ttl)),
                public_url: PUBLIC.parse().expect("a URL"),
                settings,
            }))
        })
        .await;
        let mut slack = integration("slack");
        slack.apps.insert("oauth".to_owned(), AppPlan::default());
        let mut hubspot = integration("hubspot");
        hubspot.apps.insert("oauth".to_owned(), AppPlan::default());
        let gitlab = integration("gitlab");
        let workflows = vec![
            listening("mentions", slack.id, &["app_mention"]),
            listening("all of slack", slack.id, &[]),
            listening("gitlab", gitlab.id, &["push"]),
            listening("hubspot", hubspot.id, &[]),
            workflow("no webhook", Some(slack.id)),
        ];
        let person = |name: &str, accounts: &[(IntegrationId, &str, Value)]| {
            let on = |integration: IntegrationId| -> HashMap<_, Map<String, Value>> {
                let own = workflows.iter().filter(|it| it.integration == Some(integration));
                let settings = json!({ "name": name }).as_object().cloned().expect("an object");
                own.map(|it| (it.id, settings.clone())).collect()
            };
            let account = |(of, field, value): &(IntegrationId, &str, Value)| {
                let mut made = account(*of, None, vec![configuration(None, on(*of))]);
                if !field.is_empty() {
                    made.fields.insert((*field).to_owned(), value.clone());
                }
                made
            };
            UserPlan {
                project: rig.id(),
                user: EndUserId::new(name),
                revision: 2,
                credentials: accounts.iter().map(account).collect(),
                meta: json!({ "plan": "pro" }).as_object().cloned().expect("an object"),
            }
        };
        let ada = person(
            "ada",
            &[
                (slack.id, "team_id", json!("T-ADA")),
                (slack.id, "team_id", json!("T-BOTH")),
                (gitlab.id, "", Value::Null),
                (hubspot.id, "portal_id", json!(7)),
            ],
        );
        let bob = person(
            "bob",
            &[(slack.id, "team_id", json!("T-BOB")), (slack.id, "team_id", json!("T-BOTH"))],
        );
        let gitlab_account = ada.credentials[2].id;
        for plan in [&ada, &bob] {
            rig.plans.put_user(plan).await.expect("in memory");
        }
        for one in &workflows {
            let installations = [&ada, &bob].into_iter().flat_map(|user| installed(user, one));
            let plan = InstallationsPlan {
                project: rig.id(),
                workflow: one.id,
                revision: 1,
                installations: installations.collect(),
            };
            rig.plans.put_installations(&plan).await.expect("in memory");
        }
        let (slack_id, hubspot_id) = (slack.id, hubspot.id);
        rig.change(move |plan| {
            plan.integrations = vec![slack, hubspot, gitlab];
            plan.workflows = workflows;
        })
        .await;
        let stage = Self { rig, vault, faults, slack: slack_id, gitlab_account };
        let of_app = |integration| WebhookOwner::App { integration, auth_method: "oauth" };
        stage.keep(of_app(slack_id), SIGNING).await;
        stage.keep(of_app(hubspot_id), "hubspot-client-secret").await;
        stage.keep(WebhookOwner::Account(gitlab_account), TOKEN).await;
        stage
    }

    async fn keep(&self, owner: WebhookOwner<'_>, text: &str) {
        let secret = secret_of(owner, "events");
        let owner = SecretOwner { project: self.rig.id(), subject: Subject::Webhook };
        let value = NewValue { value: SecretBytes::from_text(text.to_owned()), expires_at: None };
        let api = self.vault.for_caller(Caller::Api);
        api.create(secret, &owner, value).await.expect("it is kept");
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/projects/{}/webhooks/{rest}", self.rig.id())
    }

    async fn call(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.rig.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// As Slack sends it, signed `age` seconds ago with `secret`.
    async fn slack(&self, secret: &str, age: i64, body: &Value) -> Answer {
        let text = body.to_string();
        let at = (self.rig.clock.now().as_second() - age).to_string();
        let signature = format!("v0={}", sign(secret, &format!("v0:{at}:{text}")));
        let headers = [
            ("content-type", "application/json"),
            ("x-slack-request-timestamp", at.as_str()),
            ("x-slack-signature", signature.as_str()),
            ("authorization", "Bearer from-the-provider"),
        ];
        self.call(&self.path("slack/events"), &headers, &text).await
    }

    async fn gitlab(&self, token: &str, id: &str) -> Answer {
        let path = self.path(&format!("gitlab/events/{}", self.gitlab_account));
        let headers = [
            ("content-type", "application/json"),
            ("x-gitlab-token", token),
            ("x-gitlab-event-uuid", id),
        ];
        self.call(&path, &headers, r#"{"object_kind": "push", "ref": "main"}"#).await
    }

    /// What was accepted: workflow and user, sorted.
    async fn runs(&self) -> Vec<String> {
        let jobs = self.rig.jobs().await;
        let name = |job: &tenon_exec::ports::store::Job| {
            let found = self.rig.project.workflows.iter().find(|it| it.id == job.workflow);
            let user = job.user.as_ref().expect("it has a user");
            format!("{} {user}", found.expect("of the project").name)
        };
        let mut runs: Vec<String> = jobs.iter().map(name).collect();
        runs.sort();
        runs
    }

    /// What the only run sees as `trigger`.
    async fn input(&self) -> Value {
        let [job] = &self.rig.jobs().await[..] else { panic!("one run") };
        assert_eq!(job.trigger, TriggerKind::Webhook);
        let Payload::Inline(bytes) = &job.input else { panic!("it is small") };
        serde_json::from_slice(bytes).expect("JSON")
    }
}

fn installed(user: &UserPlan, workflow: &DeployedWorkflow) -> Vec<InstallationRef> {
    let accounts = user.credentials.iter();
    let own = accounts.filter(|it| workflow.integration == Some(it.integration));
    own.map(|it| InstallationRef {
        user: user.user.clone(),
        credential: it.id,
        configuration: it.configurations[0].id,
        routes: it
            .fields
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), route_value(value)?)))
            .collect::<BTreeMap<_, _>>(),
    })
    .collect()
}

fn sign(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut hex = String::new();
    for byte in hmac::sign(&key, text.as_bytes()).as_ref() {
        write!(hex, "{byte:02x}").expect("text can be written to");
    }
    hex
}

fn mention(id: &str, team: &str) -> Value {
    let event = json!({ "type": "app_mention", "text": "hello", "channel": "C1" });
    json!({ "type": "event_callback", "event_id": id, "team_id": team, "event": event })
}

#[tokio::test]
async fn an_event_runs_for_the_accounts_that_it_names_and_nobody_else() {
    let stage = Stage::new().await;
    let answer = stage.slack(SIGNING, 0, &mention("E1", "T-ADA")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(stage.runs().await, ["all of slack ada", "mentions ada"]);
    let stage = Stage::new().await;
    assert_eq!(stage.slack(SIGNING, 0, &mention("E2", "T-BOTH")).await.status, 200);
    let both = ["all of slack ada", "all of slack bob", "mentions ada", "mentions bob"];
    assert_eq!(stage.runs().await, both);
    let stage = Stage::new().await;
    assert_eq!(stage.slack(SIGNING, 0, &mention("E3", "T-NOBODY")).await.status, 200);
    assert!(stage.runs().await.is_empty());
}

#[tokio::test]
async fn a_trigger_hears_the_events_that_it_names() {
    let stage = Stage::new().await;
    let mut other = mention("E1", "T-BOB");
    other["event"]["type"] = json!("reaction_added");
    assert_eq!(stage.slack(SIGNING, 0, &other).await.status, 200);
    assert_eq!(stage.runs().await, ["all of slack bob"]);
    let input = stage.input().await;
    assert_eq!(input["webhook"]["event"], "reaction_added");
    assert_eq!(input["webhook"]["body"]["team_id"], "T-BOB");
    let headers = input["webhook"]["headers"].as_object().expect("headers");
    assert!(headers.contains_key("x-slack-request-timestamp"));
    for hidden in ["authorization", "x-slack-signature"] {
        assert!(!headers.contains_key(hidden), "{hidden} is a credential");
    }
}

#[tokio::test]
async fn what_is_not_proven_runs_nothing() {
    let stage = Stage::new().await;
    let body = mention("E1", "T-ADA");
    for (secret, age) in [("another-secret", 0), ("", 0), (SIGNING, 301), (SIGNING, -301)] {
        let answer = stage.slack(secret, age, &body).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, ""), "{secret} {age}");
    }
    let headers = [("content-type", "application/json")];
    let unsigned = stage.call(&stage.path("slack/events"), &headers, &body.to_string()).await;
    assert_eq!(unsigned.status, 401);
    assert!(stage.runs().await.is_empty());
}

/// Ids of secrets are derived, so that another project's secret is under another id.
#[tokio::test]
async fn a_secret_of_another_project_proves_nothing() {
    let (stage, other) = (Stage::new().await, Stage::new().await);
    let body = mention("E1", "T-ADA");
    let secret =
        secret_of(WebhookOwner::App { integration: other.slack, auth_method: "oauth" }, "events");
    let owner = SecretOwner { project: other.rig.id(), subject: Subject::Webhook };
    let value = NewValue { value: SecretBytes::from_text("theirs".to_owned()), expires_at: None };
    let api = other.vault.for_caller(Caller::Api);
    api.replace(secret, &owner, value).await.expect("it is replaced");
    assert_eq!(other.slack("theirs", 0, &body).await.status, 200);
    assert_eq!(stage.slack("theirs", 0, &body).await.status, 401);
    assert!(stage.runs().await.is_empty());
}

#[tokio::test]
async fn a_repeat_is_answered_and_runs_nothing() {
    let stage = Stage::new().await;
    let body = mention("E1", "T-ADA");
    assert_eq!(stage.slack(SIGNING, 0, &body).await.status, 200);
    // Slack sends it again with another time, and so another signature.
    assert_eq!(stage.slack(SIGNING, 5, &body).await.status, 200);
    let mut retold = body.clone();
    retold["event"]["text"] = json!("said otherwise");
    assert_eq!(stage.slack(SIGNING, 0, &retold).await.status, 200);
    assert_eq!(stage.runs().await.len(), 2);
    assert_eq!(stage.slack(SIGNING, 0, &mention("E2", "T-ADA")).await.status, 200);
    assert_eq!(stage.runs().await.len(), 4);
}

/// Without an id of its own, a call that is played back is known by its signature.
#[tokio::test]
async fn a_call_that_is_played_back_runs_nothing() {
    let stage = Stage::new().await;
    let mut body = mention("E1", "T-ADA");
    body.as_object_mut().expect("an object").remove("event_id");
    assert_eq!(stage.slack(SIGNING, 0, &body).await.status, 200);
    assert_eq!(stage.slack(SIGNING, 0, &body).await.status, 200);
    assert_eq!(stage.runs().await.len(), 2);
    assert_eq!(stage.slack(SIGNING, 1, &body).await.status, 200);
    assert_eq!(stage.runs().await.len(), 4, "sent anew, it may be another one");
}

#[tokio::test]
async fn a_challenge_is_answered_once_it_is_proven() {
    let stage = Stage::new().await;
    let challenge = json!({ "type": "url_verification", "challenge": "c-1" });
    let answer = stage.slack(SIGNING, 0, &challenge).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &json!({ "challenge": "c-1" })));
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(stage.slack("other", 0, &challenge).await.status, 401);
    assert!(stage.runs().await.is_empty());
}

#[tokio::test]
async fn an_accounts_url_is_for_that_account_and_shows_runs_no_secret() {
    let stage = Stage::new().await;
    assert_eq!(stage.gitlab("wrong", "1").await.status, 401);
    assert!(stage.runs().await.is_empty());
    assert_eq!(stage.gitlab(TOKEN, "1").await.status, 200);
    assert_eq!(stage.gitlab(TOKEN, "1").await.status, 200);
    assert_eq!(stage.runs().await, ["gitlab ada"]);
    let input = stage.input().await.to_string();
    assert!(input.contains("push") && !input.contains(TOKEN), "{input}");
}

#[tokio::test]
async fn the_published_form_of_a_url_is_the_same_webhook() {
    let stage = Stage::new().await;
    let gitlab = stage.rig.project.integrations[2].id;
    let own = format!("?id={}", stage.gitlab_account);
    let headers = [("content-type", "application/json"), ("x-gitlab-token", TOKEN)];
    for (at, webhook) in
        ["events".to_owned(), id_of(gitlab, "events").to_string()].iter().enumerate()
    {
        let path =
            format!("/triggers/connect/{}/{gitlab}/custom-triggers/{webhook}{own}", stage.rig.id());
        let body = json!({ "object_kind": "push", "n": at }).to_string();
        let answer = stage.call(&path, &headers, &body).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(stage.runs().await.len(), at + 1);
    }
}

#[tokio::test]
async fn a_url_is_unknown_whatever_is_wrong_about_it() {
    let stage = Stage::new().await;
    let project = stage.rig.id();
    let somebody = CredentialId::new();
    let mut bodies = Vec::new();
    for path in [
        format!("/api/v1/projects/{somebody}/webhooks/slack/events"),
        "/api/v1/projects/x/webhooks/slack/events".to_owned(),
        stage.path("nothing/events"),
        stage.path("github/events"),
        stage.path("slack/nothing"),
        stage.path("slack/events/not-an-id"),
        stage.path("gitlab/events"),
        stage.path(&format!("gitlab/events/{somebody}")),
        format!("/triggers/connect/{project}/{somebody}/custom-triggers/events"),
        format!("/triggers/connect/{project}/{}/custom-triggers/{somebody}", stage.slack),
    ] {
        let answer = stage.call(&path, &[], "{}").await;
        assert_eq!(answer.status, 404, "{path}");
        let mut body = answer.body;
        body.as_object_mut().expect("a problem").remove("request_id");
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "they say no more than that: {bodies:?}");
}

#[tokio::test]
async fn the_signed_url_is_the_public_one() {
    let stage = Stage::new().await;
    let body = r#"[{"subscriptionType":"contact.creation","eventId":1,"objectId":2,"portalId":7},
                   {"subscriptionType":"contact.creation","eventId":2,"objectId":2,"portalId":8}]"#;
    let at = stage.rig.clock.now().as_millisecond().to_string();
    let path = stage.path("hubspot/events");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"hubspot-client-secret");
    let answer = async |url: &str| {
        let signature = hmac::sign(&key, format!("POST{url}{body}{at}").as_bytes());
        use base64::Engine as _;
        let signature = base64::engine::general_purpose::STANDARD.encode(signature.as_ref());
        let headers = [
            ("content-type", "application/json"),
            ("x-hubspot-request-timestamp", at.as_str()),
            ("x-hubspot-signature-v3", signature.as_str()),
        ];
        stage.call(&path, &headers, body).await.status
    };
    assert_eq!(answer(&format!("https://elsewhere.example.com{path}")).await, 401);
    assert_eq!(answer(&format!("{PUBLIC}{path}")).await, 200);
    assert_eq!(stage.runs().await, ["hubspot ada"], "one portal of two is an account's");
}

#[tokio::test]
async fn nothing_runs_for_a_disabled_user_or_a_workflow_that_is_off() {
    let mut stage = Stage::new().await;
    stage.rig.change(|plan| plan.disabled_users.extend([EndUserId::new("ada")])).await;
    assert_eq!(stage.slack(SIGNING, 0, &mention("E1", "T-BOTH")).await.status, 200);
    assert_eq!(stage.runs().await, ["all of slack bob", "mentions bob"]);
    // The directory still says that it is on: the user's plan decides.
    let stage = Stage::new().await;
    let bob = EndUserId::new("bob");
    let plan =
        tenon_contract::plan::PlanSource::user(&*stage.rig.plans, stage.rig.id(), &bob).await;
    let mut plan = (*plan.expect("in memory").expect("it is there")).clone();
    plan.revision += 1;
    for account in &mut plan.credentials {
        account.configurations[0].workflows.clear();
    }
    stage.rig.plans.put_user(&plan).await.expect("in memory");
    assert_eq!(stage.slack(SIGNING, 0, &mention("E1", "T-BOTH")).await.status, 200);
    assert_eq!(stage.runs().await, ["all of slack ada", "mentions ada"]);
}

/// The account may be another workspace's by now: the user's plan decides.
#[tokio::test]
async fn an_account_that_moved_on_gets_nothing_of_its_former_workspace() {
    let stage = Stage::new().await;
    let bob = EndUserId::new("bob");
    let plan =
        tenon_contract::plan::PlanSource::user(&*stage.rig.plans, stage.rig.id(), &bob).await;
    let mut plan = (*plan.expect("in memory").expect("it is there")).clone();
    plan.revision += 1;
    plan.credentials[0].fields.insert("team_id".to_owned(), json!("T-NEW"));
    stage.rig.plans.put_user(&plan).await.expect("in memory");
    assert_eq!(stage.slack(SIGNING, 0, &mention("E1", "T-BOB")).await.status, 200);
    assert!(stage.runs().await.is_empty());
}

#[tokio::test]
async fn an_integration_that_is_off_runs_nothing_and_upsets_no_provider() {
    let mut stage = Stage::new().await;
    stage.rig.change(|plan| plan.integrations[0].is_active = false).await;
    assert_eq!(stage.slack(SIGNING, 0, &mention("E1", "T-ADA")).await.status, 200);
    assert!(stage.runs().await.is_empty());
}

#[tokio::test]
async fn more_runs_than_one_call_may_start_are_refused_as_a_whole() {
    let stage = Stage::with(WebhookSettings { runs_max: 3, ..WebhookSettings::default() }).await;
    let answer = stage.slack(SIGNING, 0, &mention("E1", "T-BOTH")).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (422, &json!("webhook_unusable")));
    assert!(stage.runs().await.is_empty());
    assert_eq!(stage.slack(SIGNING, 0, &mention("E2", "T-ADA")).await.status, 200);
}

#[tokio::test]
async fn a_vault_that_is_away_is_asked_to_be_waited_for_and_a_known_secret_goes_on() {
    let stage = Stage::new().await;
    stage.faults.crash_at(1, Fault::Before);
    let answer = stage.slack(SIGNING, 0, &mention("E1", "T-ADA")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(stage.runs().await.is_empty());
    stage.faults.heal();
    assert_eq!(stage.slack(SIGNING, 0, &mention("E1", "T-ADA")).await.status, 200);
    stage.faults.crash_at(1, Fault::Before);
    assert_eq!(stage.slack(SIGNING, 0, &mention("E2", "T-ADA")).await.status, 200);
    assert_eq!(stage.runs().await.len(), 4);
}
