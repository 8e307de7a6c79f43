use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use serde_json::json;

use super::*;
use crate::samples::{Person, now};

fn pem(label: &str, der: &[u8]) -> String {
    let text = encoding::base64(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn signed(spec: Value, key: &str) -> Result<String, BuildError> {
    let spec: JwtAssertion = serde_json::from_value(spec).expect("an assertion");
    let person = Person::new(json!({"key": key, "id": "app-1"}), json!({}), json!(null));
    jwt(&spec, &person.ctx(), now())
}

/// Header, claims, signed text, signature.
fn parts(token: &str) -> (Value, Value, String, Vec<u8>) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("three parts: {token}") };
    let json = |part: &str| {
        let bytes = encoding::unbase64(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let bytes = encoding::unbase64(signature).expect("base64url");
    (json(header), json(claims), format!("{header}.{claims}"), bytes)
}

#[test]
fn rs256_takes_both_forms_of_a_key_however_it_was_pasted() {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'_> = key.as_der().expect("DER");
    let pkcs8 = pem("PRIVATE KEY", der.as_ref());
    // PKCS#8 of RSA-2048 is PKCS#1 behind a head of 26 bytes.
    let pkcs1 = pem("RSA PRIVATE KEY", &der.as_ref()[26..]);
    let one_line = pkcs8.replace('\n', "\\n");
    let spaced = pkcs8.replace('\n', " ");
    let spec = json!({
        "algorithm": "RS256",
        "key": "{{app.key}}",
        "header": {"kid": "k1", "alg": "none"},
        "claims": {"iss": "{{app.id}}", "gone": "{{app.gone}}"},
        "lifetime_seconds": 600,
    });
    for text in [&pkcs8, &pkcs1, &one_line, &spaced] {
        let token = signed(spec.clone(), text).expect("signed");
        let (header, claims, text, signature) = parts(&token);
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let iat = now().as_second();
        assert_eq!(claims, json!({"iat": iat, "exp": iat + 600, "iss": "app-1"}));
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
        assert!(public.verify(text.as_bytes(), &signature).is_ok());
    }
}

#[test]
fn es256_has_a_signature_of_64_bytes() {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let der = key.to_pkcs8v1().expect("DER");
    let spec = json!({"algorithm": "ES256", "key": "{{app.key}}", "claims": {"exp": 5}});
    let token = signed(spec, &pem("PRIVATE KEY", der.as_ref())).expect("signed");
    let (header, claims, text, signature) = parts(&token);
    assert_eq!((&header["alg"], &claims["exp"]), (&json!("ES256"), &json!(5)));
    assert_eq!(signature.len(), 64);
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
    assert!(public.verify(text.as_bytes(), &signature).is_ok());
}

#[test]
fn hs256_is_that_of_the_rfc() {
    // RFC 7515, A.1: the key, over a text of our own.
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let text = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog\
                 Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let spec = json!({"algorithm": "HS256", "key": "x", "is_key_base64": true, "claims": {}});
    let spec: JwtAssertion = serde_json::from_value(spec).expect("an assertion");
    let bytes = signature(&spec, key, text).expect("signed");
    assert_eq!(encoding::base64url(&bytes), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn keys_that_do_not_fit_are_refused_without_being_shown() {
    let canary = "canary-of-a-key";
    for (algorithm, key) in [
        ("RS256", canary.to_owned()),
        ("RS256", pem("PRIVATE KEY", canary.as_bytes())),
        ("ES256", pem("EC PRIVATE KEY", canary.as_bytes())),
        ("HS256", String::new()),
    ] {
        let spec = json!({"algorithm": algorithm, "key": "{{app.key}}", "claims": {}});
        let error = signed(spec, &key).expect_err(algorithm);
        assert!(!error.message.contains("canary"), "{}", error.message);
    }
}
