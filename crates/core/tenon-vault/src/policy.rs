//! Who may open what, and for what.
//!
//! The table is in code. A caller is a role, by its certificate or because it is in this very
//! process. Credentials also ask for a grant: proof that there is work of that user. Secrets of the
//! project ask for proof that there is a run of it.

use jiff::Timestamp;
use tenon_contract::grant::{GrantError, GrantKey};
use tenon_contract::vault::{Access, Purpose, SecretOwner, Subject};

/// The longest [`Access::reference`], in bytes.
pub const REFERENCE_BYTES_MAX: usize = 64;
/// The longest step name, in bytes.
const STEP_BYTES_MAX: usize = 64;

/// A role, as the vault knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Configuration: links, probes and unlinks accounts.
    Api,
    /// Takes work in: verifies webhooks.
    Gateway,
    /// Forwards calls.
    Proxy,
    /// Runs steps.
    Worker,
    /// Renews tokens ahead of time.
    Controller,
}

/// Something that a caller may do besides opening a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Keep the first version of a secret, or one that a person brings.
    Write,
    /// Claim a refresh, end it, or note that a value is refused.
    Refresh,
    /// Shred a secret.
    Delete,
}

/// A caller may not. Says why, without secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This role never opens anything for this purpose.
    #[error("the role `{0}` opens nothing for this purpose")]
    Role(&'static str),
    /// This role never changes secrets in this way.
    #[error("the role `{0}` does not change secrets in this way")]
    Change(&'static str),
    /// A value of this kind is never opened for this purpose.
    #[error("a value of this kind is not opened for this purpose")]
    Subject,
    /// A credential or a secret of the project was asked for without proof that there is work for
    /// it.
    #[error("a grant is needed for this value")]
    NoGrant,
    /// The grant does not hold.
    #[error(transparent)]
    Grant(GrantError),
    /// The step or the reference is too long or holds control characters.
    #[error("the step or the reference is too long or holds control characters")]
    Text,
}

/// The rules, with the keys that check grants.
pub struct Policy {
    grant_keys: Vec<GrantKey>,
}

impl Caller {
    /// Every caller.
    pub const ALL: [Self; 5] =
        [Self::Api, Self::Gateway, Self::Proxy, Self::Worker, Self::Controller];

    /// The caller of a role's name; `None`: that role has no business with the vault.
    #[must_use]
    pub fn of_role(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|caller| caller.name() == name)
    }

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Gateway => "gateway",
            Self::Proxy => "proxy",
            Self::Worker => "worker",
            Self::Controller => "controller",
        }
    }

    /// Whether this role opens anything for this purpose.
    #[must_use]
    pub const fn may_open_for(self, purpose: Purpose) -> bool {
        match self {
            Self::Worker => matches!(purpose, Purpose::Step | Purpose::Refresh),
            Self::Proxy => matches!(purpose, Purpose::Proxy | Purpose::Refresh),
            Self::Api => matches!(purpose, Purpose::Connect | Purpose::Refresh),
            Self::Gateway => matches!(purpose, Purpose::Webhook),
            Self::Controller => matches!(purpose, Purpose::Refresh),
        }
    }

    /// Whether this role changes secrets in this way.
    ///
    /// # Errors
    /// [`Refusal::Change`].
    pub const fn check_change(self, change: Change) -> Result<(), Refusal> {
        let may = match change {
            Change::Write => matches!(self, Self::Api),
            Change::Refresh => !matches!(self, Self::Gateway),
            Change::Delete => matches!(self, Self::Api | Self::Controller),
        };
        if may { Ok(()) } else { Err(Refusal::Change(self.name())) }
    }

    /// A token that is renewed ahead of time belongs to no work; one that is renewed inside a step
    /// or a call does, and whoever does that has the grant at hand.
    const fn needs_grant(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Step | Purpose::Proxy => true,
            Purpose::Refresh => matches!(self, Self::Worker | Self::Proxy),
            Purpose::Connect | Purpose::Webhook => false,
        }
    }
}

impl Policy {
    /// Checks grants with these keys; several while they are being changed.
    #[must_use]
    pub const fn new(grant_keys: Vec<GrantKey>) -> Self {
        Self { grant_keys }
    }

    /// Whether `caller` may open a value of `owner`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check_open(
        &self,
        caller: Caller,
        access: &Access,
        owner: &SecretOwner,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !caller.may_open_for(access.purpose) {
            return Err(Refusal::Role(caller.name()));
        }
        if !is_opened_for(&owner.subject, access.purpose) {
            return Err(Refusal::Subject);
        }
        let user = match &owner.subject {
            Subject::Credential { user, .. } => Some(user),
            Subject::Project => None,
            Subject::App | Subject::Session | Subject::Webhook => return Ok(()),
        };
        if !caller.needs_grant(access.purpose) {
            return Ok(());
        }
        let grant = access.grant.as_ref().ok_or(Refusal::NoGrant)?;
        let mut refusal = Refusal::NoGrant;
        for key in &self.grant_keys {
            let checked = match user {
                Some(user) => key.check(grant, owner.project, user, access.run, now),
                None => key.check_run(grant, owner.project, access.run),
            };
            match checked {
                Ok(()) => return Ok(()),
                // An ended grant was signed by this key: no other one says more about it.
                Err(GrantError::Ended) => return Err(Refusal::Grant(GrantError::Ended)),
                Err(error) => refusal = Refusal::Grant(error),
            }
        }
        Err(refusal)
    }
}

/// Whether values of this kind are opened for this purpose at all.
const fn is_opened_for(subject: &Subject, purpose: Purpose) -> bool {
    match subject {
        Subject::Credential { .. } => !matches!(purpose, Purpose::Webhook),
        Subject::App => !matches!(purpose, Purpose::Webhook),
        Subject::Session => matches!(purpose, Purpose::Connect),
        Subject::Project => matches!(purpose, Purpose::Step),
        Subject::Webhook => matches!(purpose, Purpose::Connect | Purpose::Webhook),
    }
}

/// What a caller says of itself goes into the audit, so it is short and plain.
pub(crate) fn check_texts(access: &Access) -> Result<(), Refusal> {
    let is_plain = |text: &str, bytes_max: usize| {
        text.len() <= bytes_max && !text.chars().any(char::is_control)
    };
    let step = access.step.as_ref().is_none_or(|step| is_plain(step.as_str(), STEP_BYTES_MAX));
    let reference = access.reference.as_deref();
    let reference = reference.is_none_or(|text| is_plain(text, REFERENCE_BYTES_MAX));
    if step && reference { Ok(()) } else { Err(Refusal::Text) }
}

#[cfg(test)]
mod tests;
