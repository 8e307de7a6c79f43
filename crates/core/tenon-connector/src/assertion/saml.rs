//! SAML 2.0 bearer assertions (RFC 7522) with an enveloped signature: RSA-SHA256 over exclusive
//! canonical XML. The XML is written here in its canonical form from the start (no comments, no
//! white space between elements, attributes in order, namespaces where they are first used), so
//! that no canonicaliser is needed.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use jiff::{SignedDuration, Timestamp};

use super::{invalid, keys};
use crate::context::Context;
use crate::encoding;
use crate::manifest::auth::SamlAssertion;
use crate::request::BuildError;
use crate::request::template::eval_text;

const ASSERTION_NS: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SIGNATURE_NS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// How far the provider's clock may be behind, in seconds.
const SKEW_SECONDS: i64 = 60;

/// A signed assertion, base64url.
pub(crate) fn saml(assertion: &SamlAssertion, ctx: &Context<'_>) -> Result<String, BuildError> {
    let key = zeroize::Zeroizing::new(eval_text(&assertion.key, ctx, "the signing key")?);
    let id = format!("_{}", encoding::hex(&ctx.random_bits()));
    let parts = parts(assertion, ctx, &id)?;
    let unsigned = format!("{}{}{}", parts.start, parts.issuer, parts.rest);
    let digest = encoding::base64(encoding::sha256(unsigned.as_bytes()).as_ref());
    let info = signed_info(&id, &digest);
    let key = keys::rsa(&key)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), info.as_bytes(), &mut signature)
        .map_err(|_| invalid("the SAML assertion cannot be signed with this key"))?;
    let certificate = match &assertion.certificate {
        Some(source) => key_info(&eval_text(source, ctx, "the certificate")?)?,
        None => String::new(),
    };
    let value = encoding::base64(&signature);
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{SIGNATURE_NS}\">{info}\
         <ds:SignatureValue>{value}</ds:SignatureValue>{certificate}</ds:Signature>"
    );
    // The schema wants the signature right after the issuer; the enveloped transform takes it
    // out again before the digest is checked.
    let signed = format!("{}{}{signature}{}", parts.start, parts.issuer, parts.rest);
    Ok(encoding::base64url(signed.as_bytes()))
}

struct Parts {
    start: String,
    issuer: String,
    rest: String,
}

fn parts(assertion: &SamlAssertion, ctx: &Context<'_>, id: &str) -> Result<Parts, BuildError> {
    let issuer = text(&eval_text(&assertion.issuer, ctx, "the issuer")?)?;
    let subject = text(&eval_text(&assertion.subject, ctx, "the subject")?)?;
    let audience = text(&eval_text(&assertion.audience, ctx, "the audience")?)?;
    let recipient = attribute(&eval_text(&assertion.recipient, ctx, "the recipient")?)?;
    let format = attribute(assertion.subject_format.as_deref().unwrap_or(UNSPECIFIED))?;
    let now = ctx.now();
    let issued = moment(now);
    let before = moment(later(now, -SKEW_SECONDS));
    let after = moment(later(now, i64::from(assertion.lifetime_seconds)));
    let start = format!(
        "<saml:Assertion xmlns:saml=\"{ASSERTION_NS}\" ID=\"{id}\" IssueInstant=\"{issued}\" \
         Version=\"2.0\">"
    );
    let issuer = format!("<saml:Issuer>{issuer}</saml:Issuer>");
    let mut rest = format!(
        "<saml:Subject><saml:NameID Format=\"{format}\">{subject}</saml:NameID>\
         <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <saml:SubjectConfirmationData NotOnOrAfter=\"{after}\" Recipient=\"{recipient}\">\
         </saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>\
         <saml:Conditions NotBefore=\"{before}\" NotOnOrAfter=\"{after}\">\
         <saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>\
         </saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant=\"{issued}\" SessionIndex=\"{id}\">\
         <saml:AuthnContext><saml:AuthnContextClassRef>\
         urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified\
         </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    );
    if !assertion.attributes.is_empty() {
        rest.push_str("<saml:AttributeStatement>");
        for (name, source) in &assertion.attributes {
            let value = text(&eval_text(source, ctx, &format!("the attribute `{name}`"))?)?;
            let name = attribute(name)?;
            rest.push_str(&format!(
                "<saml:Attribute Name=\"{name}\"><saml:AttributeValue>{value}\
                 </saml:AttributeValue></saml:Attribute>"
            ));
        }
        rest.push_str("</saml:AttributeStatement>");
    }
    rest.push_str("</saml:Assertion>");
    Ok(Parts { start, issuer, rest })
}

/// In the form that exclusive canonicalisation gives it: the namespace is on the element itself,
/// because nothing around it inside the signed part uses it visibly.
fn signed_info(id: &str, digest: &str) -> String {
    format!(
        "<ds:SignedInfo xmlns:ds=\"{SIGNATURE_NS}\">\
         <ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\">\
         </ds:SignatureMethod><ds:Reference URI=\"#{id}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\">\
         </ds:Transform><ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\">\
         </ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>\
         </ds:SignedInfo>"
    )
}

fn key_info(certificate: &str) -> Result<String, BuildError> {
    let (_, der) =
        keys::pem(certificate).ok_or_else(|| invalid("the certificate is no PEM text"))?;
    let der = encoding::base64(&der);
    Ok(format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate>\
         </ds:X509Data></ds:KeyInfo>"
    ))
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

/// Text of an element, as canonical XML writes it.
fn text(value: &str) -> Result<String, BuildError> {
    escaped(value, |character| match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// The value of an attribute, as canonical XML writes it.
fn attribute(value: &str) -> Result<String, BuildError> {
    escaped(value, |character| match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

fn escaped(
    value: &str,
    escape: impl Fn(char) -> Option<&'static str>,
) -> Result<String, BuildError> {
    let mut written = String::with_capacity(value.len());
    for character in value.chars() {
        let is_allowed = matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}')
            || matches!(character, '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        if !is_allowed {
            return Err(invalid("a value of the SAML assertion holds what XML cannot carry"));
        }
        match escape(character) {
            Some(escape) => written.push_str(escape),
            None => written.push(character),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
