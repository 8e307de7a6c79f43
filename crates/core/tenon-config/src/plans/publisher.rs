//! Puts plans where execution finds them, and says so.

use std::sync::Arc;

use tenon_connector::catalog::Catalog;
use tenon_contract::plan::{PlanCache, PlanError, PlanSource};
use tenon_domain::{EndUserId, ProjectId, VersionId};

use super::{Listed, PlanReader, plan_error, workflow_plan};
use crate::portal::Portals;
use crate::ports::{Announcer, Scope, Store};

/// Users whose plans are published between two looks into the store.
const USERS_PAGE: usize = 500;
/// Users whose plans are published before a change of many is answered.
const USERS_AT_ONCE: usize = 50;

/// Publishes plans into the cache. The store knows which revision was published last, so a
/// change whose publishing failed is published by the next [`PlanPublisher::repair`], also by
/// another process.
#[derive(Clone)]
pub struct PlanPublisher {
    pub(super) reader: PlanReader,
    pub(super) store: Arc<dyn Store>,
    pub(super) cache: Arc<dyn PlanCache>,
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

    /// The same with the connectors of the process, so that they are read once.
    #[must_use]
    pub fn with_catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.reader = self.reader.with_catalog(catalog);
        self
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
            self.publish_users(project).await?;
            self.publish_all_installations(project).await?;
        }
        self.cache.mark_filled().await
    }

    /// Publishes the plan of a user, then announces `user:<project>:<user>`. A user who never had
    /// an account or metadata is passed over.
    ///
    /// # Errors
    ///
    /// As [`PlanPublisher::publish`].
    pub async fn publish_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
    ) -> Result<(), PlanError> {
        let compiled = self.reader.compile_user(project, user).await;
        let Some(plan) = compiled.map_err(plan_error("compile a user's plan"))? else {
            return Ok(());
        };
        self.cache.put_user(&plan).await?;
        self.mark_users_published(project, &[(plan.user, plan.revision)]).await?;
        self.announce(&format!("user:{project}:{user}")).await;
        Ok(())
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
        self.repair_users().await?;
        self.repair_installations().await
    }

    /// What is known of portals in memory, shared by all clones.
    pub(crate) fn portals(&self) -> &Portals {
        &self.reader.portals
    }

    /// Publishes plans of users after a commit that changed many: one page of them, so that the
    /// caller does not wait for long. The rest is left to [`PlanPublisher::repair`].
    pub(crate) async fn publish_users_of(&self, project: ProjectId) {
        let listed = async {
            let mut work = self.store.snapshot(Scope::Project(project)).await?;
            work.unpublished_users(USERS_AT_ONCE).await
        };
        let listed = match listed.await.map_err(plan_error("list the unpublished users")) {
            Ok(listed) => listed,
            Err(error) => return warn_unpublished(&error),
        };
        for (project, user) in &listed {
            self.publish_user_change(*project, user).await;
        }
    }

    /// Tells every process about a change.
    pub(crate) async fn announce(&self, topic: &str) {
        self.announcer.announce(topic).await;
    }

    /// Publishes a user's plan after a commit, as [`PlanPublisher::publish_change`] does.
    pub(crate) async fn publish_user_change(&self, project: ProjectId, user: &EndUserId) {
        if let Err(error) = self.publish_user(project, user).await {
            warn_unpublished(&error);
        }
    }

    /// Publishes after a commit. The change stands whatever happens here, so a failure is logged
    /// and left to [`PlanPublisher::repair`].
    pub(crate) async fn publish_change(&self, project: ProjectId, versions: &[VersionId]) {
        if let Err(error) = self.publish_where(project, |v| versions.contains(&v)).await {
            warn_unpublished(&error);
        }
    }

    /// Publishes one version, deployed or not. One that is gone is passed over, and a failure is
    /// left to whoever asks again.
    pub async fn publish_version(&self, version: VersionId) {
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

    /// The plans of all users of a project, page by page. Nothing is announced: what is in
    /// memory elsewhere is as right as it was.
    async fn publish_users(&self, project: ProjectId) -> Result<(), PlanError> {
        let mut after: Option<EndUserId> = None;
        loop {
            let plans = self.reader.compile_users(project, after.as_ref(), USERS_PAGE).await;
            let plans = plans.map_err(plan_error("compile users' plans"))?;
            for plan in &plans {
                self.cache.put_user(plan).await?;
            }
            let is_last = plans.len() < USERS_PAGE;
            let published: Vec<_> =
                plans.into_iter().map(|plan| (plan.user, plan.revision)).collect();
            self.mark_users_published(project, &published).await?;
            if is_last {
                return Ok(());
            }
            after = published.into_iter().next_back().map(|(user, _)| user);
        }
    }

    async fn mark_users_published(
        &self,
        project: ProjectId,
        published: &[(EndUserId, i64)],
    ) -> Result<(), PlanError> {
        if published.is_empty() {
            return Ok(());
        }
        let outcome = async {
            let mut work = self.store.begin(Scope::Project(project)).await?;
            work.mark_users_published(project, published).await?;
            work.commit().await
        };
        outcome.await.map_err(plan_error("note that users' plans were published"))
    }

    async fn repair_users(&self) -> Result<(), PlanError> {
        loop {
            let listed = async {
                let mut work = self.store.snapshot(Scope::System).await?;
                work.unpublished_users(USERS_PAGE).await
            };
            let listed = listed.await.map_err(plan_error("list the unpublished users"))?;
            for (project, user) in &listed {
                self.publish_user(*project, user).await?;
            }
            if listed.len() < USERS_PAGE {
                return Ok(());
            }
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

pub(super) fn warn_unpublished(error: &PlanError) {
    tracing::warn!(
        error = %error,
        cause = %error.source,
        "a committed change was not published; it will be by the next repair"
    );
}
