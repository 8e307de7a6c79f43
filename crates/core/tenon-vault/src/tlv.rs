//! The canonical form of what encryption and the audit are bound to: tag, length, bytes.
//!
//! Every field is written with its tag and its length, always in the same order, so that no two
//! different records have the same bytes. It is only written, never read back.

/// Fields, written one behind the other.
pub(crate) struct Tlv(Vec<u8>);

impl Tlv {
    /// Starts with a label, which keeps different uses apart.
    pub(crate) fn new(label: &str) -> Self {
        // Fits all that is bound but the longest user ids without growing.
        let mut tlv = Self(Vec::with_capacity(256));
        tlv.bytes(0, label.as_bytes());
        tlv
    }

    /// Writes a field.
    pub(crate) fn bytes(&mut self, tag: u8, value: &[u8]) {
        let length = u32::try_from(value.len()).expect("what is bound is far below 4 GB");
        self.0.push(tag);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }

    /// Writes a field that may be absent; absent and empty differ.
    pub(crate) fn maybe(&mut self, tag: u8, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.bytes(tag, value);
        }
    }

    /// What was written.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}
