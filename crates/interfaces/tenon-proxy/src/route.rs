//! From a request's path to what is called. Everything after the integration is the provider's
//! and stays as it was written.

use tenon_contract::plan::{IntegrationPlan, ProjectPlan};
use tenon_domain::{IntegrationId, ProjectId};

/// How answers and errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/api/v1`: answers as they are, problems as problem+json.
    Own,
    /// `/projects/{id}/sdk`: answers wrapped, errors as the SDK knows them.
    Sdk,
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) project: ProjectId,
    pub(crate) integration: Wanted<'a>,
    /// The provider's path without its first slash, encoded as it came.
    pub(crate) rest: &'a str,
}

/// Which integration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// By its connector's name.
    Connector(&'a str),
    /// A custom one, by its id.
    Custom(IntegrationId),
}

/// Whether a path is one of the proxy's: it has an integration, or at least a place for one.
pub(crate) fn is_proxys(path: &str) -> bool {
    let (path, marks) = match path.strip_prefix("/api/v1/projects/") {
        Some(path) => (path, "proxy/"),
        None => (path.strip_prefix("/projects/").unwrap_or_default(), "sdk/proxy/"),
    };
    let behind = path.split_once('/').and_then(|(_, path)| path.strip_prefix(marks));
    behind.is_some_and(|path| !path.is_empty())
}

impl<'a> Route<'a> {
    /// Reads a path; `None` when it is not one of the proxy's.
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        let (dialect, path) = match path.strip_prefix("/api/v1/projects/") {
            Some(path) => (Dialect::Own, path),
            None => (Dialect::Sdk, path.strip_prefix("/projects/")?),
        };
        let (project, path) = path.split_once('/')?;
        let path = path.strip_prefix(match dialect {
            Dialect::Own => "proxy/",
            Dialect::Sdk => "sdk/proxy/",
        })?;
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let (integration, rest) = if dialect == Dialect::Sdk && name == "custom" {
            let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
            (Wanted::Custom(id.parse().ok()?), rest)
        } else {
            (Wanted::Connector(name), rest)
        };
        Some(Self { dialect, project: project.parse().ok()?, integration, rest })
    }
}

impl Wanted<'_> {
    /// The integration of a project.
    pub(crate) fn of<'p>(&self, plan: &'p ProjectPlan) -> Option<&'p IntegrationPlan> {
        match self {
            Self::Connector(name) => plan.integration(name),
            Self::Custom(id) => plan.integrations.iter().find(|integration| {
                integration.id == *id && integration.connector.starts_with("custom.")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "2b0a4f4e-8a3c-4a55-9d35-0f7f4a6f9c11";

    fn parse(path: &str) -> Option<(Dialect, String, String)> {
        let path = path.replace("ID", ID);
        let route = Route::parse(&path)?;
        let integration = match route.integration {
            Wanted::Connector(name) => name.to_owned(),
            Wanted::Custom(id) => format!("custom {id}"),
        };
        Some((route.dialect, integration, route.rest.to_owned()))
    }

    #[test]
    fn the_three_forms_are_read() {
        let of = |dialect, integration: &str, rest: &str| {
            Some((dialect, integration.to_owned(), rest.to_owned()))
        };
        let sdk = "/projects/ID/sdk/proxy";
        assert_eq!(parse(&format!("{sdk}/slack/a/b")), of(Dialect::Sdk, "slack", "a/b"));
        assert_eq!(parse(&format!("{sdk}/slack")), of(Dialect::Sdk, "slack", ""));
        assert_eq!(parse(&format!("{sdk}/slack/")), of(Dialect::Sdk, "slack", ""));
        assert_eq!(parse(&format!("{sdk}/slack//a")), of(Dialect::Sdk, "slack", "/a"));
        assert_eq!(parse(&format!("{sdk}/custom.crm/a")), of(Dialect::Sdk, "custom.crm", "a"));
        let custom = format!("custom {ID}");
        assert_eq!(parse(&format!("{sdk}/custom/ID/a%2Fb")), of(Dialect::Sdk, &custom, "a%2Fb"));
        assert_eq!(
            parse("/api/v1/projects/ID/proxy/github/user"),
            of(Dialect::Own, "github", "user")
        );
    }

    #[test]
    fn everything_else_is_not_ours() {
        for path in [
            "/",
            "/projects",
            "/projects/ID",
            "/projects/ID/sdk/proxy",
            "/projects/x/sdk/proxy/slack/a",
            "/projects/ID/sdk/proxy/custom/x/a",
            "/projects/ID/sdk/integrations",
            "/projects/ID/proxy/slack/a",
            "/api/v1/projects/ID/sdk/proxy/slack/a",
            "/api/v1/projects/ID/runs",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_of_the_proxy_is_told_by_its_beginning() {
        for path in [
            "/projects/ID/sdk/proxy/slack",
            "/projects/ID/sdk/proxy//a",
            "/projects/x/sdk/proxy/slack/a",
            "/api/v1/projects/ID/proxy/slack/a/b",
        ] {
            assert!(is_proxys(&path.replace("ID", ID)), "{path}");
        }
        for path in [
            "/",
            "/projects/ID/sdk/proxy",
            "/projects/ID/sdk/proxy/",
            "/projects/ID/proxy/slack",
            "/projects/ID/x/sdk/proxy/slack",
            "/api/v1/projects/ID/sdk/proxy/slack",
            "/api/v1/projects/ID/proxyx/slack",
            "/api/v1/projects/ID/runs/proxy/a",
            "/x/api/v1/projects/ID/proxy/slack",
        ] {
            assert!(!is_proxys(&path.replace("ID", ID)), "{path}");
        }
    }
}
