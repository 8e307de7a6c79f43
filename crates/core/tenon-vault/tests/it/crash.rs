//! A process dies at any call to a store or the root: every secret stays readable, as it was
//! before or as it is after, and what was begun can be done again.

use std::sync::Arc;

use jiff::SignedDuration;
use tenon_contract::vault::{
    RefreshClaim, RefreshOutcome, SecretHead, SecretOwner, Subject, VaultError,
};
use tenon_domain::{ProjectId, SecretId};
use tenon_testkit::fakes::{Fault, MemoryRoot};
use tenon_vault::envelope::data_key_of;
use tenon_vault::keyring::Roots;
use tenon_vault::policy::Caller;
use tenon_vault::ports::RootKey;

use crate::fixture::{Installation, Process, fast, value};

/// What a process is doing when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Create,
    Replace,
    Finish,
    Delete,
    RotateRing,
    RotateRoot,
    Sweep,
}

const DEEDS: [Deed; 7] = [
    Deed::Create,
    Deed::Replace,
    Deed::Finish,
    Deed::Delete,
    Deed::RotateRing,
    Deed::RotateRoot,
    Deed::Sweep,
];

/// An installation with some secrets and a key without a value; `target` is what deeds are done to.
struct World {
    install: Installation,
    new_root: Arc<dyn RootKey>,
    owner: SecretOwner,
    target: SecretHead,
    fence: u64,
    bystanders: Vec<SecretHead>,
    fresh: SecretId,
}

impl World {
    async fn new() -> Self {
        let install = Installation::new();
        let process = install.process();
        let project = ProjectId::new();
        let owner = SecretOwner { project, subject: Subject::App };
        let target = process.create(&owner, "old").await;
        let mut bystanders = Vec::new();
        for _ in 0..4 {
            bystanders.push(process.create(&install.owner(project), "bystander").await);
        }
        bystanders.push(process.create(&install.owner(ProjectId::new()), "bystander").await);
        // A key without a value, as a crash leaves it, is for the sweep.
        install.faults.refuse("insert");
        let api = process.as_caller(Caller::Api);
        let lost = api.create(SecretId::new(), &owner, value("lost")).await;
        assert!(matches!(lost, Err(VaultError::Unavailable { .. })));
        install.faults.heal();
        install.clock.advance(SignedDuration::from_hours(2));
        let claim = process.as_caller(Caller::Worker);
        let ttl = std::time::Duration::from_secs(60);
        let claim = claim.claim_refresh(project, target.secret, 1, ttl).await;
        let RefreshClaim::Claimed { fence } = claim.expect("claiming works") else {
            panic!("nobody else has claimed it")
        };
        let new_root = Arc::new(MemoryRoot::new("root-2", install.faults.clone()));
        Self { install, new_root, owner, target, fence, bystanders, fresh: SecretId::new() }
    }

    /// A process that knows both roots and wraps by the new one.
    fn process(&self) -> Process {
        let roots = Roots::new(self.new_root.clone(), vec![self.install.root.clone()]);
        self.install.process_with(roots, fast())
    }

    /// Does it; whether it got to its end.
    async fn act(&self, deed: Deed) -> bool {
        let process = self.process();
        let api = process.as_caller(Caller::Api);
        let (project, secret) = (self.owner.project, self.target.secret);
        match deed {
            Deed::Create => api.create(self.fresh, &self.owner, value("new")).await.is_ok(),
            Deed::Replace => api.replace(secret, &self.owner, value("new")).await.is_ok(),
            Deed::Finish => {
                let renewed = RefreshOutcome::Renewed(value("new"));
                api.finish_refresh(project, secret, self.fence, renewed).await.is_ok()
            }
            Deed::Delete => api.delete(project, secret).await.is_ok(),
            Deed::RotateRing => process.rotation().rotate_ring(project, &mut |_| {}).await.is_ok(),
            Deed::RotateRoot => process.rotation().rotate_root(&mut |_| {}).await.is_ok(),
            Deed::Sweep => process.rotation().sweep_orphans(&mut |_| {}).await.is_ok(),
        }
    }

    async fn read(&self, process: &Process, secret: SecretId) -> Result<String, VaultError> {
        let access = crate::fixture::step(self.owner.project, &self.install.user);
        let opened = process.as_caller(Caller::Worker).open(secret, &access).await?;
        Ok(String::from_utf8(opened.value.expose().to_vec()).expect("tests write text"))
    }

    /// What has to hold after `deed` was begun, whether or not it was done.
    async fn check(&self, deed: Deed, is_done: bool, note: &str) {
        let process = self.process();
        for head in &self.bystanders {
            let read = process.open(head).await;
            assert_eq!(read.ok().as_deref(), Some("bystander"), "{note}");
        }
        let target = self.read(&process, self.target.secret).await;
        match (deed, &target) {
            (Deed::Replace | Deed::Finish, Ok(text)) => {
                assert!(text == "new" || (!is_done && text == "old"), "{note}: it is {text}");
            }
            (Deed::Delete, Err(VaultError::NotFound)) => {}
            (Deed::Delete, Ok(_) | Err(VaultError::Damaged)) => assert!(!is_done, "{note}"),
            (_, Ok(text)) => assert_eq!(text, "old", "{note}"),
            (_, Err(error)) => panic!("{note}: the target is unreadable: {error:?}"),
        }
        if deed == Deed::Create {
            match self.read(&process, self.fresh).await {
                Ok(text) => assert_eq!(text, "new", "{note}"),
                Err(VaultError::NotFound) => assert!(!is_done, "{note}"),
                Err(error) => panic!("{note}: the new secret is unreadable: {error:?}"),
            }
        }
    }

    /// After the deed was done again and the sweep came by, nothing is left over.
    async fn check_tidiness(&self, note: &str) {
        self.install.clock.advance(SignedDuration::from_hours(2));
        self.process().rotation().sweep_orphans(&mut |_| {}).await.expect("sweeping works");
        let mut secrets: Vec<SecretId> = self.bystanders.iter().map(|head| head.secret).collect();
        secrets.extend([self.target.secret, self.fresh]);
        let stored = secrets.iter().filter_map(|secret| self.install.values.raw(*secret));
        let mut needed: Vec<_> =
            stored.filter_map(|stored| data_key_of(&stored.envelope)).collect();
        needed.sort();
        let kept = self.install.keys.raw_data_keys();
        let kept: Vec<_> = kept.into_iter().map(|key| key.id).collect();
        assert_eq!(kept, needed, "{note}");
    }
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_every_secret_readable() {
    let mut crashes = 0;
    for deed in DEEDS {
        for fault in [Fault::Before, Fault::After] {
            for number in 1.. {
                let note = format!("{deed:?}, call {number}, {fault:?}");
                let world = World::new().await;
                world.install.faults.crash_at(number, fault);
                let is_done = world.act(deed).await;
                let has_crashed = world.install.faults.has_crashed();
                world.install.faults.heal();
                world.check(deed, is_done, &note).await;
                if !has_crashed {
                    assert!(is_done, "{note}: it failed by itself");
                    assert!(number > 2, "{note}: there were no calls to crash at");
                    break;
                }
                crashes += 1;
                // A new process does it again, or goes on.
                let is_done = world.act(deed).await;
                let has_been_created =
                    deed == Deed::Create && world.install.values.raw(world.fresh).is_some();
                assert!(is_done || has_been_created, "{note}: it cannot be done again");
                world.check(deed, true, &note).await;
                world.check_tidiness(&note).await;
            }
        }
    }
    assert!(crashes >= 60, "there were only {crashes} crashes");
}

/// The rotation of a ring that was cut short is finished by the next one, with one key left.
#[tokio::test]
async fn a_rotation_that_was_cut_short_is_finished() {
    for number in 1..20 {
        let world = World::new().await;
        world.install.faults.crash_at(number, Fault::After);
        world.act(Deed::RotateRing).await;
        world.install.faults.heal();
        let report = world.process().rotation().finish_rings(&mut |_| {}).await;
        let report = report.expect("finishing works");
        assert_eq!((report.left, report.damaged), (0, 0));
        let rings = world.install.keys.raw_ring_keys();
        assert_eq!(rings.len(), 2, "each of the two tenants has one key");
    }
}
