//! Who calls, and for which connected user.

use http::HeaderMap;
use jiff::Timestamp;
use tenon_contract::permissions::{About, Operation, Permissions};
use tenon_contract::plan::{CredentialPlan, IntegrationPlan, ProjectPlan};
use tenon_contract::user_token::{UserTokenError, UserTokens, is_user_token};
use tenon_domain::EndUserId;
use tenon_http_kit::bearer::bearer_token;
use tenon_http_kit::codes as kit;

use crate::codes;
use crate::failure::Failure;
use crate::headers::{OursOrParagons, of_caller, ours};

/// The connected user, beside an API key.
static USER: OursOrParagons = ours("x-tenon-user", "x-paragon-user");
/// The longest user id, in bytes.
const USER_BYTES_MAX: usize = 255;

/// The connected user of a call, and what the call may do for it: a user's own token may be
/// limited, an API key is not.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: EndUserId,
    pub(crate) permissions: Permissions,
}

impl Caller {
    /// Refuses a call that the token does not allow.
    pub(crate) fn check(
        &self,
        integration: &IntegrationPlan,
        credential: &CredentialPlan,
    ) -> Result<(), Failure> {
        let about = About {
            integration: Some(&integration.connector),
            credential: Some(credential.id),
            configuration: None,
        };
        if self.permissions.allow(Operation::Proxy, &about) {
            return Ok(());
        }
        Err(Failure::not_permitted())
    }
}

/// Who calls: the connected user of a user's own token, or the one named beside an API key.
pub(crate) fn identify(
    plan: &ProjectPlan,
    tokens: &UserTokens,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Caller, Failure> {
    let unauthorized = || Failure::new(&kit::UNAUTHORIZED);
    let bearer = bearer_token(headers).ok_or_else(unauthorized)?;
    let (user, permissions) = if is_user_token(bearer) {
        let verified = tokens.verify(plan, bearer, now).map_err(|error| refused(&error))?;
        (verified.user, verified.permissions)
    } else {
        plan.authenticate(bearer).ok_or_else(unauthorized)?;
        (named(headers)?, Permissions::default())
    };
    if plan.disabled_users.contains(&user) {
        return Err(Failure::new(&kit::FORBIDDEN).detail("the connected user is disabled"));
    }
    Ok(Caller { user, permissions })
}

/// The user that a caller with an API key names.
fn named(headers: &HeaderMap) -> Result<EndUserId, Failure> {
    let required = || {
        Failure::new(&codes::USER_REQUIRED)
            .detail("name the connected user in one `X-Tenon-User` header, at most 255 bytes")
    };
    let user = of_caller(headers, &USER).map_err(|()| required())?;
    let user = user.ok_or_else(required)?;
    if user.len() > USER_BYTES_MAX || user.chars().any(char::is_control) {
        return Err(required());
    }
    Ok(EndUserId::new(user))
}

fn refused(error: &UserTokenError) -> Failure {
    Failure::new(&kit::UNAUTHORIZED).detail(error.to_string())
}
