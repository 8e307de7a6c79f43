//! Who calls, for whom, and what of the user's accounts is meant.
//!
//! Two kinds of callers: the builder's backend with an API key of the project, which may name any
//! connected user or none, and a connected user with a token that the builder signed.

use std::sync::Arc;

use http::HeaderMap;
use tenon_contract::permissions::{About, Operation, Permissions};
use tenon_contract::plan::{ProjectPlan, UserPlan};
use tenon_domain::{EndUserId, ProjectId};
use tenon_exec::installations::{Chosen, Missing, Named};
use tenon_http_kit::bearer::bearer_token;
use tenon_http_kit::{Problem, codes as kit};

use crate::codes;
use crate::state::{AWAY_RETRY_AFTER, GatewayState};

/// The headers that name an account, ours and that of the published SDK.
const ACCOUNT_HEADERS: [&str; 2] = ["x-tenon-credential", "x-paragon-credential"];
/// The headers that name a configuration of it.
const CONFIGURATION_HEADERS: [&str; 2] = ["x-tenon-configuration", "x-paragon-configuration-id"];
/// The longest name of an account or a configuration, in bytes.
const NAME_BYTES_MAX: usize = 300;

/// A caller that is known.
pub(crate) struct Caller {
    /// The project; everything is scoped by it.
    pub(crate) plan: Arc<ProjectPlan>,
    /// For whom.
    pub(crate) user: Option<EndUserId>,
    /// What the user's token allows; everything for an API key.
    permissions: Permissions,
}

impl Caller {
    /// A caller with an API key of the project. Another project looks like none.
    pub(crate) async fn of_key(
        state: &GatewayState,
        project: ProjectId,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let key = bearer_token(headers).ok_or_else(Problem::unauthorized)?;
        let plan = state.project(project).await?.ok_or_else(Problem::unauthorized)?;
        plan.authenticate(key).ok_or_else(Problem::unauthorized)?;
        Ok(Self { plan, user: None, permissions: Permissions::default() })
    }

    /// A connected user with a token. A token of another project, one that does not hold, and a
    /// project that does not exist look the same; so do they to a token that an API key is.
    pub(crate) async fn of_token(
        state: &GatewayState,
        project: &str,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let refused = |detail: String| Problem::new(&kit::UNAUTHORIZED).detail(detail);
        let hint =
            || refused("send the user's token as `Authorization: Bearer <token>`".to_owned());
        let unknown = || refused("the token is not valid here".to_owned());
        let token = bearer_token(headers).ok_or_else(hint)?;
        let project = project.parse().map_err(|_| unknown())?;
        let plan = state.project(project).await?.ok_or_else(unknown)?;
        let verified = state.user_tokens.verify(&plan, token, state.clock.now());
        let verified = verified.map_err(|error| refused(error.to_string()))?;
        if plan.disabled_users.contains(&verified.user) {
            return Err(Problem::new(&kit::FORBIDDEN).detail("the connected user is disabled"));
        }
        Ok(Self { plan, user: Some(verified.user), permissions: verified.permissions })
    }

    /// Whether the caller's user is switched off.
    pub(crate) fn is_disabled(&self) -> bool {
        self.user.as_ref().is_some_and(|user| self.plan.disabled_users.contains(user))
    }

    /// Whether the token allows an operation with an installation, or with none.
    pub(crate) fn may(&self, operation: Operation, chosen: Option<&Chosen<'_>>) -> bool {
        let about = chosen.map(|chosen| {
            let of = chosen.credential.integration;
            let integration = self.plan.integrations.iter().find(|it| it.id == of);
            About {
                integration: integration.map(|it| it.connector.as_str()),
                credential: Some(chosen.credential.id),
                configuration: chosen.configuration.external_id.as_deref(),
            }
        });
        self.permissions.allow(operation, &about.unwrap_or_default())
    }

    /// The plan of the caller's user; `None` without a user, and for one without accounts.
    pub(crate) async fn user_plan(
        &self,
        state: &GatewayState,
    ) -> Result<Option<Arc<UserPlan>>, Problem> {
        let Some(user) = &self.user else { return Ok(None) };
        state.plans.user(self.plan.project, user).await.map_err(|error| {
            Problem::unavailable("read the plan of a connected user", AWAY_RETRY_AFTER, &error)
        })
    }
}

/// The account and the configuration that a request names.
pub(crate) fn named(headers: &HeaderMap) -> Result<Named<'_>, Problem> {
    Ok(Named {
        credential: name(headers, ACCOUNT_HEADERS)?,
        configuration: name(headers, CONFIGURATION_HEADERS)?,
    })
}

/// A name in one of two headers; empty is none.
fn name<'a>(headers: &'a HeaderMap, names: [&'static str; 2]) -> Result<Option<&'a str>, Problem> {
    let mut values = names.into_iter().flat_map(|name| headers.get_all(name));
    let Some(value) = values.next() else { return Ok(None) };
    // UTF-8, as the other interfaces read names.
    let text = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    let text = text.filter(|text| text.len() <= NAME_BYTES_MAX);
    match text.filter(|_| values.next().is_none()) {
        Some("") => Ok(None),
        Some(text) => Ok(Some(text)),
        None => {
            let [ours, _] = names;
            let detail = format!("`{ours}` must be one name of at most {NAME_BYTES_MAX} bytes");
            Err(Problem::new(&kit::INVALID_FIELD).detail(detail))
        }
    }
}

/// What is missing, for the caller.
pub(crate) fn missing(missing: &Missing) -> Problem {
    let code = match missing {
        Missing::Account { .. } => &codes::NO_ACCOUNT,
        Missing::Configuration { .. } | Missing::Off { .. } => &codes::INSTALLATION_MISSING,
    };
    Problem::new(code).detail(missing.to_string())
}

/// An account was named without a user whose it could be.
pub(crate) fn nobody() -> Problem {
    Problem::new(&codes::NO_ACCOUNT).detail("name the connected user whose account it is")
}

/// The user's token does not allow it.
pub(crate) fn not_permitted(operation: Operation) -> Problem {
    let detail = format!("the user's token does not allow `{}` here", operation.name());
    Problem::new(&kit::FORBIDDEN).detail(detail)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn an_account_is_named_by_our_header_or_by_that_of_the_sdk() {
        let ours = headers(&[("x-tenon-credential", " a "), ("x-tenon-configuration", "ext:b")]);
        let theirs =
            headers(&[("x-paragon-credential", "a"), ("x-paragon-configuration-id", "ext:b")]);
        let expected = Named { credential: Some("a"), configuration: Some("ext:b") };
        assert_eq!(named(&ours).expect("it is read"), expected);
        assert_eq!(named(&theirs).expect("it is read"), expected);
        let empty = headers(&[("x-paragon-credential", ""), ("x-paragon-configuration-id", "")]);
        assert_eq!(named(&empty).expect("it is read"), Named::default());
    }

    #[test]
    fn two_names_are_refused() {
        for pairs in [
            [("x-tenon-credential", "a"), ("x-tenon-credential", "b")],
            [("x-tenon-credential", "a"), ("x-paragon-credential", "a")],
        ] {
            let problem = named(&headers(&pairs)).expect_err("it is not clear which");
            assert_eq!(problem.code, "invalid_field");
        }
    }
}
