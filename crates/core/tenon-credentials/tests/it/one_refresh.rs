//! Promise 22: an expired token is refreshed once, however many want it.
//!
//! Shown to fail without the guard: with `Inner::claim` answering `Held` also where the vault says
//! `Busy`, the tests below, `early::eight_processes_with_a_duty_renew_once` and
//! `processes::sixty_four_waiters_in_four_real_processes` fail; the latter counts four refreshes,
//! and the provider revokes the family.

use std::collections::HashSet;
use std::time::Duration;

use tenon_contract::plan::CredentialPlan;
use tenon_credentials::access::CredentialAccess;
use tenon_testkit::fakes::oauth_provider::Manners;

use crate::rig::{Rig, bearer, quick, secrets_of};

const PROCESSES: usize = 4;
const WAITERS: usize = 64;

fn short_lived() -> Manners {
    Manners {
        life: Duration::from_secs(1),
        // Long enough that everybody is there while the provider thinks.
        answers_after: Duration::from_millis(150),
        ..Manners::default()
    }
}

/// Everybody at once; the tokens that they got.
async fn all_want(
    rig: &Rig,
    processes: &[CredentialAccess],
    plan: &CredentialPlan,
) -> HashSet<String> {
    let wants = processes.iter().flat_map(|process| {
        (0..WAITERS).map(move |_| async move {
            let ready = process.ready(rig.of(plan), &rig.step()).await;
            bearer(&ready.expect("a token"))
        })
    });
    futures::future::join_all(wants).await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_waiters_in_four_processes() {
    let rig = Rig::start(short_lived()).await;
    let (plan, tokens) = rig.account().await;
    let processes: Vec<_> = (0..PROCESSES).map(|_| rig.process(quick())).collect();
    let mut last = tokens.access_token;
    for expiry in 1..=3 {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let got = all_want(&rig, &processes, &plan).await;
        assert_eq!(got.len(), 1, "everybody has the same token");
        let token = got.into_iter().next().expect("one");
        assert_ne!(token, last);
        last = token;
        let counters = rig.provider.counters();
        assert_eq!((counters.refreshes, counters.family_revocations), (expiry, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_a_401_and_the_provider_is_asked_once() {
    let rig = Rig::start(Manners { says_expires_in: false, ..short_lived() }).await;
    let tokens = rig.provider.grant();
    let plan = rig.account_with(secrets_of(&tokens)).await;
    let processes: Vec<_> = (0..PROCESSES).map(|_| rig.process(quick())).collect();
    let wants = processes.iter().flat_map(|process| {
        let (rig, plan) = (&rig, &plan);
        (0..WAITERS).map(move |waiter| async move {
            let refused = process.ready(rig.of(plan), &rig.step()).await.expect("a token");
            // Some are late with their 401: they must find what the others brought.
            tokio::time::sleep(Duration::from_millis(7 * waiter as u64)).await;
            let renewed = process.renew(rig.of(plan), &rig.step(), &refused).await;
            bearer(&renewed.expect("a new token"))
        })
    });
    let got: HashSet<String> = futures::future::join_all(wants).await.into_iter().collect();
    assert!(!got.contains(&tokens.access_token));
    // A process that starts late reads the new token and is refused nothing: at most one more.
    let counters = rig.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0), "{} tokens", got.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_does_not_lose_the_token() {
    let rig = Rig::start(short_lived()).await;
    let (plan, _) = rig.account().await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let process = rig.process(quick());
    let step = rig.step();
    let impatient = process.ready(rig.of(&plan), &step);
    let gave_up = tokio::time::timeout(Duration::from_millis(60), impatient).await;
    assert!(gave_up.is_err(), "the provider takes longer");
    process.drain().await;
    assert_eq!(rig.head(&plan).await.version, 2);
    let ready = process.ready(rig.of(&plan), &rig.step()).await.expect("a token");
    assert_eq!(ready.version(), 2);
    assert_eq!(rig.provider.counters().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_away_gets_the_token_later() {
    let rig = Rig::start(short_lived()).await;
    let (plan, _) = rig.account().await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let process = rig.process(quick());
    let (account, step) = (rig.of(&plan), rig.step());
    let renewal = process.ready(account, &step);
    let trouble = async {
        // The claim is taken and the provider thinks: now the value store cannot write.
        tokio::time::sleep(Duration::from_millis(75)).await;
        rig.faults.refuse("update");
        tokio::time::sleep(Duration::from_millis(600)).await;
        rig.faults.heal();
    };
    let (ready, ()) = tokio::join!(renewal, trouble);
    assert_eq!(ready.expect("it came in the end").version(), 2);
    let counters = rig.provider.counters();
    assert_eq!((counters.refreshes, counters.family_revocations), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_a_person_brought_meanwhile_wins() {
    let rig = Rig::start(short_lived()).await;
    let (plan, _) = rig.account().await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let process = rig.process(quick());
    let brought = Manners { life: Duration::from_secs(600), ..Manners::default() };
    let (account, step) = (rig.of(&plan), rig.step());
    let renewal = process.ready(account, &step);
    let person = async {
        tokio::time::sleep(Duration::from_millis(75)).await;
        rig.provider.change(|manners| manners.life = brought.life);
        let tokens = rig.provider.grant();
        let json = serde_json::to_vec(&secrets_of(&tokens)).expect("JSON");
        let value = tenon_contract::vault::NewValue {
            value: tenon_contract::secret::SecretBytes::new(json),
            expires_at: secrets_of(&tokens).token.and_then(|token| token.expires_at),
        };
        let owner = rig.owner(&plan);
        rig.vault().replace(plan.secret, &owner, value).await.expect("it is replaced");
        tokens
    };
    let (ready, tokens) = tokio::join!(renewal, person);
    assert_eq!(bearer(&ready.expect("a token")), tokens.access_token);
}
