//! The workflow document: what a builder writes, and the checked graph that execution reads.

pub mod document;
pub mod steps;

pub use document::{Settings, Step, StepKind, Trigger, Workflow};
