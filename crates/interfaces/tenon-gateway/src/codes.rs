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
/// The connected user is disabled: nothing runs for them.
pub static USER_DISABLED: Code =
    Code { name: "user_disabled", status: 409, title: "the connected user is disabled" };
/// The workflow's ordering key gives nothing that runs could be ordered by.
pub static ORDERING_KEY_UNUSABLE: Code = Code {
    name: "ordering_key_unusable",
    status: 422,
    title: "the workflow's ordering key gives nothing to order by",
};
/// The project sends more work in a second than it may.
pub static ACCEPT_RATE: Code =
    Code { name: "accept_rate", status: 429, title: "the project sends work too fast" };
/// The project has as many open runs as it may.
pub static TOO_MANY_OPEN_RUNS: Code = Code {
    name: "too_many_open_runs",
    status: 429,
    title: "too many runs of the project have not ended",
};
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
    &USER_DISABLED,
    &ORDERING_KEY_UNUSABLE,
    &ACCEPT_RATE,
    &TOO_MANY_OPEN_RUNS,
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
