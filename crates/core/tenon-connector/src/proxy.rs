//! Where calls may go: the base URL of an account, the hosts beside it, and how a caller's path
//! becomes a URL. It checks names only; the way out checks the addresses behind them.

use smallvec::SmallVec;
use url::{Host, Url};

use crate::connector::Connector;
use crate::context::Context;
use crate::manifest::proxy::ProxyRules;
use crate::request::BuildError;
use crate::request::template::{eval_text, failed};
use crate::request::url as request_url;

/// The longest URL of a base or a caller, in bytes.
const URL_BYTES_MAX: usize = 16 << 10;

/// The base URL of the account: the first whose condition holds.
///
/// # Errors
/// When none holds, or a field that it needs is missing or does not fit.
pub fn base_url(connector: &Connector, ctx: &Context<'_>) -> Result<Url, BuildError> {
    let rules = &connector.manifest().proxy;
    for choice in &rules.base_url {
        let holds = match &choice.when {
            Some(condition) => {
                condition.eval(ctx).map_err(|error| failed(&error, "the base URL's condition"))?
            }
            None => true,
        };
        if holds {
            let url = request_url::build(&choice.url, None, ctx, "the base URL", URL_BYTES_MAX)?;
            check_scheme(rules, &url)?;
            return Ok(url);
        }
    }
    Err(BuildError::new("request_url", "no base URL of the connector fits this account"))
}

fn check_scheme(rules: &ProxyRules, url: &Url) -> Result<(), BuildError> {
    if url.scheme() == "https" || rules.allow_http {
        return Ok(());
    }
    Err(BuildError::new("request_url", "the base URL must be https"))
}

/// Hosts that calls of one account may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts {
    rules: SmallVec<[HostRule; 2]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    /// The scheme, host and port of a base URL.
    Origin(url::Origin),
    /// A host by https on its usual port.
    Name(String),
    /// Any subdomain of this, with its leading dot, by https on the usual port.
    Below(String),
}

impl AllowedHosts {
    /// Whether a call may go there.
    #[must_use]
    pub fn contains(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        let is_plain = url.scheme() == "https" && url.port().is_none();
        let domain = match url.host() {
            Some(Host::Domain(name)) => Some(name.strip_suffix('.').unwrap_or(name)),
            _ => None,
        };
        self.rules.iter().any(|rule| match rule {
            HostRule::Origin(origin) => url.origin() == *origin,
            HostRule::Name(name) => is_plain && url.host_str() == Some(name),
            HostRule::Below(suffix) => {
                is_plain && domain.is_some_and(|it| it.len() > suffix.len() && it.ends_with(suffix))
            }
        })
    }

    fn add_name(&mut self, text: &str) -> Result<(), BuildError> {
        let invalid = || BuildError::new("request_url", "an allowed host is no host name");
        let (name, is_below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        // Through the same parser as the URLs that are compared with it.
        let parsed = Url::parse(&format!("https://{name}/")).map_err(|_| invalid())?;
        let host = parsed.host_str().ok_or_else(invalid)?;
        let is_bare = parsed.path() == "/"
            && parsed.port().is_none()
            && parsed.username().is_empty()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        if !is_bare
            || is_below && !matches!(parsed.host(), Some(Host::Domain(it)) if it.contains('.'))
        {
            return Err(invalid());
        }
        self.rules.push(if is_below {
            HostRule::Below(format!(".{host}"))
        } else {
            HostRule::Name(host.to_owned())
        });
        Ok(())
    }
}

/// The hosts that calls of the account may go to: that of its base URL, and those of
/// `allowed_hosts`.
///
/// # Errors
/// As [`base_url`]; and when an allowed host that holds a template is no host name.
pub fn allowed_hosts(connector: &Connector, ctx: &Context<'_>) -> Result<AllowedHosts, BuildError> {
    let mut allowed = AllowedHosts { rules: SmallVec::new() };
    allowed.rules.push(HostRule::Origin(base_url(connector, ctx)?.origin()));
    for source in &connector.manifest().proxy.allowed_hosts {
        let name = eval_text(source, ctx, "an allowed host")?;
        // A template without a value names no host; the others still count.
        if !name.is_empty() {
            allowed.add_name(&name)?;
        }
    }
    Ok(allowed)
}

/// Where a call of a caller goes: a path and query on the base URL, whose own path stays in
/// front, or an absolute URL to an allowed host.
///
/// # Errors
/// When the path could leave the base, or the host is not allowed.
pub fn target(
    connector: &Connector,
    ctx: &Context<'_>,
    path_or_url: &str,
) -> Result<Url, BuildError> {
    if path_or_url.len() > URL_BYTES_MAX {
        let message = format!("the URL is longer than {URL_BYTES_MAX} bytes");
        return Err(BuildError::new("request_too_large", message));
    }
    let base = base_url(connector, ctx)?;
    let url = request_url::join(&base, path_or_url)?;
    check_host(connector, ctx, &base, &url)?;
    Ok(url)
}

/// Refuses a URL that calls of the account may not go to.
///
/// # Errors
/// When its host is not allowed.
pub fn check_host(
    connector: &Connector,
    ctx: &Context<'_>,
    base: &Url,
    url: &Url,
) -> Result<(), BuildError> {
    let is_same = url.scheme() == base.scheme()
        && url.host() == base.host()
        && url.port_or_known_default() == base.port_or_known_default();
    if is_same || allowed_hosts(connector, ctx)?.contains(url) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    let message = format!("calls of this account may not go to `{host}`");
    Err(BuildError::new("request_url", message))
}

#[cfg(test)]
mod tests;
