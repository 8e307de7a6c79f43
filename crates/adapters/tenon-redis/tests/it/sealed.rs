//! What Redis holds is sealed: a dump shows nothing, and what was changed, moved or kept for long
//! does not come back.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tenon_contract::plan::{
    ApiKeyDigest, DeployedWorkflow, PlanCache, PlanSource as _, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_contract::vault::SharedValues as _;
use tenon_domain::workflow::Trigger;
use tenon_domain::{ApiKeyId, EndUserId, ProjectId, SecretId, SystemClock, VersionId, WorkflowId};
use tenon_redis::{RedisPlanCache, RedisSharedValues};
use tenon_testkit::fakes::FakeClock;

use crate::{Bench, sealer};

/// Stands in every text that is put.
const CANARY: &str = "canary-9d24e1";

fn project_plan(revision: i64) -> ProjectPlan {
    ProjectPlan {
        project: ProjectId::new(),
        revision,
        api_keys: vec![ApiKeyDigest::of(ApiKeyId::new(), "key")],
        workflows: vec![DeployedWorkflow {
            integration: None,
            id: WorkflowId::new(),
            name: format!("workflow-{CANARY}"),
            version: VersionId::new(),
            number: 3,
            triggers: vec![Trigger::AppEvent { event: format!("event-{CANARY}") }],
            enabled_by_default: true,
            has_response: false,
            response_timeout_seconds: 55,
            order: Default::default(),
        }],
        choices: HashMap::new(),
        disabled_users: [EndUserId::new(format!("user-{CANARY}"))].into(),
        integrations: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        signing_keys: Vec::new(),
        queue: Default::default(),
    }
}

fn user_plan() -> UserPlan {
    let meta = json!({"company": format!("company-{CANARY}")});
    UserPlan {
        project: ProjectId::new(),
        user: EndUserId::new(format!("user-{CANARY}")),
        revision: 1,
        credentials: Vec::new(),
        meta: meta.as_object().expect("an object").clone(),
    }
}

fn workflow_plan() -> WorkflowPlan {
    let document = json!({
        "version": 1,
        "name": format!("workflow-{CANARY}"),
        "triggers": [{ "type": "app_event", "event": format!("event-{CANARY}") }],
        "steps": [],
    });
    WorkflowPlan {
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        number: 1,
        document: serde_json::from_value(document).expect("the document is valid"),
    }
}

fn cache(bench: &Bench, byte: u8, others: &[u8], clock: &Arc<FakeClock>) -> RedisPlanCache {
    RedisPlanCache::new(bench.connect(), sealer(byte, others, clock.clone()))
}

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at("2027-01-15T08:00:00Z"))
}

/// Everything that the server holds, as it is.
fn dump(bench: &Bench) -> Vec<u8> {
    let server = &bench.server;
    server.command(&["CONFIG", "SET", "rdbcompression", "no"]).expect("redis answers");
    server.command(&["SAVE"]).expect("redis answers");
    let url = server.url();
    let socket = url.strip_prefix("redis+unix://").expect("a server alone has a socket");
    let folder = Path::new(socket).parent().expect("it is in a folder");
    std::fs::read(folder.join("dump.rdb")).expect("it was written")
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whether anything of the canary stands in it, as it is or in another usual form.
fn shows(bytes: &[u8]) -> bool {
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    [CANARY, &CANARY[7..], &CANARY.to_uppercase(), &hex].into_iter().any(|text| holds(bytes, text))
}

#[tokio::test]
async fn a_dump_shows_no_name_no_user_and_no_value() {
    let bench = Bench::start().await;
    let clock = clock();
    let plans = cache(&bench, 1, &[], &clock);
    let (project, user, workflow) = (project_plan(1), user_plan(), workflow_plan());
    plans.put_project(&project).await.expect("redis answers");
    plans.put_user(&user).await.expect("redis answers");
    plans.put_workflow(&workflow).await.expect("redis answers");
    plans.mark_filled().await.expect("redis answers");
    let values = RedisSharedValues::new(bench.connect(), sealer(1, &[], clock.clone()));
    let ttl = Duration::from_secs(60);
    values.put(SecretId::new(), 1, format!("value-{CANARY}").as_bytes(), ttl).await;

    let dumped = dump(&bench);
    for id in [project.project.to_string(), workflow.version.to_string()] {
        assert!(holds(&dumped, &id), "the dump is of this server");
    }
    assert!(!shows(&dumped));
    assert_eq!(bench.server.command(&["DBSIZE"]).expect("redis answers"), "6");

    bench.server.command(&["SET", "plain", CANARY]).expect("redis answers");
    assert!(shows(&dump(&bench)), "what is not sealed is found");
}

#[tokio::test]
async fn another_key_reads_nothing_and_puts_everything_anew() {
    let bench = Bench::start().await;
    let clock = clock();
    let (plan, first) = (project_plan(7), cache(&bench, 1, &[], &clock));
    first.put_project(&plan).await.expect("redis answers");
    first.mark_filled().await.expect("redis answers");
    let second = cache(&bench, 2, &[], &clock);
    assert_eq!(second.project(plan.project).await.expect("redis answers"), None);
    assert!(!second.is_filled().await.expect("redis answers"));

    second.put_project(&plan).await.expect("redis answers");
    second.mark_filled().await.expect("redis answers");
    assert_eq!(second.project(plan.project).await.expect("redis answers").as_deref(), Some(&plan));
    assert_eq!(first.project(plan.project).await.expect("redis answers"), None);
}

#[tokio::test]
async fn while_a_key_is_changed_the_old_and_the_new_process_read_each_other() {
    let bench = Bench::start().await;
    let clock = clock();
    let (old, new) = (cache(&bench, 1, &[2], &clock), cache(&bench, 2, &[1], &clock));
    let plan = project_plan(7);
    old.put_project(&plan).await.expect("redis answers");
    assert_eq!(new.project(plan.project).await.expect("redis answers").as_deref(), Some(&plan));
    assert_eq!(old.project(plan.project).await.expect("redis answers").as_deref(), Some(&plan));
    new.put_project(&plan).await.expect("redis answers");
    let last = cache(&bench, 2, &[], &clock);
    assert_eq!(last.project(plan.project).await.expect("redis answers").as_deref(), Some(&plan));
}

#[tokio::test]
async fn a_plan_that_was_put_under_another_projects_key_is_not_there() {
    let bench = Bench::start().await;
    let plans = cache(&bench, 1, &[], &clock());
    let (mine, theirs) = (project_plan(1), project_plan(1));
    plans.put_project(&mine).await.expect("redis answers");
    plans.put_project(&theirs).await.expect("redis answers");
    let (from, to) = (format!("plan:{{{}}}", theirs.project), format!("plan:{{{}}}", mine.project));
    let copied = bench.server.command(&["COPY", &from, &to, "REPLACE"]).expect("redis answers");
    assert_eq!(copied, "1");
    assert_eq!(plans.project(mine.project).await.expect("redis answers"), None);
    assert!(plans.project(theirs.project).await.expect("redis answers").is_some());
}

#[tokio::test]
async fn a_plan_that_was_cut_or_written_in_the_clear_is_not_there() {
    let bench = Bench::start().await;
    let plans = cache(&bench, 1, &[], &clock());
    let plan = project_plan(1);
    let key = format!("plan:{{{}}}", plan.project);
    plans.put_project(&plan).await.expect("redis answers");
    let cut = "local plan = redis.call('HGET', KEYS[1], 'plan') \
               return redis.call('HSET', KEYS[1], 'plan', string.sub(plan, 1, -2))";
    bench.server.command(&["EVAL", cut, "1", &key]).expect("redis answers");
    assert_eq!(plans.project(plan.project).await.expect("redis answers"), None);
    let text = serde_json::to_string(&plan).expect("JSON");
    bench.server.command(&["HSET", &key, "plan", &text]).expect("redis answers");
    assert_eq!(plans.project(plan.project).await.expect("redis answers"), None);
    bench.server.command(&["SET", "{reg}:filled", "1"]).expect("redis answers");
    assert!(!plans.is_filled().await.expect("redis answers"));
}

#[tokio::test]
async fn what_nobody_read_for_an_epoch_is_gone_and_what_was_read_stays() {
    let bench = Bench::start().await;
    let clock = clock();
    let plans = cache(&bench, 1, &[], &clock);
    let (read, unread, workflow, user) =
        (project_plan(1), project_plan(1), workflow_plan(), user_plan());
    plans.put_project(&read).await.expect("redis answers");
    plans.put_project(&unread).await.expect("redis answers");
    plans.put_workflow(&workflow).await.expect("redis answers");
    plans.put_user(&user).await.expect("redis answers");
    plans.mark_filled().await.expect("redis answers");
    for _ in 0..3 {
        clock.advance(SignedDuration::from_hours(24));
        assert!(!plans.is_filled().await.expect("redis answers"), "it is to be put anew");
        let found = plans.project(read.project).await.expect("redis answers");
        assert_eq!(found.as_deref(), Some(&read));
        let found = plans.workflow(workflow.version).await.expect("redis answers");
        assert_eq!(found.as_deref(), Some(&workflow));
        let found = plans.user(user.project, &user.user).await.expect("redis answers");
        assert_eq!(found.as_deref(), Some(&user));
    }
    assert_eq!(plans.project(unread.project).await.expect("redis answers"), None);
    plans.mark_filled().await.expect("redis answers");
    assert!(plans.is_filled().await.expect("redis answers"));
}

#[tokio::test]
async fn putting_a_plan_back_does_not_undo_a_newer_one() {
    let bench = Bench::start().await;
    let clock = clock();
    let plans = cache(&bench, 1, &[], &clock);
    let old = project_plan(1);
    plans.put_project(&old).await.expect("redis answers");
    clock.advance(SignedDuration::from_hours(24));
    let new = ProjectPlan { revision: 2, ..old.clone() };
    plans.put_project(&new).await.expect("redis answers");
    plans.put_project(&old).await.expect("redis answers");
    let found = plans.project(old.project).await.expect("redis answers");
    assert_eq!(found.as_deref(), Some(&new));
}

mod values {
    use super::*;

    fn values(bench: &Bench) -> RedisSharedValues {
        RedisSharedValues::new(bench.connect(), sealer(1, &[], Arc::new(SystemClock)))
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_value_comes_back_until_it_is_removed_or_its_time_is_over() {
        let bench = Bench::start().await;
        let values = values(&bench);
        let (kept, short) = (SecretId::new(), SecretId::new());
        values.put(kept, 1, b"entry", MINUTE).await;
        values.put(short, 1, b"entry", Duration::from_millis(50)).await;
        values.put(SecretId::new(), 1, b"entry", Duration::ZERO).await;
        assert_eq!(values.get(kept).await.as_deref(), Some(&b"entry"[..]));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(values.get(short).await, None);
        values.remove(kept).await;
        assert_eq!(values.get(kept).await, None);
        assert_eq!(bench.server.command(&["DBSIZE"]).expect("redis answers"), "0");
    }

    #[tokio::test]
    async fn a_late_entry_of_an_earlier_version_changes_nothing() {
        let bench = Bench::start().await;
        let (values, secret) = (values(&bench), SecretId::new());
        // 10 against 9 tells numbers from text.
        values.put(secret, 10, b"new", MINUTE).await;
        values.put(secret, 9, b"old", MINUTE).await;
        assert_eq!(values.get(secret).await.as_deref(), Some(&b"new"[..]));
        values.put(secret, 10, b"again", MINUTE).await;
        assert_eq!(values.get(secret).await.as_deref(), Some(&b"again"[..]));
    }

    #[tokio::test]
    async fn an_entry_of_another_secret_is_none() {
        let bench = Bench::start().await;
        let (values, mine, theirs) = (values(&bench), SecretId::new(), SecretId::new());
        values.put(theirs, 1, b"entry", MINUTE).await;
        let (from, to) = (format!("value:{{{theirs}}}"), format!("value:{{{mine}}}"));
        bench.server.command(&["COPY", &from, &to]).expect("redis answers");
        assert_eq!(values.get(mine).await, None);
    }

    #[tokio::test]
    async fn without_redis_nothing_is_found_and_nothing_fails() {
        let mut bench = Bench::start().await;
        let (values, secret) = (values(&bench), SecretId::new());
        bench.server.kill().expect("it can be killed");
        values.put(secret, 1, b"entry", MINUTE).await;
        assert_eq!(values.get(secret).await, None);
        values.remove(secret).await;
    }
}
