//! The problem codes of this crate, each with a page in `docs/errors/`.

use tenon_http_kit::Code;

/// A call with an API key does not say for which connected user it is.
pub static USER_REQUIRED: Code =
    Code { name: "user_required", status: 400, title: "the connected user is not named" };
/// The path or URL that is asked for is not allowed.
pub static PROXY_TARGET: Code =
    Code { name: "proxy_target", status: 400, title: "the target of the call is not allowed" };
/// The project has not switched the connector on.
pub static UNKNOWN_CONNECTOR: Code =
    Code { name: "unknown_connector", status: 404, title: "the project has no such integration" };
/// The integration is switched off.
pub static INTEGRATION_INACTIVE: Code =
    Code { name: "integration_inactive", status: 409, title: "the integration is switched off" };
/// The builder's app or the connector is not set up so that calls can be made.
pub static INTEGRATION_MISCONFIGURED: Code = Code {
    name: "integration_misconfigured",
    status: 409,
    title: "the integration is set up wrongly",
};
/// The user has not connected an account, or not this one.
pub static NO_ACCOUNT: Code =
    Code { name: "no_account", status: 404, title: "there is no such connected account" };
/// The account has to be connected again.
pub static CREDENTIAL_INVALID: Code = Code {
    name: "credential_invalid",
    status: 409,
    title: "the connected account cannot be used any more",
};
/// The provider does not renew the token at the moment.
pub static CREDENTIAL_NOT_RENEWED: Code = Code {
    name: "credential_not_renewed",
    status: 503,
    title: "the access token cannot be renewed now",
};
/// The provider wants no calls for a while.
pub static PROVIDER_RATE_LIMITED: Code = Code {
    name: "provider_rate_limited",
    status: 429,
    title: "the provider's limit of calls is reached",
};
/// No connection, or no answer on it.
pub static PROVIDER_UNREACHABLE: Code =
    Code { name: "provider_unreachable", status: 502, title: "the provider cannot be reached" };
/// The provider failed so often that it is left alone for a while.
pub static PROVIDER_PAUSED: Code =
    Code { name: "provider_paused", status: 503, title: "the provider is left alone for a while" };
/// No answer in time.
pub static PROVIDER_TIMEOUT: Code =
    Code { name: "provider_timeout", status: 504, title: "the provider took too long" };

/// The codes that only this crate has; the others are those of workflow steps too.
pub static OWN: &[&Code] = &[
    &USER_REQUIRED,
    &PROXY_TARGET,
    &PROVIDER_RATE_LIMITED,
    &PROVIDER_UNREACHABLE,
    &PROVIDER_PAUSED,
    &PROVIDER_TIMEOUT,
];

/// The codes that this crate shares with workflow steps.
pub static SHARED: &[&Code] = &[
    &UNKNOWN_CONNECTOR,
    &INTEGRATION_INACTIVE,
    &INTEGRATION_MISCONFIGURED,
    &NO_ACCOUNT,
    &CREDENTIAL_INVALID,
    &CREDENTIAL_NOT_RENEWED,
];

#[cfg(test)]
mod tests {
    use super::{OWN, SHARED};

    #[test]
    fn every_code_has_a_page() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
        let index = std::fs::read_to_string(folder.join("README.md")).expect("the index exists");
        for code in OWN.iter().chain(SHARED) {
            let page = std::fs::read_to_string(folder.join(format!("{}.md", code.name)))
                .unwrap_or_else(|error| panic!("{}: {error}", code.name));
            let has_status = SHARED.contains(code) || page.contains(&code.status.to_string());
            assert!(has_status, "{}: wrong status", code.name);
            assert!(index.contains(&format!("({}.md)", code.name)), "{} not in index", code.name);
        }
    }
}
