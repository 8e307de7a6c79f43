//! Stores a document for a test run without deploying it.

use serde::Serialize;
use tenon_domain::workflow::Workflow;
use tenon_domain::{ProjectId, VersionId, WorkflowId};

use super::{DocumentText, Version};
use crate::ports::VersionRow;
use crate::{Configuration, Error};

/// A stored draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// The workflow of the document's name; a new one has no deployed version.
    pub workflow: WorkflowId,
    /// The draft's version; its number is 0.
    pub version: VersionId,
}

impl Configuration {
    /// Stores a document as a draft, ready to be run by its version. The same document gives the
    /// same draft. Only the newest [`crate::Limits::drafts_max`] drafts of a workflow are kept.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::SecretMissing`], [`Error::LimitReached`],
    /// [`Error::Unavailable`], [`Error::Store`].
    pub async fn store_draft(
        &self,
        project: ProjectId,
        document: &Workflow,
    ) -> Result<Draft, Error> {
        let now = self.clock.now();
        let text = DocumentText::of(document)?;
        let mut work = self.begin_change(project).await?;
        self.check_secrets_of(&mut *work, project, document).await?;
        let entry = self.ensure_workflow(&mut *work, project, &document.name, now).await?;
        let version = match work.draft(project, entry.id, &text.fingerprint).await? {
            Some(draft) => draft.id,
            None => {
                let version = Version {
                    id: VersionId::new(),
                    workflow: entry.id,
                    number: 0,
                    fingerprint: text.fingerprint,
                    created_at: now,
                };
                let id = version.id;
                let row = VersionRow { version, document: text.json };
                work.insert_version(project, &row).await?;
                work.prune_drafts(project, entry.id, self.limits.drafts_max.max(1)).await?;
                id
            }
        };
        work.commit().await?;
        self.publisher.publish_version(version).await;
        Ok(Draft { workflow: entry.id, version })
    }
}
