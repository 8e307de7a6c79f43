//! The canonical form of what encryption and the audit are bound to: tag, length, bytes.
//!
//! Every field is written with its tag and its length, always in the same order, so that no two
//! different records have the same bytes. It is only written, never read back.

/// Room for all that is bound but the longest user ids, without an allocation.
const INLINE_BYTES: usize = 256;

/// Fields, written one behind the other. Nothing of them is secret.
pub(crate) struct Tlv {
    inline: [u8; INLINE_BYTES],
    length: usize,
    /// Everything, once it has outgrown the room.
    grown: Vec<u8>,
}

impl Tlv {
    /// Starts with a label, which keeps different uses apart.
    #[inline]
    pub(crate) fn new(label: &str) -> Self {
        let mut tlv = Self { inline: [0; INLINE_BYTES], length: 0, grown: Vec::new() };
        tlv.bytes(0, label.as_bytes());
        tlv
    }

    /// Writes a field. Inlined, because most values have a known length: then it is a few stores.
    #[inline]
    pub(crate) fn bytes(&mut self, tag: u8, value: &[u8]) {
        let length = u32::try_from(value.len()).expect("what is bound is far below 4 GB");
        let [a, b, c, d] = length.to_be_bytes();
        self.push(&[tag, a, b, c, d]);
        self.push(value);
    }

    /// Writes a field that may be absent; absent and empty differ.
    pub(crate) fn maybe(&mut self, tag: u8, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.bytes(tag, value);
        }
    }

    /// What was written.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.grown.is_empty() { &self.inline[..self.length] } else { &self.grown }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.inline.get_mut(self.length..end) {
            Some(room) if self.grown.is_empty() => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            _ => self.grow(bytes),
        }
    }

    #[cold]
    fn grow(&mut self, bytes: &[u8]) {
        if self.grown.is_empty() {
            self.grown.extend_from_slice(&self.inline[..self.length]);
        }
        self.grown.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The form itself, written down once more.
    fn expected(label: &str, fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, value) in [(0, label.as_bytes().to_vec())].iter().chain(fields) {
            bytes.push(*tag);
            bytes.extend(u32::try_from(value.len()).expect("it is short").to_be_bytes());
            bytes.extend(value);
        }
        bytes
    }

    proptest! {
        #[test]
        fn fields_of_any_length_have_one_form(
            label in "[a-z ]{0,20}",
            fields in proptest::collection::vec(
                (1_u8.., proptest::collection::vec(any::<u8>(), 0..300)),
                0..6,
            ),
        ) {
            let mut tlv = Tlv::new(&label);
            for (tag, value) in &fields {
                tlv.bytes(*tag, value);
            }
            let expected = expected(&label, &fields);
            prop_assert_eq!(tlv.as_slice(), &expected[..]);
        }
    }

    #[test]
    fn it_grows_at_every_length_without_a_gap() {
        for length in 0..=2 * INLINE_BYTES {
            let value: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut tlv = Tlv::new("x");
            tlv.bytes(1, &value);
            tlv.maybe(2, Some(b"behind"));
            tlv.maybe(3, None);
            let fields = [(1, value), (2, b"behind".to_vec())];
            assert_eq!(tlv.as_slice(), expected("x", &fields), "{length}");
        }
    }
}
