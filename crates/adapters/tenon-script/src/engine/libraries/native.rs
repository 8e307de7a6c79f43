//! What the libraries leave to Rust: encodings and hashes.
//!
//! Bytes that go to JavaScript are copied into its heap, never lent: only what lies there is
//! given back when the heap is restored.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rquickjs::function::IntoJsFunc;
use rquickjs::{Ctx, Exception, Object, Result, TypedArray};
use sha2::{Digest, Sha256, Sha512};

use super::super::keeper::Keeper;
use super::dates;

/// Bytes as JavaScript sees them.
type Bytes<'js> = TypedArray<'js, u8>;

/// The natives of one library.
pub fn of<'js>(ctx: &Ctx<'js>, keeper: &Keeper, library: &str) -> Result<Object<'js>> {
    let native = Natives { object: Object::new(ctx.clone())?, keeper };
    match library {
        "crypto" => {
            native.add("hash", hash)?;
            native.add("hmac", hmac)?;
            native.add("equals", equals)?;
            native.add("utf8Encode", utf8_encode)?;
        }
        "encoding" | "web" => {
            native.add("utf8Encode", utf8_encode)?;
            native.add("utf8Decode", utf8_decode)?;
            native.add("base64Encode", |ctx, bytes| text(&ctx, &bytes, "base64"))?;
            native.add("base64urlEncode", |ctx, bytes| text(&ctx, &bytes, "base64url"))?;
            native.add("hexEncode", |ctx, bytes| text(&ctx, &bytes, "hex"))?;
            native.add("base64Decode", base64_decode)?;
            native.add("base64urlDecode", base64_decode)?;
            native.add("hexDecode", hex_decode)?;
            native.add("formEncode", form_encode)?;
            native.add("formDecode", form_decode)?;
        }
        "date" => dates::add_to(&native)?,
        _ => {}
    }
    Ok(native.object)
}

/// An object of native functions.
pub struct Natives<'js, 'a> {
    object: Object<'js>,
    keeper: &'a Keeper,
}

impl<'js> Natives<'js, '_> {
    /// Adds one function.
    pub fn add<P, F: IntoJsFunc<'js, P> + 'js>(&self, name: &str, function: F) -> Result<()> {
        self.object.set(name, self.keeper.function(self.object.ctx(), function)?)
    }
}

/// A copy of the array's bytes.
fn copy(ctx: &Ctx<'_>, bytes: &Bytes<'_>) -> Result<Vec<u8>> {
    #[expect(unsafe_code, reason = "the binding lends the buffer of an array only unsafely")]
    // SAFETY: the bytes are copied at once; no JavaScript runs and nobody else writes meanwhile.
    let copied = unsafe { bytes.as_bytes() }.map(<[u8]>::to_vec);
    copied.ok_or_else(|| Exception::throw_type(ctx, "the array's buffer is gone"))
}

fn text(ctx: &Ctx<'_>, bytes: &Bytes<'_>, encoding: &str) -> Result<String> {
    encode(ctx, &copy(ctx, bytes)?, encoding)
}

fn encode(ctx: &Ctx<'_>, bytes: &[u8], encoding: &str) -> Result<String> {
    match encoding {
        "hex" => Ok(hex(bytes)),
        "base64" => Ok(STANDARD.encode(bytes)),
        "base64url" => Ok(URL_SAFE_NO_PAD.encode(bytes)),
        _ => Err(Exception::throw_type(ctx, "the encoding is hex, base64 or base64url")),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn hex_decode<'js>(ctx: Ctx<'js>, text: String) -> Result<Bytes<'js>> {
    let digits: Option<Vec<u32>> = text.chars().map(|sign| sign.to_digit(16)).collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => {
            let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0);
            Bytes::new_copy(ctx, digits.chunks_exact(2).map(byte).collect::<Vec<u8>>())
        }
        _ => Err(Exception::throw_syntax(&ctx, "this is not hex")),
    }
}

/// Takes both alphabets, with or without padding.
fn base64_decode<'js>(ctx: Ctx<'js>, text: String) -> Result<Bytes<'js>> {
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|sign| match sign {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    match URL_SAFE_NO_PAD.decode(plain) {
        Ok(bytes) => Bytes::new_copy(ctx, bytes),
        Err(_) => Err(Exception::throw_syntax(&ctx, "this is not base64")),
    }
}

fn utf8_encode<'js>(ctx: Ctx<'js>, text: String) -> Result<Bytes<'js>> {
    Bytes::new_copy(ctx, text.into_bytes())
}

fn utf8_decode(ctx: Ctx<'_>, bytes: Bytes<'_>) -> Result<String> {
    Ok(String::from_utf8_lossy(&copy(&ctx, &bytes)?).into_owned())
}

/// `application/x-www-form-urlencoded`.
fn form_encode(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn form_decode(text: String) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |sign: &u8| char::from(*sign).to_digit(16).unwrap_or(0);
                out.push(u8::try_from(digit(high) * 16 + digit(low)).unwrap_or(0));
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hash<'js>(ctx: Ctx<'js>, name: String, data: Bytes<'js>, encoding: String) -> Result<String> {
    let data = copy(&ctx, &data)?;
    let digest = match name.as_str() {
        "sha512" => Sha512::digest(data).to_vec(),
        _ => Sha256::digest(data).to_vec(),
    };
    encode(&ctx, &digest, &encoding)
}

fn hmac<'js>(
    ctx: Ctx<'js>,
    name: String,
    key: Bytes<'js>,
    data: Bytes<'js>,
    encoding: String,
) -> Result<String> {
    let (key, data) = (copy(&ctx, &key)?, copy(&ctx, &data)?);
    let mac = match name.as_str() {
        "sha512" => hmac_with::<Sha512>(&key, &data, 128),
        _ => hmac_with::<Sha256>(&key, &data, 64),
    };
    encode(&ctx, &mac, &encoding)
}

/// RFC 2104 over a hash with blocks of `block` bytes.
fn hmac_with<D: Digest>(key: &[u8], data: &[u8], block: usize) -> Vec<u8> {
    let mut padded = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
    padded.resize(block, 0);
    let with = |mask: u8| padded.iter().map(|byte| byte ^ mask).collect::<Vec<u8>>();
    let inner = D::new().chain_update(with(0x36)).chain_update(data).finalize();
    D::new().chain_update(with(0x5c)).chain_update(inner).finalize().to_vec()
}

/// Compares every byte, whatever differs first.
fn equals<'js>(ctx: Ctx<'js>, left: Bytes<'js>, right: Bytes<'js>) -> Result<bool> {
    let (left, right) = (copy(&ctx, &left)?, copy(&ctx, &right)?);
    let differences = left.iter().zip(&right).fold(0, |all, (a, b)| all | (a ^ b));
    Ok(left.len() == right.len() && differences == 0)
}
