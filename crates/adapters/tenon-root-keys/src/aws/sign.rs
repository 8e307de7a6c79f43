//! Signature version 4 of a POST to `/` without a query, as AWS documents it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256, Tag};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::credentials::Credentials;

/// What is signed.
pub(super) struct Signable<'a> {
    pub(super) host: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// More headers to sign; lower-case names, values without white space around them.
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: &'a [u8],
    pub(super) at: Timestamp,
}

/// The headers to send, the signature among them.
pub(super) fn sign(
    signable: &Signable<'_>,
    credentials: &Credentials,
) -> Vec<(&'static str, Zeroizing<String>)> {
    let moment = signable.at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &moment[..8];
    let mut headers: Vec<(&'static str, Zeroizing<String>)> = signable
        .headers
        .iter()
        .map(|(name, value)| (*name, Zeroizing::new((*value).to_owned())))
        .collect();
    headers.push(("host", Zeroizing::new(signable.host.to_owned())));
    headers.push(("x-amz-date", Zeroizing::new(moment.clone())));
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token.clone()));
    }
    headers.sort_by_key(|(name, _)| *name);
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = Zeroizing::new(String::from("POST\n/\n\n"));
    for (name, value) in &headers {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(value);
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&names);
    canonical.push('\n');
    canonical.push_str(&hex(digest(&SHA256, signable.body).as_ref()));
    let scope = format!("{day}/{}/{}/aws4_request", signable.region, signable.service);
    let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hash}");
    let mut key = Zeroizing::new(String::from("AWS4"));
    key.push_str(&credentials.secret_key);
    let key = mac(key.as_bytes(), day.as_bytes());
    let key = mac(key.as_ref(), signable.region.as_bytes());
    let key = mac(key.as_ref(), signable.service.as_bytes());
    let key = mac(key.as_ref(), b"aws4_request");
    let signature = hex(mac(key.as_ref(), text.as_bytes()).as_ref());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    headers.push(("authorization", Zeroizing::new(authorization)));
    headers
}

fn mac(key: &[u8], message: &[u8]) -> Tag {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text grows as needed");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-vanilla` of the test suite that AWS publishes for version 4.
    #[test]
    fn a_signature_is_as_published() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session_token: None,
        };
        let signable = Signable {
            host: "example.amazonaws.com",
            region: "us-east-1",
            service: "service",
            headers: &[],
            body: b"",
            at: "2015-08-30T12:36:00Z".parse().expect("it is a time"),
        };
        let headers = sign(&signable, &credentials);
        let (_, authorization) = headers.last().expect("the signature is the last");
        assert_eq!(
            authorization.as_str(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }

    #[test]
    fn a_session_token_is_signed_too() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Zeroizing::new("secret".to_owned()),
            session_token: Some(Zeroizing::new("token".to_owned())),
        };
        let signable = Signable {
            host: "kms.eu-west-1.amazonaws.com",
            region: "eu-west-1",
            service: "kms",
            headers: &[("x-amz-target", "TrentService.Encrypt")],
            body: b"{}",
            at: Timestamp::UNIX_EPOCH,
        };
        let headers = sign(&signable, &credentials);
        let (_, authorization) = headers.last().expect("the signature is the last");
        let signed = "SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target,";
        assert!(authorization.contains(signed), "{}", authorization.as_str());
    }
}
