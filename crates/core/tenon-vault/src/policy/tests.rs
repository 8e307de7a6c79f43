use jiff::SignedDuration;
use tenon_contract::grant::{Grant, Work};
use tenon_contract::secret::SecretBytes;
use tenon_domain::{CredentialId, EndUserId, ProjectId, RunId, StepId};

use super::*;

const PURPOSES: [Purpose; 5] =
    [Purpose::Step, Purpose::Proxy, Purpose::Refresh, Purpose::Connect, Purpose::Webhook];

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("it is a time")
}

fn key(byte: u8) -> GrantKey {
    GrantKey::new(SecretBytes::new(vec![byte; 32])).expect("it is long enough")
}

fn access(project: ProjectId, purpose: Purpose) -> Access {
    Access { project, purpose, run: None, step: None, reference: None, grant: None }
}

fn owner(subject: Subject) -> SecretOwner {
    SecretOwner { project: ProjectId::new(), subject }
}

fn credential(user: &EndUserId) -> SecretOwner {
    owner(Subject::Credential { credential: CredentialId::new(), user: user.clone() })
}

#[test]
fn the_table_of_roles_and_purposes_is_this_one() {
    let rows: Vec<String> = Caller::ALL
        .into_iter()
        .map(|caller| {
            let may = PURPOSES.map(|it| if caller.may_open_for(it) { 'x' } else { '-' });
            format!("{:<10} {}", caller.name(), String::from_iter(may))
        })
        .collect();
    // Step, Proxy, Refresh, Connect, Webhook.
    let expected = [
        "api        --xx-",
        "gateway    ----x",
        "proxy      -xx--",
        "worker     x-x--",
        "controller --x--",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_table_of_roles_and_changes_is_this_one() {
    let changes = [Change::Write, Change::Refresh, Change::Delete];
    let rows = Caller::ALL.map(|caller| changes.map(|change| caller.check_change(change).is_ok()));
    let expected = [
        [true, true, true],
        [false, false, false],
        [false, true, false],
        [false, true, false],
        [false, true, true],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn roles_that_have_no_business_here_are_no_callers() {
    for name in ["vault", "recorder", "notifier", "", "API", "worker "] {
        assert_eq!(Caller::of_role(name), None);
    }
    for caller in Caller::ALL {
        assert_eq!(Caller::of_role(caller.name()), Some(caller));
    }
}

#[test]
fn app_secrets_need_only_the_role() {
    let policy = Policy::new(vec![key(1)]);
    let app = owner(Subject::App);
    for caller in Caller::ALL {
        for purpose in PURPOSES {
            let checked = policy.check_open(caller, &access(app.project, purpose), &app, now());
            let may = caller.may_open_for(purpose) && purpose != Purpose::Webhook;
            assert_eq!(checked.is_ok(), may);
        }
    }
}

/// The gateway is open to the internet: it opens what webhooks are signed with, and nothing else.
#[test]
fn the_gateway_opens_secrets_of_webhooks_only() {
    let policy = Policy::new(vec![key(1)]);
    let user = EndUserId::new("user-1");
    let subjects = [
        Subject::Credential { credential: CredentialId::new(), user },
        Subject::App,
        Subject::Session,
        Subject::Project,
        Subject::Webhook,
    ];
    for subject in subjects {
        let owner = owner(subject);
        for purpose in PURPOSES {
            let access = access(owner.project, purpose);
            let checked = policy.check_open(Caller::Gateway, &access, &owner, now());
            let may = owner.subject == Subject::Webhook && purpose == Purpose::Webhook;
            assert_eq!(checked.is_ok(), may, "{:?} for {purpose:?}", owner.subject);
        }
    }
}

#[test]
fn a_secret_of_a_webhook_is_opened_by_who_made_it_and_by_the_gateway() {
    let policy = Policy::new(vec![key(1)]);
    let webhook = owner(Subject::Webhook);
    let mut may = Vec::new();
    for caller in Caller::ALL {
        for purpose in PURPOSES {
            let access = access(webhook.project, purpose);
            if policy.check_open(caller, &access, &webhook, now()).is_ok() {
                may.push((caller, purpose));
            }
        }
    }
    assert_eq!(may, [(Caller::Api, Purpose::Connect), (Caller::Gateway, Purpose::Webhook)]);
}

#[test]
fn a_session_is_for_connecting_and_no_webhook_opens_a_credential() {
    let policy = Policy::new(vec![key(1)]);
    let session = owner(Subject::Session);
    let connect = access(session.project, Purpose::Connect);
    assert_eq!(policy.check_open(Caller::Api, &connect, &session, now()), Ok(()));
    let refresh = access(session.project, Purpose::Refresh);
    let checked = policy.check_open(Caller::Api, &refresh, &session, now());
    assert_eq!(checked, Err(Refusal::Subject));
    let credential = credential(&EndUserId::new("user-1"));
    let webhook = access(credential.project, Purpose::Webhook);
    let checked = policy.check_open(Caller::Gateway, &webhook, &credential, now());
    assert_eq!(checked, Err(Refusal::Subject));
}

#[test]
fn a_credential_in_a_step_or_a_call_needs_a_grant_of_its_user() {
    let policy = Policy::new(vec![key(1), key(2)]);
    let user = EndUserId::new("user-1");
    let owner = credential(&user);
    let run = RunId::new();
    let uses = [
        (Caller::Worker, Purpose::Step),
        (Caller::Worker, Purpose::Refresh),
        (Caller::Proxy, Purpose::Proxy),
        (Caller::Proxy, Purpose::Refresh),
    ];
    for (caller, purpose) in uses {
        let plain = Access { run: Some(run), ..access(owner.project, purpose) };
        let check = |grant, access: &Access| {
            let access = Access { grant: Some(grant), ..access.clone() };
            policy.check_open(caller, &access, &owner, now())
        };
        assert_eq!(policy.check_open(caller, &plain, &owner, now()), Err(Refusal::NoGrant));
        let work = Work::Run(run);
        for signer in [key(1), key(2)] {
            assert_eq!(check(signer.sign(owner.project, &user, &work), &plain), Ok(()));
        }
        let mismatch = Err(Refusal::Grant(GrantError::Mismatch));
        assert_eq!(check(key(3).sign(owner.project, &user, &work), &plain), mismatch);
        assert_eq!(check(key(1).sign(ProjectId::new(), &user, &work), &plain), mismatch);
        let other = EndUserId::new("user-2");
        assert_eq!(check(key(1).sign(owner.project, &other, &work), &plain), mismatch);
        let other_run = Access { run: Some(RunId::new()), ..plain.clone() };
        assert_eq!(check(key(1).sign(owner.project, &user, &work), &other_run), mismatch);
        let until = now() + SignedDuration::from_secs(1);
        let call = key(2).sign(owner.project, &user, &Work::Call { until });
        assert_eq!(check(call, &plain), Ok(()));
        let ended = key(1).sign(owner.project, &user, &Work::Call { until: now() });
        assert_eq!(check(ended, &plain), Err(Refusal::Grant(GrantError::Ended)));
    }
}

#[test]
fn a_secret_of_the_project_opens_for_a_step_of_its_runs_only() {
    let policy = Policy::new(vec![key(1), key(2)]);
    let owner = SecretOwner { project: ProjectId::new(), subject: Subject::Project };
    let run = RunId::new();
    let plain = Access { run: Some(run), ..access(owner.project, Purpose::Step) };
    let check = |grant: Option<Grant>, access: &Access| {
        let access = Access { grant, ..access.clone() };
        policy.check_open(Caller::Worker, &access, &owner, now())
    };
    assert_eq!(check(None, &plain), Err(Refusal::NoGrant));
    let user = EndUserId::new("user-1");
    for user in [Some(&user), None] {
        for signer in [key(1), key(2)] {
            let grant = Some(signer.sign_run(owner.project, user, run));
            assert_eq!(check(grant, &plain), Ok(()));
        }
        let mismatch = Err(Refusal::Grant(GrantError::Mismatch));
        let signed = |key: GrantKey, project| Some(key.sign_run(project, user, run));
        assert_eq!(check(signed(key(3), owner.project), &plain), mismatch);
        assert_eq!(check(signed(key(1), ProjectId::new()), &plain), mismatch);
        let other_run = Access { run: Some(RunId::new()), ..plain.clone() };
        assert_eq!(check(signed(key(1), owner.project), &other_run), mismatch);
    }
    let call = key(1).sign(owner.project, &user, &Work::Call { until: Timestamp::MAX });
    assert_eq!(check(Some(call.clone()), &plain), Err(Refusal::Grant(GrantError::Mismatch)));
    for caller in Caller::ALL {
        for purpose in PURPOSES {
            let grant = Some(key(1).sign_run(owner.project, Some(&user), run));
            let access = Access { run: Some(run), grant, ..access(owner.project, purpose) };
            let may = policy.check_open(caller, &access, &owner, now()).is_ok();
            let is_step_of_worker = caller == Caller::Worker && purpose == Purpose::Step;
            assert_eq!(may, is_step_of_worker, "{caller:?} {purpose:?}");
        }
    }
}

#[test]
fn ahead_of_time_and_while_connecting_no_grant_is_needed() {
    let policy = Policy::new(vec![key(1)]);
    let owner = credential(&EndUserId::new("user-1"));
    let uses = [
        (Caller::Api, Purpose::Connect),
        (Caller::Api, Purpose::Refresh),
        (Caller::Controller, Purpose::Refresh),
    ];
    for (caller, purpose) in uses {
        let access = access(owner.project, purpose);
        assert_eq!(policy.check_open(caller, &access, &owner, now()), Ok(()));
    }
}

#[test]
fn without_any_key_no_grant_holds() {
    let policy = Policy::new(Vec::new());
    let user = EndUserId::new("user-1");
    let owner = credential(&user);
    let run = RunId::new();
    let grant = Some(key(1).sign(owner.project, &user, &Work::Run(run)));
    let access = Access { run: Some(run), grant, ..access(owner.project, Purpose::Step) };
    assert!(policy.check_open(Caller::Worker, &access, &owner, now()).is_err());
}

#[test]
fn what_goes_into_the_audit_is_short_and_plain() {
    let plain = access(ProjectId::new(), Purpose::Step);
    let with = |step: &str, reference: &str| {
        let step = Some(StepId::new(step));
        check_texts(&Access { step, reference: Some(reference.to_owned()), ..plain.clone() })
    };
    assert_eq!(with("send", &"r".repeat(REFERENCE_BYTES_MAX)), Ok(()));
    assert_eq!(with("send", &"r".repeat(REFERENCE_BYTES_MAX + 1)), Err(Refusal::Text));
    assert_eq!(with("send", "nul \0"), Err(Refusal::Text));
    assert_eq!(with("se\nnd", "call"), Err(Refusal::Text));
    assert_eq!(with(&"s".repeat(65), "call"), Err(Refusal::Text));
}
