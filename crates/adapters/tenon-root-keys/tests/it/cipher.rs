//! The cipher of the emulated services: AES-256-GCM under a key that each has for itself.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

pub struct Cipher(RandomizedNonceKey);

impl Cipher {
    pub fn new() -> Self {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).expect("there are random bytes");
        Self(RandomizedNonceKey::new(&AES_256_GCM, &key).expect("it has 32 bytes"))
    }

    pub fn seal(&self, plaintext: &[u8], context: &[u8]) -> Vec<u8> {
        let mut sealed = plaintext.to_vec();
        let nonce =
            self.0.seal_in_place_append_tag(Aad::from(context), &mut sealed).expect("it seals");
        [&nonce.as_ref()[..], &sealed].concat()
    }

    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = sealed.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(context), &mut bytes).ok()?;
        Some(opened.to_vec())
    }
}
