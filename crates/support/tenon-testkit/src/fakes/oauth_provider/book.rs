//! What the provider knows: codes, grants and their tokens.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Counters, Fault, Manners};

/// Names a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantId(u64);

/// What became of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub id: GrantId,
    /// Token requests with one of its refresh tokens, whatever became of them.
    pub refreshes: u32,
    /// New access tokens that were issued for refresh tokens.
    pub rotations: u32,
    /// Whether it has ended.
    pub is_revoked: bool,
    /// Whether it ended because a refresh token came twice.
    pub was_reused: bool,
}

/// Tokens that were issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Their grant.
    pub grant: GrantId,
    /// For calls.
    pub access_token: String,
    /// For new tokens.
    pub refresh_token: Option<String>,
    /// How long the access token lives, in seconds.
    pub expires_in: Option<u64>,
}

/// Why a token request is refused: OAuth's `error` and a text.
pub(super) struct Refusal(pub(super) &'static str, pub(super) String);

#[derive(Default)]
pub(super) struct Book {
    pub(super) faults: VecDeque<Fault>,
    pub(super) counters: Counters,
    grants: HashMap<u64, Grant>,
    codes: HashMap<String, Code>,
    access_tokens: HashMap<String, (u64, Instant)>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

struct Code {
    redirect_uri: String,
    challenge: Option<String>,
}

struct RefreshToken {
    grant: u64,
    is_spent: bool,
}

impl Book {
    pub(super) fn new_code(&mut self, redirect_uri: &str, challenge: Option<String>) -> String {
        let code = random("code");
        let value = Code { redirect_uri: redirect_uri.to_owned(), challenge };
        self.codes.insert(code.clone(), value);
        code
    }

    pub(super) fn take_code(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        manners: &Manners,
    ) -> Result<Tokens, Refusal> {
        let refuse = |text: &str| Err(Refusal("invalid_grant", text.to_owned()));
        let Some(known) = self.codes.remove(code) else { return refuse("unknown code") };
        if known.redirect_uri != redirect_uri {
            return refuse("another redirect_uri");
        }
        if known.challenge.is_some() && known.challenge != verifier.map(s256) {
            return refuse("the code verifier does not fit");
        }
        self.counters.codes += 1;
        Ok(self.new_grant(manners))
    }

    pub(super) fn new_grant(&mut self, manners: &Manners) -> Tokens {
        let id = self.grants.len() as u64 + 1;
        let grant = Grant {
            id: GrantId(id),
            refreshes: 0,
            rotations: 0,
            is_revoked: false,
            was_reused: false,
        };
        self.grants.insert(id, grant);
        self.issue(id, manners, None)
    }

    /// Renews, strictly where the manners say so.
    pub(super) fn refresh(&mut self, token: &str, manners: &Manners) -> Result<Tokens, Refusal> {
        let refuse = |text: &str| Err(Refusal("invalid_grant", text.to_owned()));
        self.counters.refreshes += 1;
        let Some(known) = self.refresh_tokens.get_mut(token) else {
            return refuse("unknown refresh token");
        };
        let grant = self.grants.get_mut(&known.grant).expect("a token has a grant");
        grant.refreshes += 1;
        if grant.is_revoked {
            return refuse("the grant has ended");
        }
        if known.is_spent && manners.rotates {
            (grant.is_revoked, grant.was_reused) = (true, true);
            self.counters.family_revocations += 1;
            return refuse("the refresh token was already used");
        }
        grant.rotations += 1;
        known.is_spent = true;
        let id = known.grant;
        // The access tokens before it end with it, as at the strictest providers.
        self.access_tokens.retain(|_, (owner, _)| *owner != id);
        let keep = (!manners.rotates).then(|| token.to_owned());
        Ok(self.issue(id, manners, keep))
    }

    pub(super) fn revoke(&mut self, grant: GrantId) {
        if let Some(grant) = self.grants.get_mut(&grant.0) {
            grant.is_revoked = true;
        }
    }

    /// What the client gives back: the grant ends, whichever of its tokens it is.
    pub(super) fn revoke_token(&mut self, token: &str) {
        if let Some(grant) = self.grant_of(token) {
            self.counters.revocations += 1;
            self.revoke(grant.id);
        }
    }

    pub(super) fn grant_of(&self, token: &str) -> Option<Grant> {
        let by_access = self.access_tokens.get(token).map(|(grant, _)| *grant);
        let id = by_access.or_else(|| self.refresh_tokens.get(token).map(|known| known.grant))?;
        self.grants.get(&id).cloned()
    }

    /// The grant of an access token that works.
    pub(super) fn call(&mut self, token: &str) -> Option<u64> {
        let works = self.access_tokens.get(token).filter(|(grant, end)| {
            *end > Instant::now() && self.grants.get(grant).is_some_and(|grant| !grant.is_revoked)
        });
        let grant = works.map(|(grant, _)| *grant);
        match grant {
            Some(_) => self.counters.calls += 1,
            None => self.counters.refused_calls += 1,
        }
        grant
    }

    fn issue(&mut self, grant: u64, manners: &Manners, keep: Option<String>) -> Tokens {
        let access_token = random("access");
        let end = Instant::now() + manners.life;
        self.access_tokens.insert(access_token.clone(), (grant, end));
        let refresh_token = keep.or_else(|| {
            manners.issues_refresh_tokens.then(|| {
                let token = random("refresh");
                let value = RefreshToken { grant, is_spent: false };
                self.refresh_tokens.insert(token.clone(), value);
                token
            })
        });
        Tokens {
            grant: GrantId(grant),
            access_token,
            refresh_token,
            expires_in: manners.says_expires_in.then_some(seconds(manners.life)),
        }
    }
}

fn seconds(life: Duration) -> u64 {
    life.as_secs().max(1)
}

/// A secret that a test can look for everywhere: `canary-<kind>-<random>`.
fn random(kind: &str) -> String {
    format!("canary-{kind}-{:032x}", rand::random::<u128>())
}

fn s256(verifier: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(verifier.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}
