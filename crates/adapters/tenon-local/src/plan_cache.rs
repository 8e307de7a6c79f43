//! Plans in the memory of one process.
//!
//! It holds every plan of the installation, which is what a single process executes anyway; it
//! does not evict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tenon_contract::plan::{
    InstallationsPlan, PlanCache, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_domain::{EndUserId, ProjectId, VersionId, WorkflowId};

/// The plan cache of this process.
#[derive(Debug, Default)]
pub struct LocalPlanCache {
    projects: DashMap<ProjectId, Arc<ProjectPlan>>,
    workflows: DashMap<VersionId, Arc<WorkflowPlan>>,
    users: DashMap<(ProjectId, EndUserId), Arc<UserPlan>>,
    installations: DashMap<(ProjectId, WorkflowId), Arc<InstallationsPlan>>,
    is_filled: AtomicBool,
}

impl LocalPlanCache {
    /// Starts empty and not filled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, as a restart of the process would. For fault tests.
    pub fn forget(&self) {
        self.is_filled.store(false, Ordering::SeqCst);
        self.projects.clear();
        self.workflows.clear();
        self.users.clear();
        self.installations.clear();
    }
}

#[async_trait]
impl PlanSource for LocalPlanCache {
    async fn project(&self, project: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        Ok(self.projects.get(&project).map(|plan| Arc::clone(&plan)))
    }

    async fn workflow(&self, version: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        Ok(self.workflows.get(&version).map(|plan| Arc::clone(&plan)))
    }

    async fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<Option<Arc<UserPlan>>, PlanError> {
        Ok(self.users.get(&(project, user.clone())).map(|plan| Arc::clone(&plan)))
    }

    async fn installations(
        &self,
        project: ProjectId,
        workflow: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        Ok(self.installations.get(&(project, workflow)).map(|plan| Arc::clone(&plan)))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        Ok(self.projects.iter().map(|entry| *entry.key()).collect())
    }
}

#[async_trait]
impl PlanCache for LocalPlanCache {
    async fn put_project(&self, plan: &ProjectPlan) -> Result<(), PlanError> {
        match self.projects.entry(plan.project) {
            Entry::Occupied(held) if held.get().revision > plan.revision => {}
            Entry::Occupied(mut held) => drop(held.insert(Arc::new(plan.clone()))),
            Entry::Vacant(vacant) => drop(vacant.insert(Arc::new(plan.clone()))),
        }
        Ok(())
    }

    async fn put_user(&self, plan: &UserPlan) -> Result<(), PlanError> {
        match self.users.entry((plan.project, plan.user.clone())) {
            Entry::Occupied(held) if held.get().revision > plan.revision => {}
            Entry::Occupied(mut held) => drop(held.insert(Arc::new(plan.clone()))),
            Entry::Vacant(vacant) => drop(vacant.insert(Arc::new(plan.clone()))),
        }
        Ok(())
    }

    async fn put_installations(&self, plan: &InstallationsPlan) -> Result<(), PlanError> {
        match self.installations.entry((plan.project, plan.workflow)) {
            Entry::Occupied(held) if held.get().revision > plan.revision => {}
            Entry::Occupied(mut held) => drop(held.insert(Arc::new(plan.clone()))),
            Entry::Vacant(vacant) => drop(vacant.insert(Arc::new(plan.clone()))),
        }
        Ok(())
    }

    async fn put_workflow(&self, plan: &WorkflowPlan) -> Result<(), PlanError> {
        self.workflows.insert(plan.version, Arc::new(plan.clone()));
        Ok(())
    }

    async fn is_filled(&self) -> Result<bool, PlanError> {
        Ok(self.is_filled.load(Ordering::SeqCst))
    }

    async fn mark_filled(&self) -> Result<(), PlanError> {
        self.is_filled.store(true, Ordering::SeqCst);
        Ok(())
    }
}
