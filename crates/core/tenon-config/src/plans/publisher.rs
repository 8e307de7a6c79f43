//! Puts plans where execution finds them, and says so.

use std::sync::Arc;

use tenon_contract::plan::{PlanCache, PlanError, PlanSource};
use tenon_domain::{ProjectId, VersionId};

use super::{Listed, PlanReader, plan_error, workflow_plan};
use crate::ports::{Announcer, Scope, Store};

/// Publishes plans into the cache. The store knows which revision was published last, so a
/// change whose publishing failed is published by the next [`PlanPublisher::repair`], also by
/// another process.
#[derive(Clone)]
pub struct PlanPublisher {
    reader: PlanReader,
    store: Arc<dyn Store>,
    cache: Arc<dyn PlanCache>,
    announcer: Arc<dyn Announcer>,
}

impl PlanPublisher {
    /// Publishes the plans of a store.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        cache: Arc<dyn PlanCache>,
        announcer: Arc<dyn Announcer>,
    ) -> Self {
        Self { reader: PlanReader::new(Arc::clone(&store)), store, cache, announcer }
    }

    /// Publishes a project's plan and all its deployed versions, then announces
    /// `plan:<project>`. A project that is gone is passed over.
    ///
    /// # Errors
    ///
    /// When the store or the cache cannot be reached; [`PlanPublisher::repair`] tries again.
    pub async fn publish(&self, project: ProjectId) -> Result<(), PlanError> {
        self.publish_where(project, |_| true).await
    }

    /// Publishes all projects and marks the cache as filled: at start, and whenever the cache
    /// has forgotten.
    ///
    /// # Errors
    ///
    /// As [`PlanPublisher::publish`]; the cache is then not marked.
    pub async fn publish_all(&self) -> Result<(), PlanError> {
        for project in self.reader.projects().await? {
            self.publish(project).await?;
        }
        self.cache.mark_filled().await
    }

    /// Publishes what is missing: everything when the cache has forgotten, else the projects whose
    /// last change was not published. Cheap when nothing is missing; to be called every few
    /// seconds by one process or by many.
    ///
    /// # Errors
    ///
    /// As [`PlanPublisher::publish`].
    pub async fn repair(&self) -> Result<(), PlanError> {
        if !self.cache.is_filled().await? {
            return self.publish_all().await;
        }
        let listed = self.reader.list(Listed::Unpublished).await;
        for project in listed.map_err(plan_error("list the unpublished projects"))? {
            self.publish(project).await?;
        }
        Ok(())
    }

    /// Publishes after a commit. The change stands whatever happens here, so a failure is logged
    /// and left to [`PlanPublisher::repair`].
    pub(crate) async fn publish_change(&self, project: ProjectId, versions: &[VersionId]) {
        if let Err(error) = self.publish_where(project, |v| versions.contains(&v)).await {
            warn_unpublished(&error);
        }
    }

    /// Publishes one version that is not deployed.
    pub(crate) async fn publish_version(&self, version: VersionId) {
        let outcome = async {
            match self.reader.workflow(version).await? {
                Some(plan) => self.cache.put_workflow(&plan).await,
                None => Ok(()),
            }
        };
        if let Err(error) = outcome.await {
            warn_unpublished(&error);
        }
    }

    /// Versions first: whoever sees the project's plan then finds them.
    async fn publish_where(
        &self,
        project: ProjectId,
        is_wanted: impl Fn(VersionId) -> bool + Send,
    ) -> Result<(), PlanError> {
        let compiled = self.reader.compile(project).await;
        let Some((plan, documents)) = compiled.map_err(plan_error("compile a project's plan"))?
        else {
            return Ok(());
        };
        for stored in documents.iter().filter(|stored| is_wanted(stored.version)) {
            // What cannot be read was logged when the project's plan was compiled.
            if let Ok(plan) = workflow_plan(stored) {
                self.cache.put_workflow(&plan).await?;
            }
        }
        self.cache.put_project(&plan).await?;
        self.mark_published(project, plan.revision).await?;
        self.announcer.announce(&format!("plan:{project}")).await;
        Ok(())
    }

    async fn mark_published(&self, project: ProjectId, revision: i64) -> Result<(), PlanError> {
        let outcome = async {
            let mut work = self.store.begin(Scope::Project(project)).await?;
            work.mark_published(project, revision).await?;
            work.commit().await
        };
        outcome.await.map_err(plan_error("note that a plan was published"))
    }
}

fn warn_unpublished(error: &PlanError) {
    tracing::warn!(
        error = %error,
        cause = %error.source,
        "a committed change was not published; it will be by the next repair"
    );
}
