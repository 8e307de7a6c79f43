//! Signed assertions: a JWT (RFC 7519) or a SAML 2.0 bearer assertion (RFC 7522), made for one
//! use. It does not send them.

mod jwt;
mod keys;
mod saml;

pub(crate) use jwt::jwt;

use crate::context::Context;
use crate::manifest::auth::Assertion;
use crate::request::BuildError;

/// Builds and signs an assertion.
pub(crate) fn sign(assertion: &Assertion, ctx: &Context<'_>) -> Result<String, BuildError> {
    match assertion {
        Assertion::Jwt(assertion) => jwt(assertion, ctx, ctx.now()),
        Assertion::Saml(assertion) => saml::saml(assertion, ctx),
    }
}

fn invalid(message: &str) -> BuildError {
    BuildError::new("request_auth", message)
}
