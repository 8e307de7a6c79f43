//! What execution needs from the outside, one file a port. Adapters implement these; each port
//! has one conformance suite in `tenon-testkit`, run on every adapter.

pub mod archive;
pub mod blobs;
pub mod call_pools;
pub mod calls;
pub mod control;
pub mod coordination;
pub mod history;
pub mod in_flight;
pub mod incarnation;
pub mod membership;
pub mod operations;
pub mod queue;
pub mod routing;
pub mod schedule;
pub mod script;
pub mod store;
