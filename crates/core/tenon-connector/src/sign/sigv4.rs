//! AWS Signature Version 4, in the `Authorization` header.
//!
//! Signed are the host, the content type, `content-md5`, `range` and all `x-amz-` headers: what
//! the way out may add later stays outside. A body that streams is signed as unknown
//! (`UNSIGNED-PAYLOAD`), which S3 takes over TLS.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use http::HeaderMap;
use http::header::HeaderName;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use url::Url;

use super::set_header;
use crate::encoding;
use crate::inject::{BodyForSigning, Head, Injected};
use crate::request::BuildError;
use crate::request::url::encode;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What it signs with.
pub(crate) struct Keys {
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
}

/// Signs the head.
pub(crate) fn apply(
    keys: &Keys,
    now: Timestamp,
    head: Head<'_>,
    injected: &mut Injected,
) -> Result<(), BuildError> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let payload = match head.body {
        BodyForSigning::Whole(bytes) => encoding::hex(encoding::sha256(bytes).as_ref()),
        BodyForSigning::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
    };
    let is_s3 = keys.service == "s3";
    // A plus is a space to some readers and a plus to others; `%20` is a space to all.
    if let Some(query) = head.url.query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        head.url.set_query(Some(&query));
    }
    set_header(head.headers, injected, "x-amz-date", &time)?;
    if is_s3 || matches!(head.body, BodyForSigning::Unsigned) {
        set_header(head.headers, injected, "x-amz-content-sha256", &payload)?;
    }
    if let Some(token) = &keys.session_token {
        set_header(head.headers, injected, "x-amz-security-token", token)?;
    }
    let signed: Vec<HeaderName> =
        head.headers.keys().filter(|name| is_signed(name)).cloned().collect();
    let canonical =
        canonical_request(head.method.as_str(), head.url, head.headers, &signed, &payload, is_s3);
    let names = header_names(&signed);
    let value = authorization(keys, &time, &canonical, &names);
    set_header(head.headers, injected, "authorization", &value)
}

fn is_signed(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-amz-") || matches!(name, "content-type" | "content-md5" | "range")
}

/// The value of `Authorization`.
fn authorization(keys: &Keys, time: &str, canonical: &str, names: &str) -> String {
    let date = &time[..8];
    let scope = format!("{date}/{}/{}/aws4_request", keys.region, keys.service);
    let hash = encoding::hex(encoding::sha256(canonical.as_bytes()).as_ref());
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{hash}");
    let secret = zeroize::Zeroizing::new(format!("AWS4{}", keys.secret_key));
    let mut key = mac(secret.as_bytes(), date);
    for part in [keys.region.as_str(), keys.service.as_str(), "aws4_request"] {
        key = mac(key.as_ref(), part);
    }
    let signature = encoding::hex(mac(key.as_ref(), &text).as_ref());
    let access_key = &keys.access_key;
    format!(
        "{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// The signed headers' names with `host`, sorted, separated by `;`.
fn header_names(signed: &[HeaderName]) -> String {
    let mut names: Vec<&str> = signed.iter().map(HeaderName::as_str).collect();
    names.push("host");
    names.sort_unstable();
    names.join(";")
}

fn canonical_request(
    method: &str,
    url: &Url,
    headers: &HeaderMap,
    signed: &[HeaderName],
    payload: &str,
    is_s3: bool,
) -> String {
    let mut text = format!("{method}\n{}\n{}\n", path(url, is_s3), query(url));
    let mut lines: Vec<(&str, String)> =
        signed.iter().map(|name| (name.as_str(), header_value(headers, name))).collect();
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    lines.push(("host", host.to_owned()));
    lines.sort_unstable();
    for (name, value) in &lines {
        writeln!(text, "{name}:{value}").expect("writing to a text does not fail");
    }
    write!(text, "\n{}\n{payload}", header_names(signed)).expect("writing to a text does not fail");
    text
}

/// Values in order, runs of spaces as one.
fn header_value(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = |value: &http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    headers.get_all(name).iter().map(value).collect::<Vec<_>>().join(",")
}

/// S3 signs the key encoded once, whose slashes stay as they are however they were written; the
/// others sign the encoded path encoded once more, with empty segments left out.
fn path(url: &Url, is_s3: bool) -> String {
    let path = url.path();
    if is_s3 {
        let decoded: Vec<u8> = percent_decode_str(path).collect();
        return decoded.split(|&byte| byte == b'/').map(encode_bytes).collect::<Vec<_>>().join("/");
    }
    let segments: Vec<String> =
        path.split('/').filter(|segment| !segment.is_empty()).map(encode).collect();
    let mut canonical = format!("/{}", segments.join("/"));
    if path.ends_with('/') && !segments.is_empty() {
        canonical.push('/');
    }
    canonical
}

/// Parameters, decoded, encoded one way and sorted.
fn query(url: &Url) -> String {
    let Some(query) = url.query() else { return String::new() };
    let decoded = |text: &str| encode_bytes(&percent_decode_str(text).collect::<Vec<u8>>());
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect();
    pairs.sort_unstable();
    let joined: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

fn encode_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => write!(text, "%{byte:02X}").expect("writing to a text does not fail"),
        }
    }
    text
}

#[cfg(test)]
mod tests;
