//! How the chains of the audit ended when this process last wrote to them. It is a guess: other
//! processes write, too. The database compares it before it appends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenon_domain::ProjectId;
use tenon_vault::audit::AuditRecord;

/// The last link of a chain: its number and its hash.
pub(super) type Tail = (i64, [u8; 32]);

/// The ends of some chains.
pub(super) type Ends = HashMap<ProjectId, Tail>;

/// Projects that are remembered, 100 bytes each; at the limit all are forgotten.
const PROJECTS_MAX: usize = 10_000;

/// The ends that are remembered.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<Ends>);

impl Tails {
    /// The ends of the chains of all these records; `None` where one is not known.
    pub(super) fn of(&self, records: &[AuditRecord]) -> Option<Ends> {
        let known = self.lock();
        let projects = records.iter().map(|record| record.project);
        projects.map(|project| Some((project, *known.get(&project)?))).collect()
    }

    /// Remembers what was written.
    pub(super) fn keep(&self, ends: Ends) {
        let mut known = self.lock();
        for (project, tail) in ends {
            if known.len() >= PROJECTS_MAX && !known.contains_key(&project) {
                known.clear();
            }
            // Answers may come in another order than the writes were done in.
            let kept = known.entry(project).or_insert(tail);
            if kept.0 < tail.0 {
                *kept = tail;
            }
        }
    }

    /// Forgets chains of which nothing is certain any more.
    pub(super) fn forget(&self, records: &[AuditRecord]) {
        let mut known = self.lock();
        for record in records {
            known.remove(&record.project);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tenon_contract::vault::Purpose;
    use tenon_domain::SecretId;

    use super::*;

    fn record(project: ProjectId) -> AuditRecord {
        AuditRecord {
            project,
            at: Timestamp::UNIX_EPOCH,
            caller: "worker".to_owned(),
            secret: SecretId::new(),
            version: 1,
            purpose: Purpose::Step,
            run: None,
            step: None,
            reference: None,
            is_granted: true,
        }
    }

    #[test]
    fn ends_are_known_for_a_batch_only_when_all_of_them_are() {
        let tails = Tails::default();
        let [one, two] = [ProjectId::new(), ProjectId::new()];
        tails.keep(Ends::from([(one, (7, [1; 32]))]));
        assert_eq!(tails.of(&[record(one), record(one)]), Some(Ends::from([(one, (7, [1; 32]))])));
        assert_eq!(tails.of(&[record(one), record(two)]), None);
        tails.keep(Ends::from([(two, (1, [2; 32])), (one, (6, [3; 32]))]));
        let known = tails.of(&[record(one), record(two)]).expect("both are known");
        assert_eq!(known, Ends::from([(one, (7, [1; 32])), (two, (1, [2; 32]))]));
        tails.forget(&[record(one)]);
        assert_eq!(tails.of(&[record(one)]), None);
        assert!(tails.of(&[record(two)]).is_some());
    }

    #[test]
    fn it_never_remembers_more_than_it_may() {
        let tails = Tails::default();
        for _ in 0..PROJECTS_MAX + 5 {
            tails.keep(Ends::from([(ProjectId::new(), (1, [0; 32]))]));
            assert!(tails.lock().len() <= PROJECTS_MAX);
        }
        assert_eq!(tails.lock().len(), 5);
    }
}
