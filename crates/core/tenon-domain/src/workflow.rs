//! The workflow document: what a builder writes, and the checked graph that execution reads.
//!
//! [`load`] is the only way from text to a [`Workflow`]: it reads YAML or JSON, checks the shape
//! against [`json_schema`], then every rule of the language, and reports all problems at once.
//! Running a workflow is not done here.

pub(crate) mod diagnostic;
pub mod document;
mod fingerprint;
pub mod graph;
mod load;
pub mod order;
mod references;
pub mod schedule;
mod schema;
pub(crate) mod shape;
pub mod steps;
pub(crate) mod suggest;
mod surroundings;
pub(crate) mod text;
mod validate;

pub use diagnostic::Diagnostic;
pub use document::{Settings, Step, StepKind, Trigger, Workflow};
pub use fingerprint::{Fingerprint, canonical_json, fingerprint};
pub use graph::Graph;
pub use load::{load, load_value};
pub use order::{Priority, RunOrder};
pub use references::{SECRETS_ROOT, secret_key};
pub use schedule::{CronSchedule, ScheduleError};
pub use schema::json_schema;
pub(crate) use schema::schema_of;
pub use surroundings::{Surroundings, check_surroundings};
pub(crate) use validate::connector_name_problem;
