//! Keys of values that processes leave for each other in a shared cache: made here, kept nowhere
//! but in this process's memory, replaced every few minutes, two generations of them.
//!
//! An entry's key is derived from the generation's key and from everything that says whose value
//! it is. Asking for one is an opening: the same policy, the same audit record first. The cache
//! itself is not known here. See ADR 0013.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, Generation, OpenedToShare, SecretHead, SecretState, SharedValue, SharingKey, Subject,
    VaultError,
};
use tenon_domain::SecretId;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{VaultService, open};
use crate::cipher::{KEY_BYTES, fill_random, hmac_sha256};
use crate::envelope::{Binding, InstallId};
use crate::policy::{Caller, Refusal, check_texts};
use crate::settings::Settings;

/// Keeps these keys apart from whatever else is derived in this way.
const LABEL: &[u8] = b"tenon shared value 1";

/// The keys of this process, and what may not be shared any more.
pub(super) struct Sharing {
    install: InstallId,
    life: SignedDuration,
    barred_max: usize,
    state: Mutex<State>,
}

struct State {
    since: Timestamp,
    current: Root,
    previous: Option<Root>,
    /// The first version of a secret that may be shared, for those that changed while a key lives
    /// under which an older one may have been shared. With when that was.
    barred: HashMap<SecretId, (u32, Timestamp)>,
}

struct Root {
    generation: Generation,
    key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Root {
    fn random() -> Self {
        let mut root =
            Self { generation: Generation([0; 16]), key: Zeroizing::new([0; KEY_BYTES]) };
        fill_random(&mut root.generation.0);
        fill_random(&mut root.key[..]);
        root
    }

    fn derive(&self, binding: &Binding<'_>) -> SharingKey {
        let bound = binding.bound(Uuid::from_bytes(self.generation.0));
        let mut message = [0; LABEL.len() + 32];
        message[..LABEL.len()].copy_from_slice(LABEL);
        message[LABEL.len()..].copy_from_slice(&bound.digest);
        let key = Zeroizing::new(hmac_sha256(&self.key[..], &message));
        SharingKey { generation: self.generation, key: SecretBytes::new(key.to_vec()) }
    }
}

impl Sharing {
    pub(super) fn new(install: InstallId, settings: &Settings, now: Timestamp) -> Self {
        let life = SignedDuration::try_from(settings.sharing_key_life);
        let state =
            State { since: now, current: Root::random(), previous: None, barred: HashMap::new() };
        Self {
            install,
            life: life.unwrap_or(SignedDuration::MAX),
            barred_max: settings.sharing_barred_max.max(1),
            state: Mutex::new(state),
        }
    }

    /// From now on versions of a secret before `first` have no key, whoever holds their entries.
    pub(super) fn bar(&self, secret: SecretId, first: u32, now: Timestamp) {
        let mut state = self.state.lock();
        self.turn(&mut state, now);
        if state.barred.len() >= self.barred_max && !state.barred.contains_key(&secret) {
            // Too many to remember: then nothing that was shared so far has a key any more.
            state.start_anew(now);
        }
        let entry = state.barred.entry(secret).or_insert((first, now));
        *entry = (entry.0.max(first), now);
    }

    /// The key for a value that was just opened; `None`: it changed meanwhile.
    fn issue(&self, head: &SecretHead, now: Timestamp) -> Option<SharingKey> {
        if head.state != SecretState::Valid || head.owner.subject == Subject::Session {
            return None;
        }
        let mut state = self.state.lock();
        self.turn(&mut state, now);
        if state.is_barred(head.secret, head.version) {
            return None;
        }
        let binding = Binding {
            install: self.install,
            owner: &head.owner,
            secret: head.secret,
            version: head.version,
        };
        Some(state.current.derive(&binding))
    }

    /// Whether there is a key for what somebody found.
    fn holds(&self, value: &SharedValue, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        self.turn(&mut state, now);
        !state.is_barred(value.secret, value.version) && state.root(value.generation).is_some()
    }

    /// The key for what somebody found.
    fn again(&self, value: &SharedValue, now: Timestamp) -> Option<SharingKey> {
        let mut state = self.state.lock();
        self.turn(&mut state, now);
        if state.is_barred(value.secret, value.version) {
            return None;
        }
        let binding = Binding {
            install: self.install,
            owner: &value.owner,
            secret: value.secret,
            version: value.version,
        };
        state.root(value.generation).map(|root| root.derive(&binding))
    }

    fn turn(&self, state: &mut State, now: Timestamp) {
        let age = now.duration_since(state.since);
        if age < self.life {
            return;
        }
        if age >= self.life.saturating_mul(2) {
            state.start_anew(now);
            return;
        }
        state.previous = Some(std::mem::replace(&mut state.current, Root::random()));
        state.since = now;
        // What was barred before the life that is now the previous one has no key anyway.
        let oldest = self.life.saturating_mul(2);
        state.barred.retain(|_, (_, since)| now.duration_since(*since) < oldest);
    }
}

impl State {
    fn start_anew(&mut self, now: Timestamp) {
        self.current = Root::random();
        self.previous = None;
        self.since = now;
        self.barred.clear();
    }

    fn is_barred(&self, secret: SecretId, version: u32) -> bool {
        self.barred.get(&secret).is_some_and(|(first, _)| version < *first)
    }

    fn root(&self, generation: Generation) -> Option<&Root> {
        let roots = [Some(&self.current), self.previous.as_ref()];
        roots.into_iter().flatten().find(|root| root.generation == generation)
    }
}

impl VaultService {
    pub(super) async fn open_to_share(
        &self,
        caller: Caller,
        secret: SecretId,
        access: &Access,
    ) -> Result<OpenedToShare, VaultError> {
        let opened = self.open(caller, secret, access).await?;
        let key = self.sharing.issue(&opened.head, self.now());
        Ok(OpenedToShare { opened, key })
    }

    /// Neither database of values is asked, nor a data key: whose value it is stands in the key.
    pub(super) async fn sharing_key(
        &self,
        caller: Caller,
        value: &SharedValue,
        access: &Access,
    ) -> Result<Option<SharingKey>, VaultError> {
        if let Err(refusal) = check_texts(access) {
            return Err(open::refused(refusal));
        }
        if value.owner.project != access.project {
            return Err(VaultError::NotFound);
        }
        if !self.sharing.holds(value, self.now()) {
            return Ok(None);
        }
        let checked = self.policy.check_open(caller, access, &value.owner, self.now());
        let record = self.record(caller, value.secret, value.version, access);
        if let Err(refusal) = checked {
            self.note_refusal(record, refusal);
            return Err(open::refused(refusal));
        }
        let written = self.journal.record(record).await;
        written.map_err(|error| VaultError::Unavailable { source: Box::new(error) })?;
        Ok(self.sharing.again(value, self.now()))
    }

    /// A head changed: what was shared of earlier versions, and of this one if it does not work
    /// any more, has no key.
    pub(super) fn stop_sharing_before(&self, head: &SecretHead) {
        let is_valid = head.state == SecretState::Valid;
        let first = if is_valid { head.version } else { head.version.saturating_add(1) };
        self.sharing.bar(head.secret, first, self.now());
    }

    pub(super) fn note_refusal(&self, mut record: crate::audit::AuditRecord, refusal: Refusal) {
        record.is_granted = false;
        record.reference = Some(refusal.to_string());
        self.journal.note(record);
    }
}
