//! What the routes work with.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, post};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use tenon_contract::plan::{PlanSource, ProjectPlan};
use tenon_contract::user_token::UserTokens;
use tenon_domain::{Clock, EndUserId, ProjectId};
use tenon_exec::admission::{Admission, TurnedAway};
use tenon_exec::intake::{Intake, Refused};
use tenon_exec::order::UnusableKey;
use tenon_exec::ports::coordination::Coordination;
use tenon_exec::ports::store::OnceKey;
use tenon_http_kit::{BodyLimits, ErrorItem, JsonLimits, Problem, codes as kit};

use crate::codes;
use crate::webhooks::Webhooks;

/// When to come again while the database is away.
pub(crate) const AWAY_RETRY_AFTER: Duration = Duration::from_secs(5);
/// When to come again while intake is full.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest user id, idempotency key and event name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What the gateway works with.
#[derive(Clone)]
pub struct GatewayState {
    /// Keys, workflows and users.
    pub plans: Arc<dyn PlanSource>,
    /// Where jobs are accepted.
    pub intake: Intake,
    /// Whether a project may send more.
    pub admission: Arc<Admission>,
    /// How answers come back.
    pub coordination: Arc<dyn Coordination>,
    /// Tokens of connected users that were found to hold.
    pub user_tokens: Arc<UserTokens>,
    /// Webhooks of providers; `None`: none are taken in.
    pub webhooks: Option<Arc<Webhooks>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits of bodies.
    pub body_limits: BodyLimits,
    /// Limits of JSON.
    pub json_limits: JsonLimits,
}

/// The routes of the gateway.
pub fn router(state: GatewayState) -> Router {
    let state = Arc::new(state);
    let own = Router::new()
        .route("/api/v1/projects/{project}/events", post(crate::events::accept))
        .route("/api/v1/projects/{project}/triggers/{workflow}", any(crate::triggers::accept));
    own.merge(crate::webhooks::routes()).merge(crate::sdk::routes()).with_state(state)
}

impl GatewayState {
    /// The plan of a project.
    pub(crate) async fn project(
        &self,
        project: ProjectId,
    ) -> Result<Option<Arc<ProjectPlan>>, Problem> {
        self.plans.project(project).await.map_err(|error| {
            Problem::unavailable("read the project's plan", AWAY_RETRY_AFTER, &error)
        })
    }

    /// Lets so many runs of a project in, before any of them is accepted.
    pub(crate) async fn admit(&self, project: ProjectId, runs: usize) -> Result<(), Problem> {
        if runs == 0 {
            return Ok(());
        }
        let turned_away = match self.admission.enter(project, runs).await {
            Ok(()) => return Ok(()),
            Err(turned_away) => turned_away,
        };
        let (code, retry_after) = match turned_away {
            TurnedAway::TooFast { retry_after } => (&codes::ACCEPT_RATE, retry_after),
            TurnedAway::TooManyOpen { retry_after, .. } => {
                (&codes::TOO_MANY_OPEN_RUNS, retry_after)
            }
        };
        Err(Problem::new(code).detail(turned_away.to_string()).retry_after(retry_after))
    }
}

/// What a refused job means for the caller.
pub(crate) fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::Overloaded => Problem::new(&kit::OVERLOADED).retry_after(FULL_RETRY_AFTER),
        Refused::Unavailable => Problem::new(&kit::UNAVAILABLE).retry_after(AWAY_RETRY_AFTER),
        Refused::Rejected => Problem::internal("accept a job", &refused),
    }
}

/// The workflow's ordering key gives nothing: the run would overtake others.
pub(crate) fn unusable_key(error: &UnusableKey) -> Problem {
    Problem::new(&codes::ORDERING_KEY_UNUSABLE).detail(error.to_string())
}

/// A short text without control characters, such as a user id or an event name.
pub(crate) fn checked_name(field: &'static str, text: String) -> Result<String, Problem> {
    let is_valid =
        !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
    if is_valid {
        return Ok(text);
    }
    let message =
        format!("`{field}` must be 1 to {NAME_BYTES_MAX} bytes without control characters");
    Err(Problem::new(&kit::INVALID_FIELD).with(ErrorItem {
        message,
        pointer: Some(format!("/{field}")),
        ..ErrorItem::default()
    }))
}

/// A user id, checked.
pub(crate) fn checked_user(user: Option<String>) -> Result<Option<EndUserId>, Problem> {
    user.map(|user| checked_name("user", user).map(EndUserId::new)).transpose()
}

/// The caller's idempotency key, if there is one, with a digest of what was sent.
pub(crate) fn once_key(
    headers: &HeaderMap,
    about: &str,
    content: &[u8],
) -> Result<Option<OnceKey>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().to_owned();
    let key = checked_name("Idempotency-Key", text)?;
    Ok(Some(OnceKey { key: format!("{about}:{key}"), digest: Sha256::digest(content).into() }))
}
