//! The workflow document as its users see it: texts in, workflows or diagnostics out.

mod documents;
mod examples;
mod fingerprint;
mod graph;
mod integration_documents;
mod order;
mod portal;
mod reference_page;
mod references;
mod robustness;
mod schedule;
mod schema;
mod secrets;
mod settings;
mod shape;
mod step_rules;
mod syntax;
mod triggers;
