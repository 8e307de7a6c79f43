//! The gateway over plans and stores in memory.

mod events;
mod rig;
mod sessions;
mod triggers;
mod webhooks;
