//! Every key and channel, made here and nowhere else.
//!
//! | Key | Owner | Type | TTL |
//! |---|---|---|---|
//! | `{q:<queue>}:r` | queue | list of entries: ready, oldest first | none |
//! | `{q:<queue>}:d` | queue | zset of entries by due ms: delayed | none |
//! | `{q:<queue>}:run` | queue | zset of ids by lease deadline ms: running | none |
//! | `{q:<queue>}:own` | queue | hash of id to fence and flags | none |
//! | `{q:<queue>}:known` | queue | set of the ids in the three places | none |
//! | `{q:<queue>}:meta` | queue | hash: `generation`, `counter` of the last fence | none |
//! | `{reg}:gen` | queue | string: the generation of the whole service | none |
//! | `{reg}:active` | queue | zset of queue names by the ms of the last push | none; emptied queues are taken out |
//! | `{reg}:nudge` | queue | channel: something was pushed; the sender's 16 bytes | – |
//! | `reply:<address>` | coordination | channel: run id (16 bytes) and answer | – |
//! | `{reg}:announce` | coordination | channel: the sender's 16 bytes and the topic | – |
//! | `plan:{<project>}` | plan cache | hash: `revision`, `plan` as sealed JSON | none |
//! | `user:{<project>:<hash of the user>}` | plan cache | hash: `revision`, `plan` as sealed JSON | none |
//! | `installations:{<project>:<workflow>}` | plan cache | hash: `revision`, `plan` as sealed JSON | none |
//! | `version:{<version>}` | plan cache | string: sealed JSON | 30 days after the last use |
//! | `{reg}:projects` | plan cache | set of project ids (16 bytes) | none |
//! | `quota:{<project>:<connector>}:<bucket>:<window ms>` | quotas | hash: number of the tenth to calls | the window and two tenths |
//! | `quota:{<project>:<connector>}:<bucket>:b` | quotas | string: blocked until, ms | until then, at most a day |
//! | `{reg}:filled` | plan cache | string: a sealed mark once everything was put | none |
//! | `value:{<secret>}` | shared values | hash: `version`, `value` sealed twice | minutes |
//!
//! What stands in braces decides the cluster slot: all keys of one queue share one, and all buckets
//! of one project and connector.

use sha2::{Digest as _, Sha256};
use tenon_domain::{EndUserId, ProjectId, QueueName, SecretId, VersionId, WorkflowId};
use tenon_exec::ports::coordination::ReplyAddress;

/// The generation of the service.
pub(crate) const GENERATION: &str = "{reg}:gen";
/// The active queues.
pub(crate) const ACTIVE: &str = "{reg}:active";
/// The channel of pushes.
pub(crate) const NUDGE: &str = "{reg}:nudge";
/// The channel of announcements.
pub(crate) const ANNOUNCE: &str = "{reg}:announce";
/// The projects whose plans were put.
pub(crate) const PROJECTS: &str = "{reg}:projects";
/// The mark that the plan cache was filled.
pub(crate) const FILLED: &str = "{reg}:filled";

/// How long an unused workflow version stays, in seconds.
pub(crate) const VERSION_TTL_SECONDS: u64 = 30 * 86_400;

/// The keys of a queue, in the order its scripts expect.
pub(crate) fn queue(queue: &QueueName) -> [String; 6] {
    ["r", "d", "run", "own", "known", "meta"].map(|part| format!("{{q:{queue}}}:{part}"))
}

/// The channel of answers to one process.
pub(crate) fn reply(address: &ReplyAddress) -> String {
    format!("reply:{}", address.0)
}

/// The plan of a project.
pub(crate) fn plan(project: ProjectId) -> String {
    format!("plan:{{{project}}}")
}

/// The plan of a connected user. A user's id may be any text, so its digest stands in the key.
pub(crate) fn user_plan(project: ProjectId, user: &EndUserId) -> String {
    let digest = Sha256::digest(user.as_str());
    let hash: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("user:{{{project}:{hash}}}")
}

/// Who a workflow runs for by the clock.
pub(crate) fn installations(project: ProjectId, workflow: WorkflowId) -> String {
    format!("installations:{{{project}:{workflow}}}")
}

/// The counter of a bucket in windows of a length.
pub(crate) fn quota_counter(bucket: &str, window_ms: u128) -> String {
    format!("{}:{window_ms}", quota(bucket))
}

/// The block of a bucket.
pub(crate) fn quota_block(bucket: &str) -> String {
    format!("{}:b", quota(bucket))
}

/// Project and connector, the first two parts of a bucket's key, go into the braces.
fn quota(bucket: &str) -> String {
    let end = bucket.match_indices(':').nth(1).map_or(bucket.len(), |(at, _)| at);
    let (shared, own) = bucket.split_at(end);
    format!("quota:{{{shared}}}{own}")
}

/// A workflow version.
pub(crate) fn version(version: VersionId) -> String {
    format!("version:{{{version}}}")
}

/// A value that processes share.
pub(crate) fn value(secret: SecretId) -> String {
    format!("value:{{{secret}}}")
}
