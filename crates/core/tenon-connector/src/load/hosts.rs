//! Where requests may go: https, hosts that are known beforehand or come from values that cannot
//! leave their place in a host name.
//!
//! This is the first of three fences: the values are checked when people give them
//! ([`crate::field_values`]), and the built URL is checked before it is used ([`crate::proxy`]).

use serde_json::Value;
use tenon_expr::{Segment, Source};
use url::Url;

use super::Origin;
use super::finder::{Finder, shown};
use super::parts::{self, Purpose, literal_text};
use crate::field_values::{self, is_host, is_private_host};
use crate::manifest::Manifest;
use crate::manifest::auth::{AuthKind, AuthMethod};
use crate::manifest::fields::{Field, FieldKind};

/// Texts that would change the host, or end it, inside a URL's host.
const ESCAPES: [&str; 8] = [
    "evil.com/",
    "evil.com?",
    "evil.com#",
    "evil.com\\",
    "a@evil.com",
    "evil.com:80",
    "a b",
    "%2f",
];

pub(super) fn check(manifest: &Manifest, origin: Origin, finder: &mut Finder) {
    let mut checker = Checker { manifest, origin, finder };
    for (index, base) in manifest.proxy.base_url.iter().enumerate() {
        checker.url(&format!("/proxy/base_url/{index}/url"), &base.url, UrlKind::Base);
        let is_last = index + 1 == manifest.proxy.base_url.len();
        if base.when.is_none() && !is_last {
            let message = "the base URLs after this one are never used";
            let pointer = format!("/proxy/base_url/{index}");
            checker.finder.say("unreachable", &pointer, message, "put those with when first");
        }
    }
    for (index, host) in manifest.proxy.allowed_hosts.iter().enumerate() {
        checker.allowed_host(&format!("/proxy/allowed_hosts/{index}"), host);
    }
    for (index, method) in manifest.auth.iter().enumerate() {
        for (name, source) in auth_urls(method) {
            checker.url(&format!("/auth/{index}/{name}"), source, UrlKind::Other);
        }
    }
    for (pointer, request, purpose) in parts::requests(manifest) {
        checker.request_url(&format!("{pointer}/url"), &request.url, purpose);
    }
}

fn auth_urls(method: &AuthMethod) -> Vec<(&'static str, &Source)> {
    let urls: Vec<(&'static str, Option<&Source>)> = match &method.kind {
        AuthKind::Oauth2(oauth) => vec![
            ("authorize_url", Some(&oauth.authorize_url)),
            ("token_url", Some(&oauth.token_url)),
            ("refresh/url", oauth.refresh.url.as_ref()),
        ],
        AuthKind::ClientCredentials(client) => vec![("token_url", Some(&client.token_url))],
        AuthKind::Oauth1(oauth) => vec![
            ("request_token_url", oauth.request_token_url.as_ref()),
            ("authorize_url", oauth.authorize_url.as_ref()),
            ("access_token_url", oauth.access_token_url.as_ref()),
        ],
        AuthKind::AppInstallation(app) => vec![("install_url", Some(&app.install_url))],
        AuthKind::McpOauth(mcp) => vec![("server_url", Some(&mcp.server_url))],
        _ => Vec::new(),
    };
    urls.into_iter().filter_map(|(name, source)| Some((name, source?))).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UrlKind {
    /// Paths are put behind it.
    Base,
    Other,
}

struct Checker<'a> {
    manifest: &'a Manifest,
    origin: Origin,
    finder: &'a mut Finder,
}

impl Checker<'_> {
    /// An absolute URL, with templates or without.
    fn url(&mut self, pointer: &str, source: &Source, kind: UrlKind) {
        let Value::String(text) = source.raw() else {
            return self.finder.say("invalid_url", pointer, "a URL is text", "https://...");
        };
        if kind == UrlKind::Base && text.ends_with('/') {
            let message = "a base URL does not end with a slash";
            self.finder.say("invalid_url", pointer, message, "paths begin with one");
        }
        if text.starts_with("{{") {
            let end = text.find("}}").map_or(text.len(), |end| end + 2);
            return self.hole(pointer, &text[..end], Hole::WholeUrl);
        }
        let Some(rest) = self.without_scheme(pointer, text) else { return };
        let authority = authority(rest);
        let holes = holes(authority);
        for hole in &holes {
            self.hole(pointer, hole, Hole::Host);
        }
        let mut shape = authority.to_owned();
        for hole in &holes {
            shape = shape.replacen(hole, "x", 1);
        }
        let parsed = Url::parse(&format!("https://{shape}"));
        let is_plain = |url: &Url| {
            url.username().is_empty() && url.password().is_none() && !shape.contains('@')
        };
        match parsed.ok().filter(is_plain) {
            Some(url) if holes.is_empty() => {
                self.literal_host(pointer, url.host_str().unwrap_or_default());
            }
            Some(url) => self.templated_host(pointer, authority, &url),
            None => self.bad_url(pointer, text),
        }
        if let Some(url) = literal_text(source)
            && let Ok(url) = Url::parse(url)
            && (url.fragment().is_some() || (kind == UrlKind::Base && url.query().is_some()))
        {
            let message = "this URL has a query or a fragment";
            self.finder.say("invalid_url", pointer, message, "remove it; parameters go elsewhere");
        }
    }

    fn without_scheme<'t>(&mut self, pointer: &str, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix("https://") {
            return Some(rest);
        }
        match text.strip_prefix("http://") {
            Some(rest) if self.manifest.proxy.allow_http => Some(rest),
            Some(_) => {
                let help = "use https, or write proxy: {allow_http: true} for self-hosted services";
                self.finder.say("insecure_url", pointer, "plain http is not allowed", help);
                None
            }
            None => {
                self.bad_url(pointer, text);
                None
            }
        }
    }

    fn bad_url(&mut self, pointer: &str, text: &str) {
        let message = format!("\"{}\" is not an absolute URL", shown(text));
        self.finder.say("invalid_url", pointer, message, "write https://host/path");
    }

    fn literal_host(&mut self, pointer: &str, host: &str) {
        if self.origin == Origin::Custom && is_private_host(host) {
            let message = format!("\"{}\" is not a public host", shown(host));
            let help = "a connector of a project may only name public hosts";
            self.finder.say("private_host", pointer, message, help);
        }
    }

    /// With values in it, the end of the host still has to be the connector's, unless the value
    /// is the whole host.
    fn templated_host(&mut self, pointer: &str, authority: &str, shape: &Url) {
        let host = shape.host_str().unwrap_or_default();
        let is_whole = authority.starts_with("{{") && host == "x";
        let tail = authority.rsplit("}}").next().unwrap_or_default();
        let is_anchored = tail
            .strip_prefix('.')
            .is_some_and(|tail| is_host(tail.split(':').next().unwrap_or("")));
        let is_at_the_end = tail.is_empty() || tail.starts_with(':');
        if is_whole || is_anchored {
            if is_anchored {
                let domain = tail.trim_start_matches('.').split(':').next().unwrap_or_default();
                self.literal_host(pointer, domain);
            }
        } else if !is_at_the_end {
            let message = "what follows the value is not the end of a host name";
            let help = "write https://{{fields.x}}.vendor.com, or one value for the whole host";
            self.finder.say("unsafe_host", pointer, message, help);
        }
    }

    /// One `{{...}}` that decides about the host.
    fn hole(&mut self, pointer: &str, text: &str, hole: Hole) {
        let Ok(source) = Source::compile(&Value::String(text.to_owned())) else { return };
        for reference in source.references() {
            // Values that callers choose, whole or in part; answers of the provider may name hosts.
            if let "input" | "page" | "item" | "chosen" | "search" = reference.root.as_str() {
                let message = format!("{} cannot decide about the host", reference.root);
                let help = "hosts come from fields, app or token";
                self.finder.say("unsafe_host", pointer, message, help);
                continue;
            }
            let Some(Segment::Key(name)) = reference.path.first() else { continue };
            let fields = match reference.root.as_str() {
                "fields" => parts::declared_fields(self.manifest, name),
                "app" => self.manifest.app_fields.iter().filter(|f| f.name == *name).collect(),
                _ => continue,
            };
            for field in fields.into_iter().filter(|field| !field.automated) {
                if !is_safe(field, hole) {
                    let root = &reference.root;
                    let message = format!("{root}.{name} goes into the host and may hold anything");
                    self.finder.say("unsafe_host", pointer, message, hole.help());
                }
            }
        }
    }

    fn allowed_host(&mut self, pointer: &str, source: &Source) {
        let Value::String(text) = source.raw() else {
            return self.finder.say("invalid_host", pointer, "a host is text", "api.vendor.com");
        };
        let holes = holes(text);
        for hole in &holes {
            self.hole(pointer, hole, Hole::Host);
        }
        if !holes.is_empty() {
            return;
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_address = name.parse::<std::net::IpAddr>().is_ok() || name == "localhost";
        let is_own = is_address && self.origin == Origin::BuiltIn;
        if !is_host(name) && !is_own {
            let message = format!("\"{}\" is not a host", shown(text));
            let help = "write api.vendor.com, or *.vendor.com for every subdomain";
            return self.finder.say("invalid_host", pointer, message, help);
        }
        self.literal_host(pointer, name);
    }

    fn request_url(&mut self, pointer: &str, source: &Source, purpose: Purpose) {
        let Value::String(text) = source.raw() else {
            return self.finder.say("invalid_url", pointer, "a URL is text", "/path");
        };
        if !text.contains("://") && !text.starts_with("{{") {
            if text.starts_with("//") || text.contains('\\') {
                let message = format!("\"{}\" is neither a path nor a URL", shown(text));
                self.finder.say(
                    "invalid_url",
                    pointer,
                    message,
                    "write /path or https://host/path",
                );
            }
            return;
        }
        self.url(pointer, source, UrlKind::Other);
        let host = literal_host_of(text);
        if let (Purpose::Call, Some(host)) = (purpose, host)
            && !self.is_allowed(&host)
        {
            let message = format!("calls may not go to \"{}\"", shown(&host));
            self.finder.say("host_not_allowed", pointer, message, "add it to proxy.allowed_hosts");
        }
    }

    /// Whether the proxy's rules may allow a host; those with templates are known only later.
    fn is_allowed(&self, host: &str) -> bool {
        let bases = self.manifest.proxy.base_url.iter().map(|base| &base.url);
        let by_base = bases.into_iter().any(|base| match base.raw().as_str() {
            Some(text) => literal_host_of(text).is_none_or(|base| base == host),
            None => false,
        });
        by_base
            || self.manifest.proxy.allowed_hosts.iter().any(|allowed| match literal_text(allowed) {
                Some(name) => match name.strip_prefix("*.") {
                    Some(domain) => host.strip_suffix(domain).is_some_and(|h| h.ends_with('.')),
                    None => name == host,
                },
                None => true,
            })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hole {
    /// A part of the host.
    Host,
    /// The whole URL, or its beginning.
    WholeUrl,
}

impl Hole {
    fn help(self) -> &'static str {
        match self {
            Self::Host => {
                "give the field type subdomain, host or select, or a pattern without / : @"
            }
            Self::WholeUrl => "give the field type url or select",
        }
    }
}

/// Whether no value of the field can leave its place.
fn is_safe(field: &Field, hole: Hole) -> bool {
    match (field.kind, hole) {
        (FieldKind::Select, _) | (FieldKind::Number, Hole::Host) => true,
        (FieldKind::Subdomain | FieldKind::Host, Hole::Host) => true,
        (FieldKind::Url, Hole::WholeUrl) => true,
        (FieldKind::Text, Hole::Host) => field.pattern.as_ref().is_some_and(|pattern| {
            field_values::compile(pattern)
                .is_ok_and(|pattern| !ESCAPES.iter().any(|escape| pattern.is_match(escape)))
        }),
        _ => false,
    }
}

/// The part of a URL before its path, query and fragment; templates may hold slashes.
fn authority(rest: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' | '?' | '#' | '\\' if depth == 0 => return &rest[..at],
            _ => {}
        }
    }
    rest
}

/// Every `{{...}}` of a text.
fn holes(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|open| from + open) {
        let end = text[open..].find("}}").map_or(text.len(), |end| open + end + 2);
        found.push(&text[open..end]);
        from = end;
    }
    found
}

/// The host of a URL whose host holds no template.
fn literal_host_of(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let authority = authority(rest);
    if authority.contains("{{") {
        return None;
    }
    Url::parse(&format!("https://{authority}")).ok()?.host_str().map(str::to_owned)
}
