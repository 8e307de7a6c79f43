//! What the API shows: ids as text, times as RFC 3339, durations in milliseconds. Plain data; the
//! routes fill it.

pub(crate) mod accounts;
pub(crate) mod archive;
pub(crate) mod configuration;
pub(crate) mod integrations;
pub(crate) mod portal;
pub(crate) mod proxy_call;
pub(crate) mod queues;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod step;
pub(crate) mod why;
