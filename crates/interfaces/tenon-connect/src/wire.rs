//! What the SDK reads, field by field. Names are the SDK's; a test holds each shape to a golden
//! answer. Nothing is decided here.

pub(crate) mod credential;
pub(crate) mod input;
pub(crate) mod integration;
pub(crate) mod source;
pub(crate) mod user;
