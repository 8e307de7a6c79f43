//! The tick of a workflow of an integration: one run for each installation.
//!
//! Installations are taken in the order of their configurations' ids, a part at a time, and the
//! store keeps how far the tick has come. So it does not matter who accepts which part, nor that
//! the list changes between two parts: each configuration that is on throughout is taken once.
//!
//! Settings come from the users' plans. A plan that cannot be read holds the part up; a user who
//! is disabled, or an installation that is not on any more, is passed over.

use std::sync::Arc;

use futures::future::{BoxFuture, try_join_all};
use jiff::Timestamp;
use tenon_contract::plan::{InstallationRef, PlanError, ProjectPlan, UserPlan};
use tenon_domain::ConfigurationId;

use super::{Entry, Schedules, Target, TickError};
use crate::installations::exactly;
use crate::intake::{pack, sign};
use crate::ports::history::Payload;
use crate::ports::schedule::{ScheduleKey, TickPart, TickProgress};
use crate::ports::store::{Installation, Job};

/// A user's plan, where there is one.
type UserOf = Option<Arc<UserPlan>>;

impl Schedules {
    /// Accepts what is left of a tick.
    pub(super) async fn accept_for_installations(
        &self,
        key: &ScheduleKey,
        entry: &Entry,
        tick: Timestamp,
    ) -> Result<(), TickError> {
        let installed = self.plans.installations(entry.project, entry.workflow.id).await?;
        // Not to be mistaken for nobody: the tick waits for the plan, or is skipped in the end.
        let installed = installed.ok_or(TickError::UnknownInstallations(entry.workflow.id))?;
        let project = self.plans.project(entry.project).await?;
        let mut refs: Vec<&InstallationRef> = installed.installations.iter().collect();
        refs.sort_unstable_by_key(|installation| installation.configuration);
        refs.dedup_by_key(|installation| installation.configuration);
        let mut progress = self.store.tick_progress(key, tick).await?;
        loop {
            let after = match progress {
                TickProgress::Done => return Ok(()),
                TickProgress::Untouched => None,
                TickProgress::Through(configuration) => Some(configuration),
            };
            let from = refs.partition_point(|it| Some(it.configuration) <= after);
            let part = self.part(entry, tick, project.as_deref(), &refs[from..]).await?;
            let moved = TickPart { tick, after, through: part.through };
            let is_new = self.store.accept_tick_part(key, moved, &part.jobs).await?;
            self.count_tick(tick, is_new);
            progress = if is_new {
                self.push(&part.jobs).await;
                part.through.map_or(TickProgress::Done, TickProgress::Through)
            } else {
                self.store.tick_progress(key, tick).await?
            };
        }
    }

    /// The jobs of the next installations, as many as fit into one transaction.
    async fn part(
        &self,
        entry: &Entry,
        tick: Timestamp,
        project: Option<&ProjectPlan>,
        refs: &[&InstallationRef],
    ) -> Result<Part, TickError> {
        let limits = &self.limits;
        let mut part = Part { jobs: Vec::new(), through: None };
        let mut bytes = 0;
        let (mut taken, end) = (0, refs.len().min(limits.part_max.max(1)));
        while taken < end && bytes <= limits.part_bytes_max {
            let group = &refs[taken..end.min(taken + limits.reads_max.max(1))];
            for (installation, plan) in self.read_users(entry, group).await? {
                // Passed over ones are taken too: the part ends behind them.
                taken += 1;
                let job = self.job_of(entry, tick, project, installation, plan)?;
                bytes += job.as_ref().map_or(0, |job| values_bytes(job.installation.as_ref()));
                part.jobs.extend(job);
                if bytes > limits.part_bytes_max {
                    break;
                }
            }
        }
        part.through = (taken < refs.len()).then(|| refs[taken - 1].configuration);
        pack(&*self.blobs, limits.inline_bytes_max, part.jobs.iter_mut()).await?;
        Ok(part)
    }

    /// The plans of the users of these installations, in their order; all at once.
    async fn read_users<'r>(
        &self,
        entry: &Entry,
        refs: &[&'r InstallationRef],
    ) -> Result<Vec<(&'r InstallationRef, UserOf)>, TickError> {
        let reads: Vec<BoxFuture<'_, Result<UserOf, PlanError>>> =
            refs.iter().map(|it| self.plans.user(entry.project, &it.user)).collect();
        let plans = try_join_all(reads).await?;
        Ok(refs.iter().copied().zip(plans).collect())
    }

    fn job_of(
        &self,
        entry: &Entry,
        tick: Timestamp,
        project: Option<&ProjectPlan>,
        installation: &InstallationRef,
        plan: UserOf,
    ) -> Result<Option<Job>, TickError> {
        if project.is_some_and(|plan| plan.disabled_users.contains(&installation.user)) {
            return Ok(None);
        }
        let Some(plan) = plan else { return Ok(None) };
        let (credential, configuration) = (installation.credential, installation.configuration);
        let Some(chosen) = exactly(&plan, &entry.workflow, credential, configuration) else {
            return Ok(None);
        };
        let (user, frozen) = (installation.user.clone(), chosen.freeze(&entry.workflow));
        let mut job = self.job(entry, tick, Some(Target { user, installation: frozen }))?;
        sign(&mut job, self.grants.as_deref());
        Ok(Some(job))
    }
}

/// What is accepted in one transaction.
struct Part {
    jobs: Vec<Job>,
    /// The last configuration of it; `None` when there are no more.
    through: Option<ConfigurationId>,
}

fn values_bytes(installation: Option<&Installation>) -> usize {
    match installation.map(|installation| &installation.values) {
        Some(Payload::Inline(bytes)) => bytes.len(),
        Some(Payload::Blob(_)) | None => 0,
    }
}
