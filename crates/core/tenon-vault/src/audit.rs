//! The record of every decryption, chained per tenant so that no row can be changed or left out
//! unnoticed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenon_contract::vault::Purpose;
use tenon_domain::{ProjectId, RunId, SecretId, StepId};

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
