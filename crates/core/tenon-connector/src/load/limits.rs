//! Sizes and counts.

use serde::{Deserialize, Serialize};

use super::finder::Finder;
use crate::manifest::Manifest;

/// Bounds of a manifest. The defaults are the documented ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestLimits {
    /// Size of a manifest, in bytes.
    pub manifest_bytes_max: usize,
    /// Nesting of lists and mappings in it.
    pub depth_max: usize,
    /// Auth methods of one connector.
    pub auth_methods_max: usize,
    /// Fields of one connector, or of one auth method.
    pub fields_max: usize,
    /// Actions of one connector.
    pub actions_max: usize,
    /// Webhooks of one connector.
    pub webhooks_max: usize,
    /// Data sources of one connector.
    pub data_sources_max: usize,
    /// Requests in one sequence.
    pub steps_max: usize,
    /// Base URLs, allowed hosts, quotas and error rules: each.
    pub rules_max: usize,
    /// Size of an icon, in bytes.
    pub icon_bytes_max: usize,
}

impl Default for ManifestLimits {
    fn default() -> Self {
        Self {
            manifest_bytes_max: 8 << 20,
            depth_max: 64,
            auth_methods_max: 16,
            fields_max: 64,
            actions_max: 2_000,
            webhooks_max: 32,
            data_sources_max: 64,
            steps_max: 10,
            rules_max: 64,
            icon_bytes_max: 64 << 10,
        }
    }
}

pub(super) fn check(manifest: &Manifest, limits: &ManifestLimits, finder: &mut Finder) {
    let icon = manifest.icon.as_deref();
    if let Some(Err(message)) = icon.map(|icon| crate::icon::check(icon, limits.icon_bytes_max)) {
        finder.say("invalid_icon", "/icon", message, "draw it with shapes in one <svg> element");
    }
    let mut count = |pointer: &str, noun: &str, count: usize, max: usize| {
        if count > max {
            let message = format!("{count} {noun}, at most {max} are allowed");
            finder.say("too_many", pointer, message, "split the connector");
        }
    };
    count("/auth", "auth methods", manifest.auth.len(), limits.auth_methods_max);
    count("/fields", "fields", manifest.fields.len(), limits.fields_max);
    count("/app_fields", "fields", manifest.app_fields.len(), limits.fields_max);
    count("/actions", "actions", manifest.actions.len(), limits.actions_max);
    count("/webhooks", "webhooks", manifest.webhooks.len(), limits.webhooks_max);
    let sources = manifest.data_sources.len();
    count("/data_sources", "data sources", sources, limits.data_sources_max);
    let proxy = &manifest.proxy;
    count("/proxy/base_url", "base URLs", proxy.base_url.len(), limits.rules_max);
    count("/proxy/allowed_hosts", "hosts", proxy.allowed_hosts.len(), limits.rules_max);
    count("/proxy/quotas", "quotas", proxy.quotas.len(), limits.rules_max);
    count("/proxy/errors", "rules", proxy.errors.len(), limits.rules_max);
    for (index, method) in manifest.auth.iter().enumerate() {
        let pointer = format!("/auth/{index}/fields");
        count(&pointer, "fields", method.fields.len(), limits.fields_max);
    }
    for sequence in super::parts::sequences(manifest) {
        count(&sequence.pointer, "requests", sequence.steps.len(), limits.steps_max);
    }
    for (index, action) in manifest.actions.iter().enumerate() {
        let pointer = format!("/actions/{index}/errors");
        count(&pointer, "rules", action.errors.len(), limits.rules_max);
    }
}
