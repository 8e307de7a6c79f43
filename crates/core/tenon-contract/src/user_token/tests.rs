//! Tokens as attackers and clocks would have them.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use serde_json::json;
use tenon_domain::ProjectId;

use super::*;
use crate::plan::ProjectPlan;

const NOW: i64 = 1_800_000_000;

struct Key {
    pair: KeyPair,
    pem: String,
}

impl Key {
    fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.public_key().as_der().expect("it has a public key");
        let lines: Vec<_> = STANDARD
            .encode(der.as_ref())
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        Self { pair, pem }
    }

    fn plan(&self, id: &str) -> SigningKeyPlan {
        SigningKeyPlan { id: id.to_owned(), public_pem: self.pem.clone() }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

static KEYS: LazyLock<(Key, Key)> = LazyLock::new(|| (Key::new(), Key::new()));

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("in range")
}

fn check(token: &str) -> Result<String, UserTokenError> {
    verify(token, &[KEYS.0.plan("a"), KEYS.1.plan("b")], now())
        .map(|verified| verified.user.as_str().to_owned())
}

fn claims() -> Value {
    json!({ "sub": "user-1", "exp": NOW + 600, "iat": NOW })
}

#[test]
fn a_token_of_any_key_of_the_project_holds() {
    let (a, b) = (&KEYS.0, &KEYS.1);
    let plain = json!({ "alg": "RS256", "typ": "JWT" });
    assert_eq!(check(&a.sign(&plain, &claims())), Ok("user-1".to_owned()));
    assert_eq!(check(&b.sign(&plain, &claims())), Ok("user-1".to_owned()));
    let named = json!({ "alg": "RS256", "kid": "b" });
    assert_eq!(check(&b.sign(&named, &claims())), Ok("user-1".to_owned()));
    assert_eq!(check(&a.sign(&named, &claims())), Err(UserTokenError::Signature));
    let unknown = json!({ "alg": "RS256", "kid": "c" });
    assert_eq!(check(&a.sign(&unknown, &claims())), Err(UserTokenError::UnknownKey));
    let token = a.sign(&plain, &claims());
    assert_eq!(verify(&token, &[], now()), Err(UserTokenError::UnknownKey));
}

#[test]
fn the_algorithm_is_pinned_and_what_a_token_says_of_keys_is_not_heard() {
    for alg in ["none", "None", "HS256", "RS384", "PS256", "ES256", "rs256", ""] {
        let token = KEYS.0.sign(&json!({ "alg": alg }), &claims());
        assert_eq!(check(&token), Err(UserTokenError::Algorithm), "{alg}");
    }
    let critical = json!({ "alg": "RS256", "crit": ["b64"], "b64": false });
    assert_eq!(check(&KEYS.0.sign(&critical, &claims())), Err(UserTokenError::Algorithm));
    let stranger = Key::new();
    let header = json!({ "alg": "RS256", "jku": "https://evil.example/keys",
        "jwk": { "kty": "RSA", "n": "x", "e": "AQAB" }, "x5u": "https://evil.example/cert" });
    assert_eq!(check(&stranger.sign(&header, &claims())), Err(UserTokenError::Signature));
    // Signed with the text of the public key, as if it were a shared secret: not RS256.
    let unsigned = KEYS.0.sign(&json!({ "alg": "none" }), &claims());
    let (body, _) = unsigned.rsplit_once('.').expect("three parts");
    assert_eq!(check(&format!("{body}.")), Err(UserTokenError::Algorithm));
}

#[test]
fn any_changed_byte_breaks_it() {
    let token = KEYS.0.sign(&json!({ "alg": "RS256" }), &claims());
    for position in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        assert!(check(&changed).is_err(), "at {position}");
    }
    for garbage in ["", ".", "..", "...", "a.b.c", "e30.e30.e30", &"x".repeat(9_000)] {
        assert!(check(garbage).is_err(), "{garbage:.20}");
    }
}

#[test]
fn times_are_kept_with_a_minute_of_grace() {
    let at = |claims: Value| check(&KEYS.0.sign(&json!({ "alg": "RS256" }), &claims));
    assert!(at(json!({ "sub": "u", "exp": NOW - 59 })).is_ok());
    assert_eq!(at(json!({ "sub": "u", "exp": NOW - 60 })), Err(UserTokenError::Expired));
    assert!(at(json!({ "sub": "u", "exp": NOW + 9, "nbf": NOW + 60 })).is_ok());
    let early = at(json!({ "sub": "u", "exp": NOW + 900, "nbf": NOW + 61 }));
    assert_eq!(early, Err(UserTokenError::NotYet));
    let early = at(json!({ "sub": "u", "exp": NOW + 900, "iat": NOW + 61 }));
    assert_eq!(early, Err(UserTokenError::NotYet));
    for exp in [json!(null), json!("soon"), json!(-1), json!(1e300)] {
        let outcome = at(json!({ "sub": "u", "exp": exp }));
        assert!(
            matches!(outcome, Err(UserTokenError::Claims | UserTokenError::Malformed)),
            "{exp}: {outcome:?}"
        );
    }
}

#[test]
fn the_user_is_sub_or_id_and_nothing_strange() {
    let of = |mut claims: Value| {
        claims["exp"] = json!(NOW + 60);
        check(&KEYS.0.sign(&json!({ "alg": "RS256" }), &claims))
    };
    assert_eq!(of(json!({ "id": "i" })), Ok("i".to_owned()));
    assert_eq!(of(json!({ "id": "i", "sub": "s" })), Ok("s".to_owned()));
    assert_eq!(of(json!({ "sub": 7 })), Ok("7".to_owned()));
    for user in
        [json!(""), json!("a\nb"), json!(-1), json!(true), json!({}), json!("x".repeat(256))]
    {
        assert_eq!(of(json!({ "sub": user })), Err(UserTokenError::Claims), "{user}");
    }
    assert_eq!(of(json!({})), Err(UserTokenError::Claims));
}

fn plan(revision: i64, keys: Vec<SigningKeyPlan>) -> ProjectPlan {
    ProjectPlan {
        project: ProjectId::new(),
        revision,
        api_keys: Vec::new(),
        workflows: Vec::new(),
        choices: std::collections::HashMap::new(),
        disabled_users: Default::default(),
        integrations: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        signing_keys: keys,
        queue: Default::default(),
    }
}

#[test]
fn a_remembered_token_ends_with_its_key_its_time_and_its_project() {
    let tokens = UserTokens::new(10);
    let first = plan(1, vec![KEYS.0.plan("a")]);
    let token = KEYS.0.sign(&json!({ "alg": "RS256" }), &json!({ "sub": "u", "exp": NOW + 10 }));
    assert!(tokens.verify(&first, &token, now()).is_ok());
    // Recalled: the key is gone from this copy, the revision is the same.
    let same = ProjectPlan { signing_keys: Vec::new(), ..first.clone() };
    assert!(tokens.verify(&same, &token, now()).is_ok());
    let newer = ProjectPlan { signing_keys: Vec::new(), revision: 2, ..first.clone() };
    assert_eq!(tokens.verify(&newer, &token, now()), Err(UserTokenError::UnknownKey));
    let other = plan(1, Vec::new());
    assert_eq!(tokens.verify(&other, &token, now()), Err(UserTokenError::UnknownKey));
    let late = Timestamp::from_second(NOW + 70).expect("in range");
    assert_eq!(tokens.verify(&first, &token, late), Err(UserTokenError::Expired));
}

#[test]
fn the_cache_does_not_grow_beyond_its_limit() {
    let tokens = UserTokens::new(4);
    let plan = plan(1, vec![KEYS.0.plan("a")]);
    for user in 0..12 {
        let claims = json!({ "sub": user, "exp": NOW + 10 });
        let token = KEYS.0.sign(&json!({ "alg": "RS256" }), &claims);
        let verified = tokens.verify(&plan, &token, now()).expect("it holds");
        assert_eq!(verified.user.as_str(), user.to_string());
    }
    assert!(tokens.len() <= 4);
}
