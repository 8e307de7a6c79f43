//! Credentials against a provider simulator, a real authorization server and an in-memory vault.

mod cache;
mod canary;
mod dead;
mod early;
mod linking;
mod oidc;
mod one_refresh;
mod processes;
mod rig;
mod sharing;
mod ugly;
mod vault_wire;
