//! The Lua scripts, one file each under `scripts/`, with their contracts.
//!
//! They are called by hash and loaded again when the server has forgotten them.

use redis::Script;

/// The most jobs that one call of a script is given or answers.
pub(crate) const BATCH_MAX: usize = 500;

macro_rules! queue_script {
    ($name:literal) => {
        Script::new(concat!(
            include_str!("../scripts/prelude.lua"),
            include_str!(concat!("../scripts/", $name, ".lua"))
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
    pub(crate) init: Script,
    pub(crate) push: Script,
    pub(crate) claim: Script,
    pub(crate) beat: Script,
    pub(crate) ack: Script,
    pub(crate) nack: Script,
    pub(crate) reap: Script,
    pub(crate) remove: Script,
    pub(crate) known: Script,
    pub(crate) depth: Script,
    pub(crate) install_generation: Script,
    pub(crate) register: Script,
    pub(crate) unregister: Script,
    pub(crate) active: Script,
}

impl QueueScripts {
    /// Reads and hashes the scripts.
    pub(crate) fn new() -> Self {
        Self {
            init: script!("init"),
            push: queue_script!("push"),
            claim: queue_script!("claim"),
            beat: queue_script!("beat"),
            ack: queue_script!("ack"),
            nack: queue_script!("nack"),
            reap: queue_script!("reap"),
            remove: queue_script!("remove"),
            known: queue_script!("known"),
            depth: queue_script!("depth"),
            install_generation: script!("install_generation"),
            register: script!("register"),
            unregister: script!("unregister"),
            active: script!("active"),
        }
    }
}

/// Takes from buckets of a connector.
pub(crate) fn take_quota() -> Script {
    script!("take_quota")
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
