//! The problem codes of this crate, each with a page in `docs/errors/`.

use tenon_http_kit::Code;

/// The workflow has no request trigger.
pub static NO_REQUEST_TRIGGER: Code =
    Code { name: "no_request_trigger", status: 409, title: "the workflow has no request trigger" };
/// The workflow is off for this user, or the user is disabled.
pub static WORKFLOW_DISABLED: Code = Code {
    name: "workflow_disabled",
    status: 409,
    title: "the workflow does not run for this user",
};
/// The workflow belongs to an integration and is not on for this user, or not where it is named.
pub static INSTALLATION_MISSING: Code = Code {
    name: "installation_missing",
    status: 409,
    title: "the workflow is not switched on for this account of the user",
};
/// The user has not connected the account that is named, or none where one is needed.
pub static NO_ACCOUNT: Code =
    Code { name: "no_account", status: 404, title: "there is no such connected account" };
/// The idempotency key was used for another request.
pub static IDEMPOTENCY_CONFLICT: Code = Code {
    name: "idempotency_conflict",
    status: 409,
    title: "the idempotency key was used for another request",
};
/// The Response step was not reached in time; the run goes on.
pub static RESPONSE_TIMEOUT: Code =
    Code { name: "response_timeout", status: 504, title: "the run did not answer in time" };

/// A provider's call is proven and cannot be used.
pub static WEBHOOK_UNUSABLE: Code = Code {
    name: "webhook_unusable",
    status: 422,
    title: "the webhook call is real but cannot be used",
};

/// Every code of this crate.
pub static ALL: &[&Code] = &[
    &NO_REQUEST_TRIGGER,
    &WORKFLOW_DISABLED,
    &INSTALLATION_MISSING,
    &NO_ACCOUNT,
    &IDEMPOTENCY_CONFLICT,
    &RESPONSE_TIMEOUT,
    &WEBHOOK_UNUSABLE,
];

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_code_has_a_page() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
        for code in ALL {
            let page = folder.join(format!("{}.md", code.name));
            assert!(page.is_file(), "{} has no page", code.name);
        }
    }
}
