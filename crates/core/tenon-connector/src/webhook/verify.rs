//! Whether it is proven who sent a call. Comparisons take the same time for any guess.

use std::cell::RefCell;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header;
use jiff::Timestamp;
use serde_json::Value;
use tenon_expr::Source;

use super::{Incoming, signature};
use crate::context::{Context, Layers, Root};
use crate::encoding;
use crate::manifest::auth::Encoding;
use crate::manifest::webhooks::{SignaturePlace, TimestampRule, Verification, Webhook};
use crate::request::template::eval_text;
use crate::sign::hmac::{put_in, stand_in};

/// The most signatures of one call that are tried.
const SIGNATURES_MAX: usize = 16;
/// Numbers from here on are milliseconds.
const EPOCH_MS_MIN: i64 = 100_000_000_000;

/// Why it is not proven.
type Reason = &'static str;

/// What proved it: the signature, where it covers the time when it was made, so that no other call
/// has it.
pub(super) type Proof = Option<Vec<u8>>;

pub(super) fn verify(
    webhook: &Webhook,
    incoming: &Incoming<'_>,
    secrets: &[&str],
    root: &Value,
    ctx: &Context<'_>,
) -> Result<Proof, Reason> {
    let check = Check { incoming, root, ctx };
    let secrets: Vec<&str> = secrets.iter().copied().filter(|it| !it.is_empty()).collect();
    match &webhook.verification {
        Verification::Hmac {
            algorithm,
            message,
            signature,
            encoding,
            secret_encoding,
            secret_prefix,
            timestamp,
        } => {
            check.timestamp(timestamp.as_ref())?;
            let given = check.signatures(signature, *encoding)?;
            let held = RefCell::new(None);
            check.any(&secrets, |secret| {
                let message = check.message(message.as_ref(), secret)?;
                let key = key(secret, secret_prefix.as_deref(), *secret_encoding)?;
                let found = given.iter().find(|given| algorithm.verify(&key, &message, given));
                if let Some(found) = found {
                    held.replace(Some(found.clone()));
                }
                Ok(found.is_some())
            })?;
            Ok(held.into_inner().filter(|_| timestamp.is_some()))
        }
        Verification::Asymmetric { algorithm, key, message, signature, encoding, timestamp } => {
            check.timestamp(timestamp.as_ref())?;
            let given = check.signatures(signature, *encoding)?;
            let secret = secrets.first().copied().unwrap_or_default();
            let message = check.message(message.as_ref(), secret)?;
            let key = check.text(key, secret).ok_or("the provider's key is not there")?;
            let holds = |given: &&Vec<u8>| signature::holds(*algorithm, &key, &message, given);
            let held = given.iter().find(holds).ok_or("the signature does not hold")?;
            Ok(timestamp.is_some().then(|| held.clone()))
        }
        Verification::SharedSecret { value } => check
            .any(&secrets, |secret| {
                let given = check.text(value, secret).ok_or("the shared secret is not there")?;
                Ok(is_equal(&given, secret))
            })
            .map(|()| None),
        Verification::Basic { username, password } => {
            let secret = secrets.first().copied().unwrap_or_default();
            let username = check.text(username, secret).ok_or("no user name is set up")?;
            let password = match password {
                Some(source) => check.text(source, secret).ok_or("no password is set up")?,
                None if secret.is_empty() => return Err("no password is set up"),
                None => secret.to_owned(),
            };
            check.basic(&username, &password).map(|()| None)
        }
        Verification::SecretUrl {} | Verification::None {} => Ok(None),
    }
}

struct Check<'c> {
    incoming: &'c Incoming<'c>,
    root: &'c Value,
    ctx: &'c Context<'c>,
}

impl Check<'_> {
    /// Whether one of the secrets fits. All are tried, so that the time does not say which.
    fn any(
        &self,
        secrets: &[&str],
        fits: impl Fn(&str) -> Result<bool, Reason>,
    ) -> Result<(), Reason> {
        if secrets.is_empty() {
            return Err("no signing secret is set up");
        }
        let mut found = Err("the signature does not hold");
        for secret in secrets {
            match fits(secret) {
                Ok(true) => found = Ok(()),
                Ok(false) => {}
                Err(reason) if found.is_err() => found = Err(reason),
                Err(_) => {}
            }
        }
        found
    }

    /// A text; `None` for nothing, or a template that has no value.
    fn text(&self, source: &Source, secret: &str) -> Option<String> {
        let secret = Value::from(secret);
        let scope =
            Layers::new(self.ctx).with(Root::Webhook, self.root).with(Root::Secret, &secret);
        eval_text(source, &scope, "the proof").ok().filter(|text| !text.is_empty())
    }

    /// What is signed, with the body's own bytes in it.
    fn message(&self, source: Option<&Source>, secret: &str) -> Result<Vec<u8>, Reason> {
        const NO_VALUE: Reason = "the signed text cannot be built from this call";
        let body = self.incoming.body;
        let Some(source) = source else { return Ok(body.to_vec()) };
        if std::str::from_utf8(body).is_ok() {
            return self.text(source, secret).map(String::into_bytes).ok_or(NO_VALUE);
        }
        let stand_in = stand_in(body);
        let mut root = self.root.clone();
        root["raw"] = Value::from(stand_in.as_str());
        let check = Check { root: &root, ..*self };
        let text = check.text(source, secret).ok_or(NO_VALUE)?;
        Ok(put_in(&text, &stand_in, body))
    }

    /// The signatures of the call, decoded; those that are not written as they should be are
    /// passed over.
    fn signatures(
        &self,
        place: &SignaturePlace,
        encoding: Encoding,
    ) -> Result<Vec<Vec<u8>>, Reason> {
        let values = self.incoming.headers.get_all(place.header.as_str());
        let texts: Vec<&str> = values.iter().filter_map(|value| value.to_str().ok()).collect();
        if texts.is_empty() {
            return Err("the call holds no signature");
        }
        let mut found = Vec::new();
        for text in texts {
            let parts: Box<dyn Iterator<Item = &str>> = match place.separator.as_deref() {
                Some(separator) if !separator.is_empty() => Box::new(text.split(separator)),
                _ => Box::new(std::iter::once(text)),
            };
            for part in parts.take(SIGNATURES_MAX) {
                let part = part.trim();
                let stripped = match &place.prefix {
                    Some(prefix) => part.strip_prefix(prefix.as_str()),
                    None => Some(part),
                };
                let bytes = stripped.and_then(|text| encoding.read(text.trim()));
                found.extend(bytes.filter(|bytes| !bytes.is_empty()));
            }
        }
        found.truncate(SIGNATURES_MAX);
        if found.is_empty() { Err("the signature is not written as expected") } else { Ok(found) }
    }

    fn timestamp(&self, rule: Option<&TimestampRule>) -> Result<(), Reason> {
        let Some(rule) = rule else { return Ok(()) };
        let text = self.text(&rule.value, "").ok_or("the call does not say when it was signed")?;
        let signed = moment(text.trim()).ok_or("the time of the signature cannot be read")?;
        let apart = self.ctx.now().duration_since(signed).abs();
        if apart.as_secs() > i64::from(rule.tolerance_seconds) {
            return Err("the signature is too old, or the clocks are too far apart");
        }
        Ok(())
    }

    fn basic(&self, username: &str, password: &str) -> Result<(), Reason> {
        let value = self.incoming.headers.get(header::AUTHORIZATION);
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = match text.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                encoding::unbase64(rest.trim())
            }
            _ => None,
        };
        let given = given.ok_or("the call holds no user name and password")?;
        let wanted = zeroize::Zeroizing::new(format!("{username}:{password}"));
        if verify_slices_are_equal(&given, wanted.as_bytes()).is_ok() {
            Ok(())
        } else {
            Err("the user name or password is not right")
        }
    }
}

fn is_equal(given: &str, secret: &str) -> bool {
    verify_slices_are_equal(given.as_bytes(), secret.as_bytes()).is_ok()
}

/// The bytes of a secret. Here `hex` means what it says: a secret that is text says so.
fn key(
    secret: &str,
    prefix: Option<&str>,
    encoding: Encoding,
) -> Result<zeroize::Zeroizing<Vec<u8>>, Reason> {
    let text = prefix.and_then(|prefix| secret.strip_prefix(prefix)).unwrap_or(secret);
    encoding.read(text).map(zeroize::Zeroizing::new).ok_or("the signing secret cannot be decoded")
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<i64>() {
        return if number > EPOCH_MS_MIN {
            Timestamp::from_millisecond(number).ok()
        } else {
            Timestamp::from_second(number).ok()
        };
    }
    text.parse().ok()
}
