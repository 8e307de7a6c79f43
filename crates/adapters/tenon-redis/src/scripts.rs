//! The Lua scripts, one file each under `scripts/`, with their contracts.
//!
//! They are called by hash and loaded again when the server has forgotten them.

use redis::Script;

/// The most jobs that one call of a script is given or answers.
pub(crate) const BATCH_MAX: usize = 500;

/// A script of a shard: the prelude, the named parts, then the script itself.
macro_rules! shard_script {
    ($($name:literal),+) => {
        Script::new(concat!(
            include_str!("../scripts/queue/prelude.lua"),
            $(include_str!(concat!("../scripts/queue/", $name, ".lua"))),+
        ))
    };
}

macro_rules! script {
    ($name:literal) => {
        Script::new(include_str!(concat!("../scripts/", $name, ".lua")))
    };
}

/// The scripts of the job queue.
pub(crate) struct QueueScripts {
    pub(crate) reset: Script,
    pub(crate) push: Script,
    pub(crate) claim: Script,
    pub(crate) beat: Script,
    pub(crate) ack: Script,
    pub(crate) nack: Script,
    pub(crate) reap: Script,
    pub(crate) remove: Script,
    pub(crate) known: Script,
    pub(crate) locate: Script,
    pub(crate) depth: Script,
    pub(crate) overview: Script,
    pub(crate) set_terms: Script,
    pub(crate) install_generation: Script,
}

impl QueueScripts {
    /// Reads and hashes the scripts.
    pub(crate) fn new() -> Self {
        Self {
            reset: script!("queue/reset"),
            push: shard_script!("turns", "lanes", "push"),
            claim: shard_script!("turns", "lanes", "claim"),
            beat: shard_script!("turns", "lanes", "beat"),
            ack: shard_script!("turns", "lanes", "held", "ack"),
            nack: shard_script!("turns", "lanes", "held", "nack"),
            reap: shard_script!("turns", "lanes", "held", "reap"),
            remove: shard_script!("turns", "lanes", "held", "remove"),
            known: shard_script!("turns", "lanes", "known"),
            locate: shard_script!("turns", "lanes", "locate"),
            depth: shard_script!("turns", "depth"),
            overview: shard_script!("turns", "overview"),
            set_terms: shard_script!("turns", "set_terms"),
            install_generation: script!("queue/install_generation"),
        }
    }
}

/// Takes from buckets of a connector.
pub(crate) fn take_quota() -> Script {
    script!("take_quota")
}

/// Says what a worker uses and wants of a pool of slots.
pub(crate) fn bid_pool() -> Script {
    script!("bid_pool")
}

/// Blocks a bucket.
pub(crate) fn block_quota() -> Script {
    script!("block_quota")
}

/// Stores a project's plan unless a newer one is there.
pub(crate) fn put_plan() -> Script {
    script!("put_plan")
}

/// Keeps a shared value unless one of a later version is there.
pub(crate) fn put_value() -> Script {
    script!("put_value")
}

/// The scripts of members, leases and the view.
pub(crate) struct MembershipScripts {
    pub(crate) beat: Script,
    pub(crate) leave: Script,
    pub(crate) members: Script,
    pub(crate) hold_lease: Script,
    pub(crate) release_lease: Script,
    pub(crate) publish_view: Script,
}

impl MembershipScripts {
    /// Reads and hashes the scripts.
    pub(crate) fn new() -> Self {
        Self {
            beat: script!("beat_member"),
            leave: script!("leave_member"),
            members: script!("members"),
            hold_lease: script!("hold_lease"),
            release_lease: script!("release_lease"),
            publish_view: script!("publish_view"),
        }
    }
}
