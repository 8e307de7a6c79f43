//! What travels through the browser: the link that begins, the state, the nonce.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tenon_domain::{ConnectSessionId, ProjectId};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Error;
use crate::ports::StoreError;

/// Random bytes of a state, a nonce and a verifier.
const RANDOM_BYTES: usize = 32;

/// Names a session and its project: 43 characters. Who has it can begin, and nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLink {
    /// The project.
    pub project: ProjectId,
    /// The session.
    pub session: ConnectSessionId,
}

impl SessionLink {
    /// Reads one; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        if length != bytes.len() || text.len() != 43 {
            return None;
        }
        let (project, session) = bytes.split_at(16);
        Some(Self {
            project: ProjectId::from_uuid(Uuid::from_slice(project).ok()?),
            session: ConnectSessionId::from_uuid(Uuid::from_slice(session).ok()?),
        })
    }
}

impl fmt::Display for SessionLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0_u8; 32];
        bytes[..16].copy_from_slice(self.project.uuid().as_bytes());
        bytes[16..].copy_from_slice(self.session.uuid().as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// A fresh state of a session: its link, a dot, 256 random bits.
pub(super) fn draw_state(link: &SessionLink) -> Result<Zeroizing<String>, Error> {
    let random = draw()?;
    Ok(Zeroizing::new(format!("{link}.{}", random.as_str())))
}

/// The session that a state is of.
pub(super) fn link_of_state(state: &str) -> Option<SessionLink> {
    let (link, random) = state.split_once('.')?;
    (random.len() == 43).then(|| SessionLink::parse(link)).flatten()
}

/// 256 random bits, base64url: 43 characters, also what a PKCE verifier may be.
pub(crate) fn draw() -> Result<Zeroizing<String>, Error> {
    let mut random = Zeroizing::new([0_u8; RANDOM_BYTES]);
    getrandom::fill(&mut *random).map_err(|error| {
        Error::Store(StoreError::Failed { action: "draw random bytes", source: Box::new(error) })
    })?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*random)))
}

pub(crate) fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_comes_back_as_it_went() {
        let link = SessionLink { project: ProjectId::new(), session: ConnectSessionId::new() };
        let text = link.to_string();
        assert_eq!((text.len(), SessionLink::parse(&text)), (43, Some(link)));
        let state = draw_state(&link).expect("the system has random bytes");
        assert_eq!(link_of_state(&state), Some(link));
        assert_ne!(*state, *draw_state(&link).expect("the system has random bytes"));
    }

    #[test]
    fn anything_else_is_no_link() {
        let text =
            SessionLink { project: ProjectId::new(), session: ConnectSessionId::new() }.to_string();
        for text in ["", "x", &text[1..], &format!("{text}A"), &format!("{}=", &text[1..]), "ü"] {
            assert_eq!(SessionLink::parse(text), None, "{text}");
        }
        for state in ["", ".", text.as_str(), &format!("{text}.short")] {
            assert_eq!(link_of_state(state), None, "{state}");
        }
    }
}
