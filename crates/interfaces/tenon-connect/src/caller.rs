//! Who is calling: a connected user, known by a token that the builder signed, or by one that the
//! portal's page got for a link.
//!
//! A token of another project, of nobody, and a project that does not exist get the same answer.
//! 401 and 403 are for the session itself: the SDK signs its user out on them.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::HeaderMap;
use http::request::Parts;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, json};
use tenon_config::SettingsName;
use tenon_config::portal_links::TOKEN_PREFIX;
use tenon_contract::permissions::{About, Operation, Permissions};
use tenon_contract::plan::ProjectPlan;
use tenon_contract::user_token::VerifiedUser;
use tenon_domain::{EndUserId, ProjectId};
use tenon_http_kit::bearer::bearer_token;
use tenon_http_kit::{Problem, WireProblem, codes as kit};

use crate::problem;
use crate::state::Connect;

/// Names an account of the user: its id, its external id, or `ext:<external id>`.
const ACCOUNT_HEADER: &str = "x-paragon-credential";
/// Names one of its configurations: its id, or `ext:<external id>`.
const CONFIGURATION_HEADER: &str = "x-paragon-configuration-id";
/// The longest name in either header, in bytes.
const NAME_BYTES_MAX: usize = 300;

/// A connected user.
pub(crate) struct Caller {
    /// Everything the handler does is scoped by it.
    pub(crate) project: ProjectId,
    /// And by the user.
    pub(crate) user: EndUserId,
    /// The account that the request is about, where it names one.
    pub(crate) account: Option<String>,
    /// And the configuration.
    pub(crate) configuration: Option<SettingsName>,
    /// The project.
    pub(crate) plan: Arc<ProjectPlan>,
    permissions: Permissions,
    /// Whether the builder's own server vouches for what the caller says of the user.
    is_vouched_for: bool,
}

impl Caller {
    /// Checks that the caller may say something of the user: the builder's app may, a person with a
    /// link may not.
    pub(crate) fn check_meta(&self) -> Result<(), WireProblem> {
        match self.is_vouched_for {
            true => Ok(()),
            false => Err(WireProblem::not_permitted("this session cannot change the user")),
        }
    }

    /// Checks that the token allows something.
    pub(crate) fn check(&self, operation: Operation, about: &About<'_>) -> Result<(), WireProblem> {
        if self.permissions.allow(operation, about) {
            return Ok(());
        }
        let detail = format!("the user's token does not allow `{}` here", operation.name());
        Err(WireProblem::not_permitted(detail))
    }

    /// The user that a token speaks for, made known where it was not.
    pub(crate) async fn of_token(
        connect: &Connect,
        project: &str,
        token: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, WireProblem> {
        let refused = || unauthorized("send the user's token as `Authorization: Bearer <token>`");
        let token = token.ok_or_else(refused)?;
        let project: ProjectId =
            project.parse().map_err(|_| unauthorized("the token is not valid here"))?;
        let plan = connect.plans.project(project).await.map_err(|error| {
            let after = connect.settings.retry_after;
            WireProblem::from(Problem::unavailable("read the project's plan", after, &error))
        })?;
        let plan = plan.ok_or_else(|| unauthorized("the token is not valid here"))?;
        let known = match token.starts_with(TOKEN_PREFIX) {
            true => with_link(connect, project, token).await?,
            false => with_signature(connect, project, &plan, token).await?,
        };
        if plan.disabled_users.contains(&known.user) {
            let problem = Problem::new(&kit::FORBIDDEN);
            return Err(problem.detail("the connected user is disabled").into());
        }
        Ok(Self {
            project,
            user: known.user,
            permissions: known.permissions,
            is_vouched_for: known.is_vouched_for,
            account: name_of(headers, ACCOUNT_HEADER)?,
            configuration: name_of(headers, CONFIGURATION_HEADER)?
                .map(|name| SettingsName::parse(&name)),
            plan,
        })
    }
}

/// Who a token speaks for.
struct Known {
    user: EndUserId,
    permissions: Permissions,
    is_vouched_for: bool,
}

/// The user of a token that the builder signed, made known where it was not.
async fn with_signature(
    connect: &Connect,
    project: ProjectId,
    plan: &ProjectPlan,
    token: &str,
) -> Result<Known, WireProblem> {
    let verified = connect.tokens.verify(plan, token, connect.clock.now());
    let verified = verified.map_err(|error| unauthorized(error.to_string()))?;
    let is_disabled = plan.disabled_users.contains(&verified.user);
    if !is_disabled && !connect.known.has(project, &verified.user) {
        let known = connect.config.ensure_user(project, &verified.user).await;
        known.map_err(|error| problem::of_config(connect, error))?;
        connect.known.add(project, verified.user.clone());
    }
    let VerifiedUser { user, permissions, .. } = verified;
    Ok(Known { user, permissions, is_vouched_for: true })
}

/// The user of a session of the portal's page. It may connect accounts and change their settings;
/// where the link is for one integration, of that one.
async fn with_link(
    connect: &Connect,
    project: ProjectId,
    token: &str,
) -> Result<Known, WireProblem> {
    let found = connect.config.portal_session(project, token).await;
    let found = found.map_err(|error| problem::of_config(connect, error))?;
    let found = found.ok_or_else(|| unauthorized("the session has ended"))?;
    let scope = found.integration.as_deref().unwrap_or("*");
    let mut claim = Map::new();
    claim.insert(format!("integration:{scope}"), json!([Operation::CredentialWrite.name()]));
    let permissions = Permissions::from_claim(&claim)
        .map_err(|error| Problem::internal("limit a session", &error))?;
    Ok(Known { user: found.user, permissions, is_vouched_for: false })
}

fn unauthorized(detail: impl Into<std::borrow::Cow<'static, str>>) -> WireProblem {
    Problem::new(&kit::UNAUTHORIZED).detail(detail).into()
}

/// A name in a header; empty is none.
fn name_of(headers: &HeaderMap, header: &'static str) -> Result<Option<String>, WireProblem> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let name = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    let is_one = values.next().is_none();
    match name.filter(|name| is_one && name.len() <= NAME_BYTES_MAX) {
        Some("") => Ok(None),
        Some(name) => Ok(Some(name.to_owned())),
        None => {
            let detail = format!("`{header}` must be one name of at most {NAME_BYTES_MAX} bytes");
            Err(Problem::new(&kit::INVALID_FIELD).detail(detail).into())
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct ProjectPath {
    pub(crate) project: String,
}

impl FromRequestParts<Connect> for Caller {
    type Rejection = WireProblem;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, WireProblem> {
        let Path(path) = Path::<ProjectPath>::from_request_parts(parts, connect)
            .await
            .map_err(|_| Problem::not_found())?;
        let token = bearer_token(&parts.headers);
        Self::of_token(connect, &path.project, token, &parts.headers).await
    }
}

/// Users who are known to be known. Users are never removed, so that it only has to be bounded.
pub(crate) struct KnownUsers {
    users: Mutex<HashSet<(ProjectId, EndUserId)>>,
    users_max: usize,
}

impl KnownUsers {
    pub(crate) fn new(users_max: usize) -> Self {
        Self { users: Mutex::default(), users_max: users_max.max(1) }
    }

    fn has(&self, project: ProjectId, user: &EndUserId) -> bool {
        self.users.lock().contains(&(project, user.clone()))
    }

    fn add(&self, project: ProjectId, user: EndUserId) {
        let mut users = self.users.lock();
        if users.len() >= self.users_max {
            users.clear();
        }
        users.insert((project, user));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
            headers.append(ACCOUNT_HEADER, value);
        }
        headers
    }

    #[test]
    fn a_name_is_one_short_text() {
        let name = |values: &[&str]| name_of(&headers(values), ACCOUNT_HEADER).ok();
        assert_eq!(name(&[]), Some(None));
        assert_eq!(name(&[" "]), Some(None));
        assert_eq!(name(&[" ext:tëam "]), Some(Some("ext:tëam".to_owned())));
        assert_eq!(name(&["a", "b"]), None);
        assert_eq!(name(&["x".repeat(301).as_str()]), None);
    }

    #[test]
    fn only_so_many_users_are_remembered() {
        let known = KnownUsers::new(2);
        let project = ProjectId::new();
        for user in ["a", "b", "c"] {
            known.add(project, EndUserId::new(user));
        }
        assert!(known.has(project, &EndUserId::new("c")));
        assert!(!known.has(project, &EndUserId::new("a")));
        assert!(!known.has(ProjectId::new(), &EndUserId::new("c")));
    }
}
