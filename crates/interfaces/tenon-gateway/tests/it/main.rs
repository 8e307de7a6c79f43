//! The gateway over plans and stores in memory.

mod events;
mod order;
mod rig;
mod sessions;
mod triggers;
mod webhooks;
