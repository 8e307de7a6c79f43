//! Every key and channel, made here and nowhere else.
//!
//! | Key | Owner | Type | TTL |
//! |---|---|---|---|
//! | `{q<shard>}:meta` | queue | hash: `generation`, `counter` of the last fence, `turn` (the virtual time), what was forgotten when; `r<queue>` jobs that run, `l<queue>` jobs with a lane, `g<queue>` until when a repaired queue waits for its workers | none |
//! | `{q<shard>}:running` | queue | zset of ids by lease deadline ms | none |
//! | `{q<shard>}:owners` | queue | hash of id to fence, flags and queue | none |
//! | `{q<shard>}:turns` | queue | zset of queues that have jobs to hand out, by virtual time | none |
//! | `{q<shard>}:left` | queue | zset of queues that left `turns` ahead of the others, by virtual time | none; until the others catch up |
//! | `{q<shard>}:paced` | queue | zset of queues that may not start anything before a ms | none |
//! | `{q<shard>}:due` | queue | zset of queues by the due ms of their first delayed job | none |
//! | `{q<shard>}:queues` | queue | zset of the queues that hold anything | none; empty ones are taken out |
//! | `{q<shard>}:terms` | queue | hash of queue to its terms, where they are not the usual ones | none |
//! | `{q<shard>}:k:<queue>` | queue | set of the ids in all places: known | none |
//! | `{q<shard>}:r:<queue>`, `:h:`, `:l:` | queue | list of entries: ready, oldest first; of normal, high and low priority | none |
//! | `{q<shard>}:d:<queue>` | queue | zset of entries by due ms: delayed | none |
//! | `{q<shard>}:o:<queue>` | queue | hash: jobs with a lane, and which of each lane are out | none |
//! | `{q<shard>}:w:<queue>` | queue | zset of lane and id: held | none |
//! | `{q<shard>}:x:<queue>` | queue | list of entries: ready, but waiting for leases whose lane is not known | none |
//! | `{q<shard>}:b:<queue>` | queue | zset of ids whose lane is not known, by the ms until which they count | a minute after the last counts |
//! | `{q<shard>}:t:<queue>` | queue | string: starts saved up, and when | until all are saved up again |
//! | `{reg}:gen` | queue | string: the generation of the whole service, and the number of shards | none |
//! | `{reg}:nudge` | queue | channel: a source has work again; the sender's 16 bytes, `s<shard>` or `d<queue>` | – |
//! | `{reg}:incarnation` | queue | string: the run ids of the servers when they were last looked at | none |
//! | `{reg}:members` | membership | zset of member ids by the ms until which their last beat holds | none; lapsed ones are taken out |
//! | `{reg}:member` | membership | hash of member id to JSON | none; with its entry above |
//! | `{reg}:lease:<name>` | membership | string: the id of who holds it | the lease's |
//! | `{reg}:view` | membership | hash: `term`, `number`, `view` as JSON | none |
//! | `reply:<address>` | coordination | channel: run id (16 bytes) and answer | – |
//! | `{reg}:announce` | coordination | channel: the sender's 16 bytes and the topic | – |
//! | `plan:{<project>}` | plan cache | hash: `revision`, `plan` as sealed JSON | none |
//! | `user:{<project>:<hash of the user>}` | plan cache | hash: `revision`, `plan` as sealed JSON | none |
//! | `installations:{<project>:<workflow>}` | plan cache | hash: `revision`, `plan` as sealed JSON | none |
//! | `version:{<version>}` | plan cache | string: sealed JSON | 30 days after the last use |
//! | `{reg}:projects` | plan cache | set of project ids (16 bytes) | none |
//! | `quota:{<project>:<connector>}:<bucket>:<window ms>` | quotas | hash: number of the tenth to calls | the window and two tenths |
//! | `quota:{<project>:<connector>}:<bucket>:b` | quotas | string: blocked until, ms | until then, at most a day |
//! | `pool:{<project>:<integration>}` | call pools | hash of worker (16 bytes) to the slots it holds and wants | two leases |
//! | `{reg}:filled` | plan cache | string: a sealed mark once everything was put | none |
//! | `value:{<secret>}` | shared values | hash: `version`, `value` sealed twice | minutes |
//!
//! What stands in braces decides the cluster slot: all keys of one shard share one, and all buckets
//! of one project and connector. A script of a shard is given only the braces, and makes the keys of
//! its queues itself: they share the slot, and which queues it serves is found in the script.

use sha2::{Digest as _, Sha256};
use tenon_domain::{EndUserId, ProjectId, SecretId, VersionId, WorkflowId};
use tenon_exec::ports::call_pools::Pool;
use tenon_exec::ports::coordination::ReplyAddress;
use tenon_exec::ports::queue::Shard;

/// The generation of the service.
pub(crate) const GENERATION: &str = "{reg}:gen";
/// The servers that answered when they were last looked at.
pub(crate) const INCARNATION: &str = "{reg}:incarnation";
/// The channel of pushes.
pub(crate) const NUDGE: &str = "{reg}:nudge";
/// The channel of announcements.
pub(crate) const ANNOUNCE: &str = "{reg}:announce";
/// The projects whose plans were put.
pub(crate) const PROJECTS: &str = "{reg}:projects";
/// The mark that the plan cache was filled.
pub(crate) const FILLED: &str = "{reg}:filled";

/// The members, by the time their beats lapse.
pub(crate) const MEMBERS: &str = "{reg}:members";
/// What the members say of themselves.
pub(crate) const MEMBER: &str = "{reg}:member";
/// What the leader published.
pub(crate) const VIEW: &str = "{reg}:view";

/// How long an unused workflow version stays, in seconds.
pub(crate) const VERSION_TTL_SECONDS: u64 = 30 * 86_400;

/// What stands in the braces of all keys of a shard.
pub(crate) fn shard(shard: Shard) -> String {
    format!("{{q{}}}", shard.0)
}

/// A lease.
pub(crate) fn lease(name: &str) -> String {
    format!("{{reg}}:lease:{name}")
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

/// The calls of a project to a connector.
pub(crate) fn pool(pool: &Pool) -> String {
    format!("pool:{{{}:{}}}", pool.project, pool.integration)
}

/// A workflow version.
pub(crate) fn version(version: VersionId) -> String {
    format!("version:{{{version}}}")
}

/// A value that processes share.
pub(crate) fn value(secret: SecretId) -> String {
    format!("value:{{{secret}}}")
}
