//! No record, no plaintext; and no row of the audit can be changed or left out unnoticed.

use std::sync::Arc;

use proptest::prelude::*;
use tenon_contract::vault::{Access, Purpose, VaultError};
use tenon_domain::{ProjectId, RunId, SecretId, StepId};
use tenon_vault::audit::{
    AuditLink, AuditRecord, ChainFault, ChainHead, ChainVerifier, verify_chain,
};
use tenon_vault::keyring::Roots;
use tenon_vault::policy::Caller;
use tenon_vault::settings::Settings;

use crate::fixture::{Installation, fast, step};

#[tokio::test]
async fn every_opening_is_recorded_with_who_what_and_for_which_work() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "token").await;
    let access =
        Access { reference: Some("call 7".to_owned()), ..step(head.owner.project, &install.user) };
    process.as_caller(Caller::Worker).open(head.secret, &access).await.expect("opening works");
    let audit = install.audit(head.owner.project).await;
    let [(record, _)] = &audit[..] else { panic!("there are {} records", audit.len()) };
    let expected = AuditRecord {
        project: head.owner.project,
        at: record.at,
        caller: "worker".to_owned(),
        secret: head.secret,
        version: 1,
        purpose: Purpose::Step,
        run: access.run,
        step: Some(StepId::new("send")),
        reference: Some("call 7".to_owned()),
        is_granted: true,
    };
    assert_eq!(*record, expected);
    assert!(verify_chain(&audit).is_ok());
}

#[tokio::test]
async fn without_the_audit_nothing_is_opened() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "token").await;
    install.faults.refuse("append_audit");
    for _ in 0..3 {
        assert!(matches!(process.open(&head).await, Err(VaultError::Unavailable { .. })));
    }
    install.faults.heal();
    assert!(install.audit(head.owner.project).await.is_empty());
    assert_eq!(process.open(&head).await.expect("it is back"), "token");
}

#[tokio::test(start_paused = true)]
async fn an_audit_that_nobody_writes_opens_nothing() {
    let install = Installation::new();
    let head = install.process().create(&install.owner(ProjectId::new()), "token").await;
    let (service, background) =
        tenon_vault::service::VaultService::new(tenon_vault::service::Parts {
            install: install.id,
            values: install.values.clone(),
            keys: install.keys.clone(),
            roots: Roots::new(install.root.clone(), Vec::new()),
            policy: tenon_vault::policy::Policy::new(vec![crate::fixture::grant_key()]),
            clock: install.clock.clone(),
            settings: Settings { audit_waiting_max: 2, ..fast() },
        });
    let worker = service.for_caller(Caller::Worker);
    let access = step(head.owner.project, &install.user);
    for _ in 0..3 {
        let opened = worker.open(head.secret, &access).await;
        assert!(matches!(opened, Err(VaultError::Unavailable { .. })));
    }
    tokio::spawn(background.run());
    // The two that still waited are written now; nobody opens for them.
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    worker.open(head.secret, &access).await.expect("it is written again");
}

#[tokio::test]
async fn what_is_refused_is_recorded_too() {
    let install = Installation::new();
    let process = install.process();
    let head = process.create(&install.owner(ProjectId::new()), "token").await;
    let access = Access { grant: None, ..step(head.owner.project, &install.user) };
    let refused = process.as_caller(Caller::Worker).open(head.secret, &access).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
    let refused = process.as_caller(Caller::Gateway).open(head.secret, &access).await;
    assert!(matches!(refused, Err(VaultError::Refused { .. })));
    // Records are written in order: when this one is there, so are the others.
    process.open(&head).await.expect("opening works");
    let audit = install.audit(head.owner.project).await;
    let seen: Vec<_> = audit
        .iter()
        .map(|(record, _)| (record.caller.as_str(), record.is_granted, record.reference.as_deref()))
        .collect();
    let expected = [
        ("worker", false, Some("a grant is needed for this value")),
        ("gateway", false, Some("the role `gateway` opens nothing for this purpose")),
        ("worker", true, None),
    ];
    assert_eq!(seen, expected);
    assert!(verify_chain(&audit).is_ok());
}

#[tokio::test]
async fn openings_at_once_share_an_append() {
    let install = Installation::new();
    let process = Arc::new(install.process());
    let head = process.create(&install.owner(ProjectId::new()), "token").await;
    process.open(&head).await.expect("opening works");
    install.faults.heal();
    let opens = (0..200).map(|_| {
        let (process, head) = (process.clone(), head.clone());
        tokio::spawn(async move { process.open(&head).await })
    });
    for open in opens.collect::<Vec<_>>() {
        open.await.expect("it does not panic").expect("opening works");
    }
    let appends = install.faults.calls().into_iter().filter(|call| *call == "append_audit").count();
    assert!(appends <= 50, "200 openings took {appends} appends");
    let audit = install.audit(head.owner.project).await;
    assert_eq!(audit.len(), 201);
    assert!(verify_chain(&audit).is_ok());
}

fn record(project: ProjectId, number: u32) -> AuditRecord {
    AuditRecord {
        project,
        at: "2027-01-15T08:00:00.000001Z".parse().expect("it is a time"),
        caller: "worker".to_owned(),
        secret: SecretId::new(),
        version: number,
        purpose: Purpose::Step,
        run: Some(RunId::new()),
        step: Some(StepId::new("send")),
        reference: None,
        is_granted: true,
    }
}

fn chain(project: ProjectId, length: u32) -> Vec<(AuditRecord, AuditLink)> {
    let mut chain = Vec::new();
    let mut previous = [0; 32];
    for number in 1..=length {
        let record = record(project, number);
        let link = record.link(i64::from(number), &previous);
        previous = link.hash;
        chain.push((record, link));
    }
    chain
}

/// Links that follow each other, over records that are as they are: what somebody with the right
/// to write could make of the end of a chain.
fn relink(records: &mut [(AuditRecord, AuditLink)], from: usize) {
    for index in from..records.len() {
        let before = index.checked_sub(1).map(|before| records[before].1.clone());
        let (number, previous) = before.map_or((1, [0; 32]), |link| (link.number + 1, link.hash));
        records[index].1 = records[index].0.link(number, &previous);
    }
}

#[test]
fn every_field_of_a_record_is_in_its_hash() {
    let base = record(ProjectId::new(), 1);
    let hash = base.link(1, &[0; 32]).hash;
    let changes: [fn(&mut AuditRecord); 12] = [
        |it| it.project = ProjectId::new(),
        |it| it.at += jiff::SignedDuration::from_micros(1),
        |it| it.caller.push('x'),
        |it| it.secret = SecretId::new(),
        |it| it.version += 1,
        |it| it.purpose = Purpose::Proxy,
        |it| it.run = None,
        |it| it.run = Some(RunId::new()),
        |it| it.step = None,
        |it| it.reference = Some(String::new()),
        |it| it.is_granted = false,
        // A field that moves into its neighbour.
        |it| it.reference = it.step.take().map(|step| step.to_string()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = base.clone();
        change(&mut changed);
        assert_ne!(changed.link(1, &[0; 32]).hash, hash, "change {index} is not seen");
    }
    assert_ne!(base.link(2, &[0; 32]).hash, hash);
    assert_ne!(base.link(1, &[1; 32]).hash, hash);
    let nanoseconds =
        AuditRecord { at: base.at + jiff::SignedDuration::from_nanos(999), ..base.clone() };
    assert_eq!(nanoseconds.link(1, &[0; 32]).hash, hash, "databases keep microseconds");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_change_of_a_chain_is_found(
        length in 2_u32..30,
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        kind in 0..7_u8,
        is_relinked in any::<bool>(),
    ) {
        let project = ProjectId::new();
        let whole = chain(project, length);
        let end = whole.last().map(|(_, link)| ChainHead { number: link.number, hash: link.hash });
        let end = end.expect("it is not empty");
        prop_assert_eq!(verify_chain(&whole), Ok(end));
        let (at, other) = (at.index(whole.len()), other.index(whole.len()));
        let mut changed = whole.clone();
        match kind {
            0 => changed[at].0.is_granted = false,
            1 => { changed.remove(at); }
            2 => changed.insert(at, (record(project, 99), whole[at].1.clone())),
            3 if at != other => changed.swap(at, other),
            4 => changed[at].1.hash[0] ^= 1,
            5 => changed[at].1.number += 1,
            _ => changed[at].1.previous[31] ^= 1,
        }
        if is_relinked {
            relink(&mut changed, 0);
        }
        prop_assume!(changed != whole);
        // Who kept the head finds even a chain that was hashed anew or cut at its end.
        let mut verifier = ChainVerifier::new(project, ChainHead::default()).expecting(end);
        let pushed = changed.iter().try_for_each(|(record, link)| verifier.push(record, link));
        let found = pushed.and_then(|()| verifier.finish());
        prop_assert!(found.is_err() || changed.starts_with(&whole), "it was not found: {found:?}");
        // Without it, everything but that.
        let is_cut_at_the_end = whole.starts_with(&changed);
        if !is_relinked && !is_cut_at_the_end {
            prop_assert!(verify_chain(&changed).is_err());
        }
    }
}

#[test]
fn a_chain_is_checked_on_from_where_it_was_left() {
    let project = ProjectId::new();
    let whole = chain(project, 10);
    let head = verify_chain(&whole[..6]).expect("it is whole");
    let mut verifier = ChainVerifier::new(project, head);
    for (record, link) in &whole[6..] {
        verifier.push(record, link).expect("it follows");
    }
    assert_eq!(verifier.finish().map(|head| head.number), Ok(10));
    let mut verifier = ChainVerifier::new(project, head);
    let (record, link) = &whole[7];
    let skipped = verifier.push(record, link);
    assert_eq!(skipped, Err(ChainFault::Number { expected: 7, found: 8 }));
    let foreign = chain(ProjectId::new(), 1);
    let mut verifier = ChainVerifier::new(project, ChainHead::default());
    let pushed = verifier.push(&foreign[0].0, &foreign[0].1);
    assert_eq!(pushed, Err(ChainFault::Project { number: 1 }));
}
