//! What execution needs from the outside, one file a port. Adapters implement these; each port
//! has one conformance suite in `tenon-testkit`, run on every adapter.

pub mod blobs;
pub mod calls;
pub mod control;
pub mod coordination;
pub mod history;
pub mod in_flight;
pub mod queue;
pub mod schedule;
pub mod script;
pub mod store;
