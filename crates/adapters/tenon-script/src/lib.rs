#![doc = include_str!("../README.md")]

mod engine;
pub mod metrics;
mod pool;
mod runner;
mod settings;
mod wire;

pub use pool::ScriptPool;
pub use runner::runner_main;
pub use settings::{RunnerCommand, Settings};

/// Parts the benchmark measures alone. Not an interface: it changes without notice.
#[doc(hidden)]
pub mod bench {
    pub use crate::engine::{Engine, Limits, Program, Vm};
}
