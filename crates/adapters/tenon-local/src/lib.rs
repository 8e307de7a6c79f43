#![doc = include_str!("../README.md")]

mod call_pools;
mod coordination;
mod in_flight;
mod membership;
mod plan_cache;
mod queue;
mod quotas;

pub use call_pools::LocalCallPools;
pub use coordination::LocalCoordination;
pub use in_flight::InFlightFile;
pub use membership::LocalMembership;
pub use plan_cache::LocalPlanCache;
pub use queue::LocalQueue;
pub use quotas::LocalQuotas;
