//! The buckets that a call draws from. It counts nothing: the counters are behind
//! [`tenon_contract::quota::Quotas`].

use std::time::Duration;

use http::Method;
use tenon_contract::quota::{Bucket, bucket_key};
use tenon_domain::{CredentialId, IntegrationId, ProjectId};

use crate::connector::Connector;
use crate::manifest::proxy::{Quota, QuotaScope};
use crate::request;

/// Whose call it is.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The project.
    pub project: ProjectId,
    /// The integration, whose app may be limited.
    pub integration: IntegrationId,
    /// The account.
    pub credential: CredentialId,
}

/// What the bucket of blocks is called among those of its scope.
const BLOCKS: &str = "all";

/// The buckets of a call to `path` (without the query) of the connector's API: first the one that
/// only holds blocks, then those of the quotas that count this call.
#[must_use]
pub fn buckets(connector: &Connector, caller: &Caller, method: &Method, path: &str) -> Vec<Bucket> {
    let rules = &connector.manifest().proxy;
    let mut buckets = Vec::with_capacity(rules.quotas.len() + 1);
    buckets.push(Bucket {
        key: block_key(connector, caller),
        limit: None,
        window: Duration::ZERO,
        cost: 1,
    });
    for (index, quota) in rules.quotas.iter().enumerate() {
        if !counts(quota, method, path) {
            continue;
        }
        buckets.push(Bucket {
            // The place in the manifest, so that two quotas of one scope do not share a count;
            // the window, so that a changed manifest starts anew.
            key: key(connector, caller, quota.scope, &format!("{index}-{}", quota.window_seconds)),
            limit: Some(quota.limit),
            window: Duration::from_secs(quota.window_seconds.into()),
            cost: 1,
        });
    }
    buckets
}

/// The bucket that a provider's own refusal blocks.
#[must_use]
pub fn block_key(connector: &Connector, caller: &Caller) -> String {
    key(connector, caller, connector.manifest().proxy.rate_limit.scope, BLOCKS)
}

fn key(connector: &Connector, caller: &Caller, scope: QuotaScope, class: &str) -> String {
    let (name, owner) = match scope {
        QuotaScope::Credential => ("credential", caller.credential.to_string()),
        QuotaScope::App => ("app", caller.integration.to_string()),
    };
    bucket_key(caller.project, connector.name(), &format!("{name}-{class}"), &owner)
}

fn counts(quota: &Quota, method: &Method, path: &str) -> bool {
    let has_method =
        quota.methods.is_empty() || quota.methods.iter().any(|it| request::method(*it) == *method);
    has_method && quota.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
}

#[cfg(test)]
mod tests;
