//! The rules of [`ValueStore`] and [`KeyStore`], each a function named by its rule, run on every
//! adapter and on the fakes.
//!
//! An adapter's test says `tenon_testkit::vault_stores_suite!(harness)`. Nothing here encrypts:
//! envelopes and wrapped keys are bytes that name their data key.

pub mod audit;
pub mod keys;
pub mod refresh;
pub mod values;

use std::sync::Arc;

use jiff::Timestamp;
use tenon_contract::vault::{SecretOwner, Subject};
use tenon_domain::{CredentialId, EndUserId, ProjectId};
use tenon_vault::ports::{KeyStore, NewVersion, RingKey, ValueStore, WrappedKey};
use uuid::Uuid;

/// Two stores that a rule may use as it likes; other rules may use the same ones at the same time.
pub trait Harness: Send + Sync {
    /// The value database, as one process sees it.
    fn values(&self) -> impl Future<Output = Arc<dyn ValueStore>> + Send;

    /// The key database, as one process sees it.
    fn keys(&self) -> impl Future<Output = Arc<dyn KeyStore>> + Send;
}

/// Makes one test of each rule; `$make` is an async function that answers a [`Harness`].
#[macro_export]
macro_rules! vault_stores_suite {
    ($make:path) => {
        $crate::vault_stores_suite!(@rules $make:
            values::a_value_is_read_as_it_was_written,
            values::an_id_is_taken_once,
            values::another_project_sees_nothing,
            values::only_the_next_version_is_written,
            values::a_new_version_makes_the_state_valid,
            values::one_of_many_writers_wins,
            refresh::a_claim_holds_until_its_end,
            refresh::one_of_many_claims_wins,
            refresh::only_a_current_and_valid_version_is_claimed,
            refresh::a_higher_fence_wins,
            refresh::a_late_refresh_is_kept_where_nothing_newer_was_written,
            refresh::a_person_beats_a_refresh_in_flight,
            refresh::a_released_claim_counts_a_failure,
            refresh::a_claim_that_lapsed_counts_a_failure,
            values::a_state_is_set_where_the_version_is_current,
            refresh::a_state_is_set_by_the_claim_that_holds,
            values::a_deleted_secret_is_gone_for_good,
            values::changes_are_told_in_order,
            values::a_follower_misses_no_change,
            values::a_data_key_is_in_use_while_its_version_is_current,
            keys::a_data_key_is_read_as_it_was_written,
            keys::a_data_key_needs_its_ring_key,
            keys::shredding_takes_all_keys_of_a_secret_but_one,
            keys::keys_to_rewrap_come_in_pages,
            keys::a_key_is_rewrapped_where_it_still_is_under_the_old_one,
            keys::a_ring_is_read_highest_number_first,
            keys::a_ring_number_is_taken_once,
            keys::a_ring_key_in_use_is_not_removed,
            keys::ring_keys_are_rewrapped_where_the_root_is_still_the_old_one,
            keys::projects_with_a_ring_are_listed_once,
            keys::old_data_keys_come_in_pages,
            audit::the_audit_is_a_chain,
            audit::chains_of_tenants_are_apart,
            audit::appends_at_once_leave_one_chain,
            audit::an_audit_is_read_in_pages,
        );
    };
    (@rules $make:path: $($module:ident :: $rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::vault_stores_suite::$module::$rule(&harness).await;
            }
        )*
    };
}

/// A moment without anything below a microsecond, as databases keep it.
fn now() -> Timestamp {
    let now = Timestamp::now().as_microsecond();
    Timestamp::from_microsecond(now).expect("now is a time")
}

fn owner() -> SecretOwner {
    let user = EndUserId::new("user \"1\" ü");
    let subject = Subject::Credential { credential: CredentialId::new(), user };
    SecretOwner { project: ProjectId::new(), subject }
}

/// Bytes that are laid out like an envelope and name a data key.
fn envelope_naming(data_key: Uuid, content: &[u8]) -> Vec<u8> {
    let mut envelope = vec![1, 1];
    envelope.extend_from_slice(data_key.as_bytes());
    envelope.push(12);
    envelope.extend_from_slice(&[3; 12]);
    let length = u32::try_from(content.len() + 16).expect("the content of a test is short");
    envelope.extend_from_slice(&length.to_be_bytes());
    envelope.extend_from_slice(content);
    envelope.extend_from_slice(&[0xff; 16 + 32]);
    envelope
}

/// A version by a person, with its own data key.
fn version(number: u32) -> NewVersion {
    let envelope = envelope_naming(Uuid::now_v7(), &[0, 1, 254, 255]);
    NewVersion { envelope, version: number, expires_at: None, written_at: now(), fence: None }
}

fn refreshed(number: u32, fence: u64) -> NewVersion {
    NewVersion { fence: Some(fence), ..version(number) }
}

fn ring_key(project: ProjectId, number: u32, root: &str) -> RingKey {
    let wrapped = vec![0, 255, 7];
    let id = Uuid::now_v7();
    RingKey { id, project, number, root: root.to_owned(), wrapped, created_at: now() }
}

fn data_key(ring_key: &RingKey, secret: tenon_domain::SecretId) -> WrappedKey {
    WrappedKey {
        id: Uuid::now_v7(),
        project: ring_key.project,
        secret,
        version: 1,
        ring_key: ring_key.id,
        wrapped: vec![255, 0, 9],
    }
}

async fn put_ring_key(keys: &Arc<dyn KeyStore>, key: &RingKey) {
    assert!(keys.insert_ring_key(key).await.expect("inserting works"));
}
