//! Auth methods: what each needs, what goes into calls, and scopes.

use std::collections::{BTreeMap, HashSet};

use tenon_domain::document::one_of;

use super::finder::{Finder, at, shown};
use crate::manifest::Manifest;
use crate::manifest::auth::{
    Assertion, AuthKind, AuthMethod, ClientAuth, Injection, JwtAssertion, Scopes, Signer,
    TokenRequest,
};

/// Headers that carry the message itself; setting one would break or smuggle requests.
const FRAMING: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];
/// The longest life of an assertion, in seconds.
const ASSERTION_SECONDS_MAX: u32 = 3_600;

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    for (index, method) in manifest.auth.iter().enumerate() {
        check_method(&format!("/auth/{index}"), method, finder);
    }
    headers("/proxy/headers", manifest.proxy.headers.keys(), finder);
    check_needed_scopes(manifest, finder);
}

fn check_method(pointer: &str, method: &AuthMethod, finder: &mut Finder) {
    let needs_injection = matches!(method.kind, AuthKind::ApiKey | AuthKind::Fields);
    if needs_injection && method.inject.as_ref().is_none_or(is_empty) {
        let message = "this auth method must say how its values go into calls";
        let help = "write inject: {headers: {Authorization: \"Bearer {{fields.api_key}}\"}}";
        finder.say("missing_injection", pointer, message, help);
    }
    if matches!(method.kind, AuthKind::Fields) && method.fields.is_empty() {
        let message = "an auth method of type fields needs fields";
        finder.say("empty_list", pointer, message, "write fields, or another type");
    }
    if let Some(injection) = &method.inject {
        check_injection(&format!("{pointer}/inject"), injection, finder);
    }
    for (name, injection) in &method.token_types {
        let pointer = at(&format!("{pointer}/token_types"), name);
        check_injection(&pointer, injection, finder);
    }
    match &method.kind {
        AuthKind::Oauth2(oauth) => {
            token_request(&format!("{pointer}/token_request"), &oauth.token_request, finder);
            let refresh = &oauth.refresh.headers;
            headers(&format!("{pointer}/refresh/headers"), refresh.keys(), finder);
            scopes(&format!("{pointer}/scopes"), &oauth.scopes, finder);
            if oauth.refresh.never && oauth.refresh.url.is_some() {
                let message = "never and url contradict each other";
                finder.say("contradiction", &format!("{pointer}/refresh"), message, "keep one");
            }
        }
        AuthKind::ClientCredentials(client) => {
            token_request(&format!("{pointer}/token_request"), &client.token_request, finder);
            scopes(&format!("{pointer}/scopes"), &client.scopes, finder);
        }
        AuthKind::TokenExchange(exchange) if exchange.steps.is_empty() => {
            let message = "a token exchange needs a request";
            finder.say("empty_list", &format!("{pointer}/steps"), message, "write its steps");
        }
        AuthKind::Assertion(exchange) => {
            if let Assertion::Jwt(jwt) = &exchange.assertion {
                lifetime(&format!("{pointer}/assertion"), jwt, finder);
            }
        }
        AuthKind::Oauth1(oauth) => {
            let given = [
                oauth.request_token_url.is_some(),
                oauth.authorize_url.is_some(),
                oauth.access_token_url.is_some(),
            ];
            if given.contains(&true) && given.contains(&false) {
                let message = "consent takes request_token_url, authorize_url and access_token_url";
                let help = "write all three, or none where people bring tokens";
                finder.say("missing_field", pointer, message, help);
            }
        }
        AuthKind::AppInstallation(app) => {
            lifetime(&format!("{pointer}/jwt"), &app.jwt, finder);
            if app.callback.is_empty() {
                let pointer = format!("{pointer}/callback");
                let help = "write installation_id: \"{{callback.installation_id}}\"";
                finder.say("empty_list", &pointer, "nothing is kept of the callback", help);
            }
        }
        AuthKind::McpOauth(mcp) => scopes(&format!("{pointer}/scopes"), &mcp.scopes, finder),
        _ => {}
    }
}

fn token_request(pointer: &str, request: &TokenRequest, finder: &mut Finder) {
    headers(&format!("{pointer}/headers"), request.headers.keys(), finder);
    if let ClientAuth::PrivateKeyJwt(jwt) = &request.client_auth {
        lifetime(&format!("{pointer}/client_auth/private_key_jwt"), jwt, finder);
    }
}

fn lifetime(pointer: &str, jwt: &JwtAssertion, finder: &mut Finder) {
    if !(1..=ASSERTION_SECONDS_MAX).contains(&jwt.lifetime_seconds) {
        let message = format!("an assertion lives 1 to {ASSERTION_SECONDS_MAX} seconds");
        let pointer = format!("{pointer}/lifetime_seconds");
        finder.say("out_of_range", &pointer, message, "300 is usual");
    }
}

fn is_empty(injection: &Injection) -> bool {
    *injection == Injection::default()
}

fn check_injection(pointer: &str, injection: &Injection, finder: &mut Finder) {
    headers(&format!("{pointer}/headers"), injection.headers.keys(), finder);
    if let Some(Signer::Hmac { set, in_query, .. }) = &injection.sign {
        let pointer = format!("{pointer}/sign/set");
        if set.is_empty() {
            let help = "write X-Signature: \"{{signature}}\"";
            finder.say("empty_list", &pointer, "the signature goes nowhere", help);
        }
        if !in_query {
            headers(&pointer, set.keys(), finder);
        }
    }
}

/// Whether a connector may set a header of this name.
pub(crate) fn is_settable(name: &str) -> bool {
    http::HeaderName::try_from(name).is_ok_and(|header| !FRAMING.contains(&header.as_str()))
}

/// Names of headers.
pub(super) fn headers<'a>(
    pointer: &str,
    names: impl Iterator<Item = &'a String>,
    finder: &mut Finder,
) {
    let mut seen = HashSet::new();
    for name in names {
        let pointer = at(pointer, name);
        let Ok(header) = http::HeaderName::try_from(name.as_str()) else {
            let message = format!("\"{}\" is not a header's name", shown(name));
            finder.say("invalid_header", &pointer, message, "letters, digits and -");
            continue;
        };
        if FRAMING.contains(&header.as_str()) {
            let message = format!("\"{header}\" is set by the HTTP client");
            finder.say("invalid_header", &pointer, message, "remove it");
        }
        if !seen.insert(header) {
            let message = "this header is there twice";
            finder.say("duplicate_name", &pointer, message, "case does not count in headers");
        }
    }
}

fn scopes(pointer: &str, scopes: &Scopes, finder: &mut Finder) {
    if scopes.separator.is_empty() {
        let pointer = format!("{pointer}/separator");
        finder.say("empty_text", &pointer, "scopes need a separator", "a space is usual");
    }
    if scopes.available.is_empty() {
        return;
    }
    for (index, scope) in scopes.default.iter().enumerate() {
        if !is_declared(scope, scopes) {
            unknown_scope(&format!("{pointer}/default/{index}"), scope, &scopes.available, finder);
        }
    }
}

fn is_declared(scope: &str, scopes: &Scopes) -> bool {
    scopes.available.contains_key(scope) || scopes.required.iter().any(|required| required == scope)
}

fn unknown_scope(
    pointer: &str,
    scope: &str,
    available: &BTreeMap<String, String>,
    finder: &mut Finder,
) {
    let message = format!("scope \"{}\" is not among the available ones", shown(scope));
    let help = one_of(scope, available.keys().map(String::as_str));
    // A long list helps nobody.
    let help = if help.len() > 200 { "add it to scopes.available".to_owned() } else { help };
    finder.say("unknown_scope", pointer, message, &help);
}

/// The scopes that methods offer.
fn offered(manifest: &Manifest) -> Vec<&Scopes> {
    manifest
        .auth
        .iter()
        .filter_map(|method| match &method.kind {
            AuthKind::Oauth2(oauth) => Some(&oauth.scopes),
            AuthKind::ClientCredentials(client) => Some(&client.scopes),
            AuthKind::McpOauth(mcp) => Some(&mcp.scopes),
            _ => None,
        })
        .collect()
}

fn check_needed_scopes(manifest: &Manifest, finder: &mut Finder) {
    let offered = offered(manifest);
    let mut available: BTreeMap<String, String> = BTreeMap::new();
    for scopes in &offered {
        available.extend(scopes.available.clone());
    }
    if available.is_empty() {
        return;
    }
    let actions = manifest.actions.iter().enumerate();
    let actions = actions.map(|(index, action)| (format!("/actions/{index}"), &action.scopes));
    let selects = super::parts::selects(manifest);
    let selects = selects.map(|(pointer, select)| (pointer, &select.scopes));
    for (pointer, scopes) in actions.chain(selects) {
        for (index, scope) in scopes.iter().enumerate() {
            if !offered.iter().any(|scopes| is_declared(scope, scopes)) {
                unknown_scope(&format!("{pointer}/scopes/{index}"), scope, &available, finder);
            }
        }
    }
}
