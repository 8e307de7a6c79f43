//! Checks that an audit is what was written: nothing changed, left out, put in or moved.
//!
//! Rows cut off at the end leave a chain that is whole by itself; only a head that was kept
//! elsewhere (a signed export, a log) shows that. So [`ChainVerifier::finish`] takes one.

use tenon_domain::ProjectId;

use super::{AuditLink, AuditRecord};

/// The last record of a chain, or of the part of it that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainHead {
    /// Its number; 0 where there is none.
    pub number: i64,
    /// Its hash; zeros where there is none.
    pub hash: [u8; 32],
}

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A record of this number was expected and another one came: rows were left out, put in or
    /// moved.
    #[error("audit record {expected} was expected and {found} was found")]
    Number {
        /// What follows the record before it.
        expected: i64,
        /// What is there.
        found: i64,
    },
    /// It does not follow the record before it: that one was replaced.
    #[error("audit record {number} does not follow the one before it")]
    Previous {
        /// Which.
        number: i64,
    },
    /// Its content is not what was hashed.
    #[error("audit record {number} was changed")]
    Content {
        /// Which.
        number: i64,
    },
    /// It is of another tenant.
    #[error("audit record {number} is of another project")]
    Project {
        /// Which.
        number: i64,
    },
    /// The chain does not reach the head that was kept of it, or has another record there.
    #[error("the audit ends at record {number}, not as it was known to")]
    End {
        /// The last number that was found.
        number: i64,
    },
}

/// Checks a chain piece by piece.
#[derive(Debug)]
pub struct ChainVerifier {
    project: ProjectId,
    head: ChainHead,
    kept: Option<ChainHead>,
    has_met_kept: bool,
}

impl ChainVerifier {
    /// Starts behind `from`, the head up to which the chain was checked before; by default at its
    /// beginning.
    #[must_use]
    pub const fn new(project: ProjectId, from: ChainHead) -> Self {
        Self { project, head: from, kept: None, has_met_kept: false }
    }

    /// Also asks that the chain holds a head that was kept elsewhere.
    #[must_use]
    pub fn expecting(mut self, kept: ChainHead) -> Self {
        self.has_met_kept = kept == self.head;
        self.kept = Some(kept);
        self
    }

    /// Checks the next record.
    ///
    /// # Errors
    /// [`ChainFault`]; the verifier stays where it was.
    pub fn push(&mut self, record: &AuditRecord, link: &AuditLink) -> Result<(), ChainFault> {
        let number = link.number;
        let expected = self.head.number + 1;
        if number != expected {
            return Err(ChainFault::Number { expected, found: number });
        }
        if record.project != self.project {
            return Err(ChainFault::Project { number });
        }
        if link.previous != self.head.hash {
            return Err(ChainFault::Previous { number });
        }
        if record.link(number, &link.previous) != *link {
            return Err(ChainFault::Content { number });
        }
        self.head = ChainHead { number, hash: link.hash };
        self.has_met_kept |= self.kept == Some(self.head);
        Ok(())
    }

    /// The head so far, to be kept elsewhere.
    #[must_use]
    pub const fn head(&self) -> ChainHead {
        self.head
    }

    /// Ends the check.
    ///
    /// # Errors
    /// [`ChainFault::End`] when a kept head was expected and did not come.
    pub fn finish(self) -> Result<ChainHead, ChainFault> {
        if self.kept.is_some() && !self.has_met_kept {
            return Err(ChainFault::End { number: self.head.number });
        }
        Ok(self.head)
    }
}

/// Checks the whole audit of a tenant, from its first record. Rows cut off at the end are found
/// only by comparing the head that it answers with one that was kept elsewhere.
///
/// # Errors
/// The first [`ChainFault`].
pub fn verify_chain(records: &[(AuditRecord, AuditLink)]) -> Result<ChainHead, ChainFault> {
    let Some((first, _)) = records.first() else { return Ok(ChainHead::default()) };
    let mut verifier = ChainVerifier::new(first.project, ChainHead::default());
    for (record, link) in records {
        verifier.push(record, link)?;
    }
    verifier.finish()
}
