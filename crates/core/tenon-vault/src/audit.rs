//! The record of every decryption, chained per tenant so that no row can be changed or left out
//! unnoticed.

mod chain;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_contract::vault::Purpose;
use tenon_domain::{ProjectId, RunId, SecretId, StepId};

pub use self::chain::{ChainFault, ChainHead, ChainVerifier, verify_chain};
use crate::cipher::sha256;
use crate::tlv::Tlv;

/// Who opened what, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The tenant.
    pub project: ProjectId,
    /// When.
    pub at: Timestamp,
    /// The role that asked: `worker`, `proxy`, `api`; by its certificate, or of this process.
    pub caller: String,
    /// The secret.
    pub secret: SecretId,
    /// Its version.
    pub version: u32,
    /// Why.
    pub purpose: Purpose,
    /// For which run.
    pub run: Option<RunId>,
    /// For which step.
    pub step: Option<StepId>,
    /// The call, session or webhook.
    pub reference: Option<String>,
    /// Whether it was given out; `false`: refused, with the reason in `reference`.
    pub is_granted: bool,
}

/// A record's place in the chain of its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLink {
    /// Counted from 1 without gaps.
    pub number: i64,
    /// The hash of the record before it; zeros for the first.
    pub previous: [u8; 32],
    /// SHA-256 over `previous`, `number` and the canonical form of the record.
    pub hash: [u8; 32],
}

impl AuditRecord {
    /// The link of this record when it is the `number`th of its tenant, behind a record whose hash
    /// is `previous`. The time counts in microseconds, which is what databases keep.
    #[must_use]
    pub fn link(&self, number: i64, previous: &[u8; 32]) -> AuditLink {
        let mut tlv = Tlv::new("tenon audit 1");
        tlv.bytes(1, previous);
        tlv.bytes(2, &number.to_be_bytes());
        tlv.bytes(3, self.project.uuid().as_bytes());
        tlv.bytes(4, &self.at.as_microsecond().to_be_bytes());
        tlv.bytes(5, self.caller.as_bytes());
        tlv.bytes(6, self.secret.uuid().as_bytes());
        tlv.bytes(7, &self.version.to_be_bytes());
        tlv.bytes(8, purpose_name(self.purpose).as_bytes());
        tlv.maybe(9, self.run.map(|run| *run.uuid().as_bytes()).as_ref().map(|id| &id[..]));
        tlv.maybe(10, self.step.as_ref().map(|step| step.as_str().as_bytes()));
        tlv.maybe(11, self.reference.as_deref().map(str::as_bytes));
        tlv.bytes(12, &[u8::from(self.is_granted)]);
        AuditLink { number, previous: *previous, hash: sha256(tlv.as_slice()) }
    }
}

/// A purpose as the audit writes it: a change here would break every chain.
const fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Step => "step",
        Purpose::Proxy => "proxy",
        Purpose::Refresh => "refresh",
        Purpose::Connect => "connect",
        Purpose::Webhook => "webhook",
    }
}
