//! The problem codes that only this API has. The others are in `tenon_http_kit::codes`.

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

/// The user or the provider said no.
pub static CONNECT_DENIED: Code =
    Code { name: "connect_denied", status: 403, title: "access was not granted" };

/// The account could not be linked.
pub static CONNECT_FAILED: Code =
    Code { name: "connect_failed", status: 424, title: "the account could not be connected" };

/// The provider refuses what was filled in.
pub static CREDENTIAL_INVALID: Code =
    Code { name: "credential_invalid", status: 422, title: "the provider refuses the credentials" };

/// Every code of this crate.
pub static ALL: &[&Code] = &[
    &INVALID_DOCUMENT,
    &TOO_MANY_FOLLOWERS,
    &CONNECTOR_UNKNOWN,
    &CONNECTOR_INVALID,
    &INTEGRATION_INACTIVE,
    &CONNECT_STATE,
    &CONNECT_DENIED,
    &CONNECT_FAILED,
    &CREDENTIAL_INVALID,
];
