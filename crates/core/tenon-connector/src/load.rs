//! From text, or a JSON value, to a checked [`Connector`], or to everything that is wrong with it.
//!
//! The shape is checked against the published schema; then come the rules that a schema cannot
//! say, one file each. It does not run anything: that a connector does what its provider expects
//! is for its fixtures to show.

pub(crate) mod access;
mod data_sources;
mod extends;
mod finder;
mod hosts;
mod limits;
mod names;
mod parts;
mod requests;
mod roots;
pub(crate) mod schemas;
mod sites;
mod webhooks;

use serde_json::Value;
use tenon_domain::document::{Document, Finding, ReadLimits, check_shape};
use tenon_domain::workflow::Diagnostic;

pub use extends::{Bases, NoBases};
pub use limits::ManifestLimits;

use crate::builtin;
use crate::connector::Connector;
use crate::manifest::Manifest;
use crate::schema;

/// Problems that are told.
const DIAGNOSTICS_MAX: usize = 100;

/// Whose manifest it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One of the repository's.
    BuiltIn,
    /// A project's own: it may not name hosts of private networks.
    Custom,
}

/// What a manifest must keep to.
#[derive(Clone)]
pub struct Rules<'a> {
    /// Whose it is.
    pub origin: Origin,
    /// Sizes and counts.
    pub limits: ManifestLimits,
    /// What `extends` may name.
    pub bases: &'a dyn Bases,
}

impl Rules<'static> {
    /// Those of the repository's connectors, with the built-in ones as bases.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            origin: Origin::BuiltIn,
            limits: ManifestLimits::default(),
            bases: &builtin::Manifests,
        }
    }
}

/// Loads a manifest. `file_name` tells YAML from JSON and is shown in diagnostics.
///
/// # Errors
/// Every problem that was found, in the order of the text. At most 100.
pub fn load(file_name: &str, text: &str, rules: &Rules<'_>) -> Result<Connector, Vec<Diagnostic>> {
    let document = Document::read(file_name, text, read_limits(&rules.limits))?;
    finish(document, rules)
}

/// Loads a manifest that arrived as a JSON value. Diagnostics carry a pointer and no line.
///
/// # Errors
/// Every problem that was found. At most 100.
pub fn load_value(manifest: &Value, rules: &Rules<'_>) -> Result<Connector, Vec<Diagnostic>> {
    let document = Document::of_value("", manifest.clone(), read_limits(&rules.limits))?;
    finish(document, rules)
}

fn read_limits(limits: &ManifestLimits) -> ReadLimits {
    ReadLimits {
        bytes_max: limits.manifest_bytes_max,
        depth_max: limits.depth_max,
        diagnostics_max: DIAGNOSTICS_MAX,
    }
}

fn finish(document: Document<'_>, rules: &Rules<'_>) -> Result<Connector, Vec<Diagnostic>> {
    let (manifest, findings) = match extends::resolve(document.value(), rules.bases) {
        Ok(value) => check(value, rules),
        Err(finding) => (None, vec![finding]),
    };
    document.finish(manifest, findings).map(Connector::of_checked)
}

/// The typed manifest if it can be had at all, and every rule it breaks. Without findings there
/// is always a manifest.
fn check(value: Value, rules: &Rules<'_>) -> (Option<Manifest>, Vec<Finding>) {
    if let Some(finding) = other_format(&value) {
        return (None, vec![finding]);
    }
    let shaped = check_shape(value, schema::manifest_schema());
    let mut findings = shaped.findings;
    if shaped.is_beyond_repair {
        return (None, findings);
    }
    match serde_json::from_value::<Manifest>(shaped.value) {
        Ok(manifest) => {
            let broken = broken_rules(&manifest, rules);
            // What was said about a value's shape is not said again in other words.
            let known: std::collections::HashSet<String> =
                findings.iter().map(|finding| finding.pointer.clone()).collect();
            findings.extend(broken.into_iter().filter(|finding| !known.contains(&finding.pointer)));
            (Some(manifest), findings)
        }
        Err(error) => {
            findings.push(Finding::new("invalid_document", "", error.to_string()));
            (None, findings)
        }
    }
}

fn broken_rules(manifest: &Manifest, rules: &Rules<'_>) -> Vec<Finding> {
    let mut finder = finder::Finder::default();
    limits::check(manifest, &rules.limits, &mut finder);
    names::check(manifest, &mut finder);
    parts::check(manifest, &mut finder);
    access::check(manifest, &mut finder);
    roots::check(manifest, &mut finder);
    hosts::check(manifest, rules.origin, &mut finder);
    requests::check(manifest, &mut finder);
    schemas::check(manifest, &mut finder);
    webhooks::check(manifest, &mut finder);
    data_sources::check(manifest, &mut finder);
    finder.findings
}

/// A manifest of another format has other rules; one message is enough.
fn other_format(value: &Value) -> Option<Finding> {
    let format = value.get("format")?.as_number()?;
    (format.as_u64() != Some(1)).then(|| {
        let message = format!("manifests of format {format} are not known here");
        Finding::new("unsupported_format", "/format", message).help("write format: 1")
    })
}
