//! The problem codes of this crate beside those of `tenon_http_kit::codes`. Other crates have some
//! of them, too: a code means the same wherever it comes from.

use tenon_http_kit::Code;

/// The integration is switched off.
pub static INTEGRATION_INACTIVE: Code =
    Code { name: "integration_inactive", status: 409, title: "the integration is switched off" };

/// The builder's app at the provider is not set.
pub static INTEGRATION_MISCONFIGURED: Code =
    Code { name: "integration_misconfigured", status: 409, title: "the integration is not set up" };

/// The user has no such account.
pub static NO_ACCOUNT: Code =
    Code { name: "no_account", status: 404, title: "there is no such connected account" };

/// Required settings have no value; `meta.errors` names each.
pub static SETTINGS_MISSING: Code =
    Code { name: "settings_missing", status: 422, title: "required settings have no value" };

/// The user has no account of the integration.
pub static NOT_CONNECTED: Code = Code {
    name: "not_connected",
    status: 409,
    title: "the user has not connected the integration",
};

/// The account does not work.
pub static ACCOUNT_BROKEN: Code =
    Code { name: "account_broken", status: 409, title: "the account has to be connected again" };

/// A browser's link, state or cookie does not hold.
pub static CONNECT_STATE: Code =
    Code { name: "connect_state", status: 400, title: "the connect link does not hold" };

/// The account could not be linked.
pub static CONNECT_FAILED: Code =
    Code { name: "connect_failed", status: 424, title: "the account could not be connected" };

/// The provider refuses what was filled in.
pub static CREDENTIAL_INVALID: Code =
    Code { name: "credential_invalid", status: 422, title: "the provider refuses the credentials" };

/// The provider cannot be asked for options now.
pub static SOURCE_FAILED: Code =
    Code { name: "source_failed", status: 424, title: "the options could not be loaded" };

/// A link to the portal's page was used, has ended, or is not known.
pub static PORTAL_LINK: Code =
    Code { name: "portal_link", status: 410, title: "the link does not open the portal" };

/// Every code of this crate.
pub static ALL: &[&Code] = &[
    &INTEGRATION_INACTIVE,
    &INTEGRATION_MISCONFIGURED,
    &NO_ACCOUNT,
    &SETTINGS_MISSING,
    &NOT_CONNECTED,
    &ACCOUNT_BROKEN,
    &CONNECT_STATE,
    &CONNECT_FAILED,
    &CREDENTIAL_INVALID,
    &SOURCE_FAILED,
    &PORTAL_LINK,
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_page_with_its_status_and_a_line_in_the_index() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
        let index = std::fs::read_to_string(folder.join("README.md")).expect("the index exists");
        for code in ALL {
            let page = std::fs::read_to_string(folder.join(format!("{}.md", code.name)))
                .unwrap_or_else(|error| panic!("{}: {error}", code.name));
            let has_status = page.contains(&code.status.to_string());
            assert!(has_status || index.contains(&code.status.to_string()), "{}", code.name);
            assert!(index.contains(&format!("({}.md)", code.name)), "{} not in index", code.name);
        }
    }
}
