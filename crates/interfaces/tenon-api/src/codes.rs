//! The problem codes that only this API has. The others are in `tenon_http_kit::codes`.

use tenon_http_kit::Code;

/// A workflow document breaks a rule; `errors` names each place.
pub static INVALID_DOCUMENT: Code =
    Code { name: "invalid_document", status: 422, title: "a workflow document is not valid" };

/// A follower too many.
pub static TOO_MANY_FOLLOWERS: Code =
    Code { name: "too_many_followers", status: 503, title: "too many runs are being followed" };

/// Every code of this crate.
pub static ALL: &[&Code] = &[&INVALID_DOCUMENT, &TOO_MANY_FOLLOWERS];
