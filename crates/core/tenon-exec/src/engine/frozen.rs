//! What a run knows of its installation: settings, and what the builder's app said of the user.
//!
//! Both come from the job where it was accepted for an installation, so that they are the same in
//! every step, on every worker and in a replay. A run of no integration has the settings of its
//! document only; the metadata of its user is read when the run is taken up, and only where one of
//! its steps asks for it.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tenon_expr::{Reference, Segment};

use super::secrets::Passwords;
use super::{Engine, Error};
use crate::ports::store::{InstallationValues, Job};
use crate::program::Program;

/// The roots of references that stay as they are from the first step to the last.
pub(super) struct Frozen {
    /// `{{settings.x}}`
    pub settings: Arc<Value>,
    /// `{{shared.x}}`
    pub shared: Arc<Value>,
    /// `{{user.x}}`
    pub about_user: Arc<Value>,
    /// Passwords, which are not in the settings.
    pub passwords: Passwords,
}

impl Engine {
    /// Reads what a run was accepted with.
    pub(super) async fn frozen(&self, job: &Job, program: &Program) -> Result<Frozen, Error> {
        let Some(installation) = &job.installation else {
            let meta = self.current_meta(job, program).await?;
            return Ok(Frozen {
                settings: program.settings.clone(),
                shared: Arc::new(json!({})),
                about_user: Arc::new(json!({ "id": job.user, "meta": meta })),
                passwords: Passwords::default(),
            });
        };
        let bytes = self.payload(&installation.values).await?;
        let values: InstallationValues = serde_json::from_slice(&bytes).map_err(Error::Corrupt)?;
        let InstallationValues { mut settings, mut shared, user_meta } = values;
        let passwords = Passwords::taken_from(&mut settings, &mut shared);
        Ok(Frozen {
            settings: overlaid(&program.settings, settings),
            shared: Arc::new(Value::Object(shared)),
            about_user: Arc::new(json!({ "id": job.user, "meta": user_meta })),
            passwords,
        })
    }

    /// What is said of the user now, for a run that was not accepted for an installation.
    async fn current_meta(
        &self,
        job: &Job,
        program: &Program,
    ) -> Result<Map<String, Value>, Error> {
        let (Some(user), Some(integrations)) = (&job.user, &self.integrations) else {
            return Ok(Map::new());
        };
        let mut references = program.steps.iter().flat_map(|step| &step.references);
        if !references.any(asks_for_meta) {
            return Ok(Map::new());
        }
        let plan = integrations.plans.user(job.project, user).await?;
        Ok(plan.map(|plan| plan.meta.clone()).unwrap_or_default())
    }
}

/// `{{user}}` as a whole, or something in `{{user.meta}}`.
fn asks_for_meta(reference: &Reference) -> bool {
    let is_meta = |segment: &Segment| matches!(segment, Segment::Key(key) if key == "meta");
    reference.root == "user" && reference.path.first().is_none_or(is_meta)
}

/// Settings of an installation over those of the document.
fn overlaid(document: &Arc<Value>, settings: Map<String, Value>) -> Arc<Value> {
    if settings.is_empty() {
        return document.clone();
    }
    let mut all = document.as_object().cloned().unwrap_or_default();
    all.extend(settings);
    Arc::new(Value::Object(all))
}
