//! The problem codes that only this API has. The others are in `tenon_http_kit::codes`.

use http::StatusCode;
use tenon_http_kit::Code;

/// A workflow document breaks a rule; `errors` names each place.
pub static INVALID_DOCUMENT: Code =
    Code { name: "invalid_document", status: 422, title: "a workflow document is not valid" };

/// A follower too many.
pub static TOO_MANY_FOLLOWERS: Code =
    Code { name: "too_many_followers", status: 503, title: "too many runs are being followed" };

/// Neither Tenon nor the project has this connector.
pub static CONNECTOR_UNKNOWN: Code =
    Code { name: "connector_unknown", status: 404, title: "there is no such connector" };

/// A connector manifest breaks rules; `errors` names each place.
pub static CONNECTOR_INVALID: Code =
    Code { name: "connector_invalid", status: 422, title: "a connector manifest is not valid" };

/// The integration is switched off.
pub static INTEGRATION_INACTIVE: Code =
    Code { name: "integration_inactive", status: 409, title: "the integration is switched off" };

/// A browser's link, state or cookie does not hold.
pub static CONNECT_STATE: Code =
    Code { name: "connect_state", status: 400, title: "the connect link does not hold" };

/// The builder's app at the provider is not set.
pub static INTEGRATION_MISCONFIGURED: Code =
    Code { name: "integration_misconfigured", status: 409, title: "the integration is not set up" };

/// The browser brought the answer of another authorization server.
pub static CONNECT_ISSUER: Code = Code {
    name: "connect_issuer",
    status: 400,
    title: "the answer came from another authorization server",
};

/// The user or the provider said no.
pub static CONNECT_DENIED: Code =
    Code { name: "connect_denied", status: 403, title: "access was not granted" };

/// The account could not be linked.
pub static CONNECT_FAILED: Code =
    Code { name: "connect_failed", status: 424, title: "the account could not be connected" };

/// The provider refuses what was filled in.
pub static CREDENTIAL_INVALID: Code =
    Code { name: "credential_invalid", status: 422, title: "the provider refuses the credentials" };

/// The status of a code that a connect session or a browser's fault has; 400 for any other.
pub(crate) fn connect_status(name: &str) -> StatusCode {
    let known = ALL.iter().find(|code| code.name == name);
    known.and_then(|code| StatusCode::from_u16(code.status).ok()).unwrap_or(StatusCode::BAD_REQUEST)
}

/// A workflow belongs to an integration that the project does not have.
pub static INTEGRATION_MISSING: Code = Code {
    name: "integration_missing",
    status: 422,
    title: "the project does not have the integration of the workflow",
};

/// Settings that a workflow requires have no value; `errors` names each.
pub static SETTINGS_MISSING: Code =
    Code { name: "settings_missing", status: 422, title: "required settings have no value" };

/// The user has no account of the integration.
pub static NOT_CONNECTED: Code = Code {
    name: "not_connected",
    status: 409,
    title: "the user has not connected the integration",
};

/// The account does not work and has to be connected again.
pub static ACCOUNT_BROKEN: Code =
    Code { name: "account_broken", status: 409, title: "the account has to be connected again" };

/// The workflow's permissions leave the user out.
pub static WORKFLOW_NOT_PERMITTED: Code = Code {
    name: "workflow_not_permitted",
    status: 403,
    title: "the user may not use the workflow",
};

/// Nothing runs for the user.
pub static USER_DISABLED: Code =
    Code { name: "user_disabled", status: 409, title: "the user is disabled" };

/// Every code of this crate.
pub static ALL: &[&Code] = &[
    &INVALID_DOCUMENT,
    &TOO_MANY_FOLLOWERS,
    &CONNECTOR_UNKNOWN,
    &CONNECTOR_INVALID,
    &INTEGRATION_INACTIVE,
    &INTEGRATION_MISCONFIGURED,
    &CONNECT_STATE,
    &CONNECT_ISSUER,
    &CONNECT_DENIED,
    &CONNECT_FAILED,
    &CREDENTIAL_INVALID,
    &INTEGRATION_MISSING,
    &SETTINGS_MISSING,
    &NOT_CONNECTED,
    &ACCOUNT_BROKEN,
    &WORKFLOW_NOT_PERMITTED,
    &USER_DISABLED,
];
