use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::*;
use crate::samples::Person;

fn spec() -> SamlAssertion {
    serde_json::from_value(json!({
        "key": "{{app.key}}",
        "issuer": "{{app.client_id}}",
        "subject": "{{fields.user}}",
        "audience": "www.example.com",
        "recipient": "https://api.example.com/oauth/token?a=1&b=\"2\"",
        "attributes": {"role": "{{fields.role}}"},
    }))
    .expect("an assertion")
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).expect("the start is there");
    let to = text[from..].find(end).expect("the end is there") + from + end.len();
    &text[from..to]
}

#[test]
fn the_signature_holds_over_what_the_digest_is_of() {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'_> = key.as_der().expect("DER");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        encoding::base64(der.as_ref())
    );
    let app = json!({"key": pem, "client_id": "a<&>b"});
    let person = Person::new(app, json!({"user": "u\r\n]]>", "role": "x"}), Value::Null);
    let text = saml(&spec(), &person.ctx()).expect("signed");
    let xml = String::from_utf8(encoding::unbase64(&text).expect("base64url")).expect("text");

    let signature = between(&xml, "<ds:Signature ", "</ds:Signature>");
    let info = between(signature, "<ds:SignedInfo ", "</ds:SignedInfo>");
    let value = between(signature, "<ds:SignatureValue>", "</ds:SignatureValue>");
    let value = value.trim_start_matches("<ds:SignatureValue>");
    let value = value.trim_end_matches("</ds:SignatureValue>");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
    let bytes = encoding::unbase64(value).expect("base64");
    assert!(public.verify(info.as_bytes(), &bytes).is_ok());

    let without = xml.replace(signature, "");
    let digest = encoding::base64(encoding::sha256(without.as_bytes()).as_ref());
    assert!(info.contains(&format!("<ds:DigestValue>{digest}</ds:DigestValue>")));
    // The signature comes right after the issuer, and values cannot leave their place.
    assert!(xml.contains("<saml:Issuer>a&lt;&amp;&gt;b</saml:Issuer><ds:Signature "));
    assert!(xml.contains(">u&#xD;\n]]&gt;</saml:NameID>"));
    assert!(
        xml.contains("Recipient=\"https://api.example.com/oauth/token?a=1&amp;b=&quot;2&quot;\"")
    );
    assert!(
        xml.contains("NotBefore=\"2026-01-02T03:03:05Z\" NotOnOrAfter=\"2026-01-02T03:09:05Z\"")
    );
}

#[test]
fn what_xml_cannot_carry_is_refused() {
    for character in ['\0', '\u{1}', '\u{fffe}'] {
        assert!(super::text(&format!("a{character}")).is_err());
        assert!(attribute(&format!("a{character}")).is_err());
    }
}
