//! What is sent to be wrapped: the key, and the hash of its context. Where a service binds the
//! context itself, this is a second lock on the same door; where it does not (RSA), or silently
//! ignores a field that it is too old for, it is the only one.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use tenon_vault::ports::RootKeyError;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const BOUND_BYTES: usize = 64;

/// The hash that stands for a context.
pub(crate) fn context_hash(context: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, context).as_ref());
    hash
}

/// The key and the hash of its context.
pub(crate) fn bind(key: &[u8; KEY_BYTES], context: &[u8]) -> Zeroizing<[u8; BOUND_BYTES]> {
    let mut bound = Zeroizing::new([0; BOUND_BYTES]);
    bound[..KEY_BYTES].copy_from_slice(key);
    bound[KEY_BYTES..].copy_from_slice(&context_hash(context));
    bound
}

/// The key, if it was bound to this context.
pub(crate) fn unbind(
    bound: &[u8],
    context: &[u8],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, RootKeyError> {
    let (key, hash) = bound
        .split_at_checked(KEY_BYTES)
        .ok_or_else(|| refused("what was unwrapped is too short to be a key"))?;
    verify_slices_are_equal(hash, &context_hash(context))
        .map_err(|_| refused("the wrapped key is of another ring"))?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    bytes.copy_from_slice(key);
    Ok(bytes)
}

pub(crate) fn refused(reason: impl Into<String>) -> RootKeyError {
    RootKeyError::Refused { reason: reason.into() }
}

pub(crate) fn unavailable(reason: impl Into<String>) -> RootKeyError {
    RootKeyError::Unavailable { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_under_its_own_context_only() {
        let bound = bind(&[7; 32], b"ring 1");
        assert_eq!(*unbind(&*bound, b"ring 1").expect("it is bound to it"), [7; 32]);
        assert!(unbind(&*bound, b"ring 2").is_err());
        for length in [0, 31, 32, 63] {
            assert!(unbind(&bound[..length], b"ring 1").is_err(), "{length} bytes");
        }
    }
}
