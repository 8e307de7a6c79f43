//! Who workflows with a webhook trigger run for, ready to be looked up by account and by the values
//! that events are routed by.
//!
//! It is made from plans and kept in memory until a change is announced, or for a minute at most.
//! While plans cannot be read it goes on from what it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tenon_contract::plan::{InstallationRef, InstallationsPlan, PlanError, PlanSource};
use tenon_domain::{CredentialId, ProjectId, WorkflowId};
use tokio::sync::Mutex;

use crate::ports::coordination::MISSED_TOPIC;

/// Workflows that are read at the same time, at most.
const READERS: usize = 8;

/// Bounds of a [`Directory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectorySettings {
    /// How long a workflow's installations are used before they are read again. Default a minute.
    pub ttl: Duration,
    /// Installations of all workflows that are kept; beyond, all are dropped and read again as
    /// needed. Default 1,000,000, a few hundred MB.
    pub installations_max: usize,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self { ttl: Duration::from_mins(1), installations_max: 1_000_000 }
    }
}

/// Finds installations. Shared by everything that takes events in.
pub struct Directory {
    plans: Arc<dyn PlanSource>,
    kept: DashMap<(ProjectId, WorkflowId), (Instant, Arc<Installed>)>,
    /// Grows with every change that was heard of: what was read before it is not kept.
    changes: AtomicU64,
    /// A long plan is not read by many at once.
    readers: [Mutex<()>; READERS],
    settings: DirectorySettings,
}

/// The installations of a workflow.
#[derive(Debug, Default)]
pub struct Installed {
    all: Vec<InstallationRef>,
    by_account: HashMap<CredentialId, Vec<usize>>,
    by_route: HashMap<String, HashMap<String, Vec<usize>>>,
}

impl Installed {
    /// Those of a plan.
    #[must_use]
    pub fn of_plan(plan: &InstallationsPlan) -> Self {
        let mut made = Self { all: plan.installations.clone(), ..Self::default() };
        for (index, one) in plan.installations.iter().enumerate() {
            made.by_account.entry(one.credential).or_default().push(index);
            for (field, value) in &one.routes {
                let values = made.by_route.entry(field.clone()).or_default();
                values.entry(value.clone()).or_default().push(index);
            }
        }
        made
    }

    /// Those of an account.
    pub fn of_account(&self, account: CredentialId) -> impl Iterator<Item = &InstallationRef> {
        self.all_of(self.by_account.get(&account))
    }

    /// Those of accounts with this value in this field.
    pub fn of_route(&self, field: &str, value: &str) -> impl Iterator<Item = &InstallationRef> {
        self.all_of(self.by_route.get(field).and_then(|values| values.get(value)))
    }

    fn all_of<'i>(
        &'i self,
        places: Option<&'i Vec<usize>>,
    ) -> impl Iterator<Item = &'i InstallationRef> + use<'i> {
        places.into_iter().flatten().filter_map(|index| self.all.get(*index))
    }
}

impl Directory {
    /// Reads from `plans` what is not in memory.
    #[must_use]
    pub fn new(plans: Arc<dyn PlanSource>, settings: DirectorySettings) -> Self {
        Self {
            plans,
            kept: DashMap::new(),
            changes: AtomicU64::new(0),
            readers: Default::default(),
            settings,
        }
    }

    /// Who a workflow runs for; nobody where its plan is not there.
    ///
    /// # Errors
    /// When the plan cannot be read, and was not before.
    pub async fn of(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Arc<Installed>, PlanError> {
        let key = (project, workflow);
        if let Some(kept) = self.fresh(key) {
            return Ok(kept);
        }
        let byte = workflow.uuid().as_bytes()[15];
        let _pass = self.readers[usize::from(byte) % READERS].lock().await;
        if let Some(kept) = self.fresh(key) {
            return Ok(kept);
        }
        let changes = self.changes.load(Ordering::SeqCst);
        match self.plans.installations(project, workflow).await {
            Ok(plan) => {
                let read = plan.map(|plan| Installed::of_plan(&plan)).unwrap_or_default();
                let read = Arc::new(read);
                self.make_room(read.all.len());
                self.kept.insert(key, (Instant::now(), read.clone()));
                // A change that came while this was read may not be in it.
                if self.changes.load(Ordering::SeqCst) != changes {
                    self.kept.remove(&key);
                }
                Ok(read)
            }
            Err(error) => {
                let kept = self.kept.get(&key).map(|entry| entry.1.clone());
                kept.ok_or(error)
            }
        }
    }

    /// Drops what an announcement names.
    pub fn hear(&self, topic: &str) {
        if topic == MISSED_TOPIC {
            self.changes.fetch_add(1, Ordering::SeqCst);
            self.kept.clear();
            return;
        }
        let Some((project, workflow)) =
            topic.strip_prefix("installations:").and_then(|names| names.split_once(':'))
        else {
            return;
        };
        self.changes.fetch_add(1, Ordering::SeqCst);
        if let (Ok(project), Ok(workflow)) = (project.parse(), workflow.parse()) {
            self.kept.remove(&(project, workflow));
        }
    }

    fn fresh(&self, key: (ProjectId, WorkflowId)) -> Option<Arc<Installed>> {
        let entry = self.kept.get(&key)?;
        (entry.0.elapsed() < self.settings.ttl).then(|| entry.1.clone())
    }

    fn make_room(&self, for_count: usize) {
        let held: usize = self.kept.iter().map(|entry| entry.1.all.len()).sum();
        if held + for_count > self.settings.installations_max {
            self.kept.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tenon_domain::{ConfigurationId, EndUserId};

    use super::*;

    fn reference(user: &str, team: Option<&str>) -> InstallationRef {
        let team = team.map(|team| ("team".to_owned(), team.to_owned()));
        InstallationRef {
            user: EndUserId::new(user),
            credential: CredentialId::new(),
            configuration: ConfigurationId::new(),
            routes: BTreeMap::from_iter(team),
        }
    }

    #[test]
    fn installations_are_found_by_account_and_by_value() {
        let all = vec![
            reference("a", Some("t-1")),
            reference("b", Some("t-2")),
            reference("c", Some("t-1")),
            reference("d", None),
        ];
        let installed = Installed::of_plan(&InstallationsPlan {
            project: ProjectId::new(),
            workflow: WorkflowId::new(),
            revision: 1,
            installations: all.clone(),
        });
        let users = |field: &str, value: &str| -> Vec<String> {
            installed.of_route(field, value).map(|it| it.user.to_string()).collect()
        };
        assert_eq!(users("team", "t-1"), ["a", "c"]);
        assert_eq!(users("team", "t-2"), ["b"]);
        assert!(users("team", "t-3").is_empty() && users("other", "t-1").is_empty());
        let own: Vec<_> = installed.of_account(all[3].credential).collect();
        assert_eq!(own, [&all[3]]);
        assert_eq!(installed.of_account(CredentialId::new()).count(), 0);
    }
}
