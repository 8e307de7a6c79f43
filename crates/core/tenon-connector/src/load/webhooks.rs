//! Webhooks: that secrets and routes name things that exist, and fit together.

use tenon_domain::document::one_of;

use super::access::headers;
use super::finder::{Finder, shown};
use super::parts;
use crate::manifest::Manifest;
use crate::manifest::webhooks::{
    Registration, Route, SignaturePlace, Verification, Webhook, WebhookAnswer, WebhookSecret,
};

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    for (index, webhook) in manifest.webhooks.iter().enumerate() {
        let pointer = format!("/webhooks/{index}");
        secret(&pointer, manifest, webhook, finder);
        route(&pointer, manifest, webhook, finder);
        verification(&pointer, &webhook.verification, finder);
        answer(&format!("{pointer}/answer"), &webhook.answer, finder);
        if let Some(handshake) = &webhook.handshake {
            answer(&format!("{pointer}/handshake/answer"), &handshake.answer, finder);
        }
        renewal(&pointer, &webhook.registration, finder);
    }
}

fn secret(pointer: &str, manifest: &Manifest, webhook: &Webhook, finder: &mut Finder) {
    let place = format!("{pointer}/secret");
    match &webhook.secret {
        WebhookSecret::None => {
            let needs_one = match &webhook.verification {
                Verification::Hmac { .. } | Verification::SharedSecret { .. } => true,
                Verification::Basic { password, .. } => password.is_none(),
                _ => false,
            };
            if needs_one {
                let message = "this verification needs a secret";
                let help = "write secret: {app: client_secret}, {field: ...} or generated";
                finder.say("missing_secret", pointer, message, help);
            }
        }
        WebhookSecret::App(name) => {
            let own = manifest.app_fields.iter().map(|field| field.name.as_str());
            let known: Vec<&str> = own.chain(["client_id", "client_secret"]).collect();
            if !known.contains(&name.as_str()) {
                let message = format!("the app has no field \"{}\"", shown(name));
                let help = one_of(name, known.iter().copied());
                finder.say("unknown_name", &place, message, &help);
            }
        }
        WebhookSecret::Field(name) => known_field(&place, manifest, name, finder),
        WebhookSecret::Generated => {
            if matches!(webhook.registration, Registration::App { .. }) {
                let message = "one URL for the whole app cannot have a secret of each account";
                let help = "write secret: {app: ...}, or another registration";
                finder.say("contradiction", &place, message, help);
            }
        }
    }
}

fn known_field(pointer: &str, manifest: &Manifest, name: &str, finder: &mut Finder) {
    let known = parts::field_names(manifest, None);
    if !known.contains(name) {
        let message = format!("accounts have no field \"{}\"", shown(name));
        let mut names: Vec<&str> = known.into_iter().collect();
        names.sort_unstable();
        let help = match names.is_empty() {
            true => "save it in lifecycle.identity".to_owned(),
            false => one_of(name, names.iter().copied()),
        };
        finder.say("unknown_name", pointer, message, &help);
    }
}

fn route(pointer: &str, manifest: &Manifest, webhook: &Webhook, finder: &mut Finder) {
    let place = format!("{pointer}/route");
    match &webhook.route {
        Route::Field { field, .. } => {
            known_field(&format!("{place}/field"), manifest, field, finder)
        }
        Route::Url {} if matches!(webhook.registration, Registration::App { .. }) => {
            let message = "one URL for the whole app is not of one account";
            finder.say("contradiction", &place, message, "write route: {type: field, ...}");
        }
        Route::Url {} => {}
    }
}

fn verification(pointer: &str, verification: &Verification, finder: &mut Finder) {
    let pointer = format!("{pointer}/verification");
    let (signature, timestamp) = match verification {
        Verification::Hmac { signature, timestamp, .. }
        | Verification::Asymmetric { signature, timestamp, .. } => (signature, timestamp),
        _ => return,
    };
    place(&format!("{pointer}/signature"), signature, finder);
    if let Some(rule) = timestamp
        && !(1..=86_400).contains(&rule.tolerance_seconds)
    {
        let pointer = format!("{pointer}/timestamp/tolerance_seconds");
        finder.say("out_of_range", &pointer, "1 to 86400 seconds", "300 is usual");
    }
}

fn place(pointer: &str, place: &SignaturePlace, finder: &mut Finder) {
    headers(&format!("{pointer}/header"), [&place.header].into_iter(), finder);
    for (name, text) in [("separator", &place.separator), ("prefix", &place.prefix)] {
        if text.as_ref().is_some_and(String::is_empty) {
            finder.say("empty_text", &format!("{pointer}/{name}"), "this is empty", "remove it");
        }
    }
}

fn answer(pointer: &str, answer: &WebhookAnswer, finder: &mut Finder) {
    headers(&format!("{pointer}/headers"), answer.headers.keys(), finder);
    for (name, status) in
        [("status", answer.status), ("unverified_status", answer.unverified_status)]
    {
        if !(200..=599).contains(&status) {
            let message = format!("{status} is not the status of an answer");
            finder.say("out_of_range", &format!("{pointer}/{name}"), message, "200 to 599");
        }
    }
}

fn renewal(pointer: &str, registration: &Registration, finder: &mut Finder) {
    let Registration::Requests { renew, renew_seconds, .. } = registration else { return };
    if renew.is_some() != renew_seconds.is_some() {
        let message = "renewing takes the request and the life of a subscription";
        let pointer = format!("{pointer}/registration");
        finder.say("missing_field", &pointer, message, "write renew and renew_seconds");
    }
}
