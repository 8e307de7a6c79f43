//! Rules of the audit in the key store.

use std::sync::Arc;

use jiff::SignedDuration;
use tenon_contract::vault::Purpose;
use tenon_domain::{ProjectId, RunId, SecretId, StepId};
use tenon_vault::audit::{AuditLink, AuditRecord, ChainHead, verify_chain};
use tenon_vault::ports::KeyStore;

use super::{Harness, now};

/// Every field survives, so that the hashes are still right when it is read back.
pub async fn the_audit_is_a_chain(harness: &impl Harness) {
    let keys = harness.keys().await;
    let project = ProjectId::new();
    assert_eq!(read(&keys, project).await, []);
    let records = [
        record(project, Purpose::Step),
        AuditRecord { run: None, step: None, reference: None, ..record(project, Purpose::Proxy) },
        AuditRecord {
            reference: Some("the grant has ended: \"ü\"".to_owned()),
            is_granted: false,
            ..record(project, Purpose::Refresh)
        },
        record(project, Purpose::Connect),
        AuditRecord { version: u32::MAX >> 1, ..record(project, Purpose::Webhook) },
    ];
    keys.append_audit(&records[..2]).await.expect("appending works");
    keys.append_audit(&[]).await.expect("appending nothing works");
    keys.append_audit(&records[2..]).await.expect("appending works");
    let chain = read(&keys, project).await;
    let read: Vec<_> = chain.iter().map(|(record, _)| record.clone()).collect();
    assert_eq!(read, records);
    let numbers: Vec<_> = chain.iter().map(|(_, link)| link.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let last = chain.last().map(|(_, link)| ChainHead { number: 5, hash: link.hash });
    assert_eq!(verify_chain(&chain).ok(), last);
}

/// One append may hold records of several.
pub async fn chains_of_tenants_are_apart(harness: &impl Harness) {
    let keys = harness.keys().await;
    let (one, two) = (ProjectId::new(), ProjectId::new());
    let mixed = [one, two, one, two, two].map(|project| record(project, Purpose::Step));
    keys.append_audit(&mixed).await.expect("appending works");
    keys.append_audit(&mixed).await.expect("appending works");
    for (project, expected) in [(one, 4), (two, 6)] {
        let chain = read(&keys, project).await;
        assert_eq!(chain.len(), expected);
        assert!(chain.iter().all(|(record, _)| record.project == project));
        assert_eq!(verify_chain(&chain).map(|head| head.number), Ok(expected as i64));
        let order: Vec<_> = chain.iter().map(|(record, _)| record.clone()).collect();
        let own = mixed.iter().filter(|record| record.project == project).cloned();
        let own: Vec<_> = own.collect();
        assert_eq!(order, [own.clone(), own].concat());
    }
}

/// No gap, no fork, nothing lost, and no two of them wait for each other for ever.
pub async fn appends_at_once_leave_one_chain(harness: &impl Harness) {
    let keys = harness.keys().await;
    let projects = [ProjectId::new(), ProjectId::new()];
    let appends: Vec<_> = (0..12)
        .map(|turn| {
            let keys = keys.clone();
            // Half of them name the tenants the other way round.
            let order = if turn % 2 == 0 { [0, 1, 0] } else { [1, 0, 1] };
            let records = order.map(|index| record(projects[index], Purpose::Proxy));
            tokio::spawn(async move { keys.append_audit(&records).await })
        })
        .collect();
    for append in appends {
        append.await.expect("it does not panic").expect("appending works");
    }
    for project in projects {
        let chain = read(&keys, project).await;
        assert_eq!(verify_chain(&chain).map(|head| head.number), Ok(18));
    }
}

/// In order, behind a number.
pub async fn an_audit_is_read_in_pages(harness: &impl Harness) {
    let keys = harness.keys().await;
    let project = ProjectId::new();
    let records: Vec<_> = (0..5).map(|_| record(project, Purpose::Step)).collect();
    keys.append_audit(&records).await.expect("appending works");
    let page = keys.audit(project, 1, 3).await.expect("reading works");
    let numbers: Vec<_> = page.iter().map(|(_, link)| link.number).collect();
    assert_eq!(numbers, [2, 3, 4]);
    assert_eq!(keys.audit(project, 5, 3).await.expect("reading works"), []);
}

fn record(project: ProjectId, purpose: Purpose) -> AuditRecord {
    AuditRecord {
        project,
        at: now() - SignedDuration::from_micros(1),
        caller: "worker".to_owned(),
        secret: SecretId::new(),
        version: 3,
        purpose,
        run: Some(RunId::new()),
        step: Some(StepId::new("send")),
        reference: Some("call 7".to_owned()),
        is_granted: true,
    }
}

async fn read(keys: &Arc<dyn KeyStore>, project: ProjectId) -> Vec<(AuditRecord, AuditLink)> {
    keys.audit(project, 0, 1_000).await.expect("reading works")
}
