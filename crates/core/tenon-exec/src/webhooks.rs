//! Events of providers: whom they run, and the work that becomes of them.
//!
//! Who sent a call is proven before, by `tenon-connector`. Here an event is looked up in plans: which
//! workflows listen, and which accounts it is for. Nothing is read from the configuration plane.

mod check;
mod directory;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_connector::manifest::webhooks::{Route, Webhook};
use tenon_connector::webhook::Event;
use tenon_contract::plan::{
    DeployedWorkflow, InstallationRef, IntegrationPlan, PlanError, PlanSource, ProjectPlan,
};
use tenon_contract::webhook::route_value;
use tenon_domain::workflow::RunOrder;
use tenon_domain::{Clock, CredentialId, EndUserId, RunId, VersionId, WorkflowId};

use crate::installations::exactly;
use crate::order::{Facts, UnusableKey, order_of};
use crate::ports::history::{Payload, TriggerKind};
use crate::ports::store::{Accept, Installation, Job, OnceKey, RunMode};

pub use check::check_webhooks;
pub use directory::{Directory, DirectorySettings, Installed};

/// Where an event came in: at which webhook of which integration, and whose URL it was.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The project.
    pub plan: &'a ProjectPlan,
    /// The integration.
    pub integration: &'a IntegrationPlan,
    /// The webhook.
    pub webhook: &'a Webhook,
    /// The account whose URL was called; `None` for that of the app.
    pub account: Option<CredentialId>,
}

/// A run that an event is to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    workflow: WorkflowId,
    version: VersionId,
    user: EndUserId,
    installation: Installation,
    order: RunOrder,
}

/// The installations that an event is for. Who they are comes from the directory, which may lag by
/// seconds; whether the workflow is on there, and whether the account is the one that the event
/// names, is read from the user's plan.
///
/// # Errors
/// When a plan cannot be read now.
pub async fn targets(
    place: &Place<'_>,
    event: &Event,
    directory: &Directory,
    plans: &dyn PlanSource,
) -> Result<Vec<Target>, PlanError> {
    let mut targets = Vec::new();
    if !place.integration.is_active {
        return Ok(targets);
    }
    for workflow in listening(place, event) {
        let installed = directory.of(place.plan.project, workflow.id).await?;
        for reference in found(place, event, &installed) {
            if place.plan.disabled_users.contains(&reference.user) {
                continue;
            }
            let user = plans.user(place.plan.project, &reference.user).await?;
            let chosen = user.as_ref().and_then(|user| {
                let chosen =
                    exactly(user, workflow, reference.credential, reference.configuration)?;
                is_meant(place, event, &chosen.credential.fields).then(|| chosen.freeze(workflow))
            });
            targets.extend(chosen.map(|installation| Target {
                workflow: workflow.id,
                version: workflow.version,
                user: reference.user.clone(),
                installation,
                order: workflow.order.clone(),
            }));
        }
    }
    Ok(targets)
}

fn listening<'a>(
    place: &Place<'a>,
    event: &'a Event,
) -> impl Iterator<Item = &'a DeployedWorkflow> + use<'a> {
    let Place { plan, integration, webhook, .. } = *place;
    plan.workflows.iter().filter(move |workflow| {
        workflow.integration == Some(integration.id)
            && workflow.triggers.iter().any(|it| it.listens_to(&webhook.id, &event.event))
    })
}

fn found<'i>(
    place: &Place<'_>,
    event: &Event,
    installed: &'i Installed,
) -> Vec<&'i InstallationRef> {
    match (&place.webhook.route, place.account) {
        (Route::Url {}, Some(account)) => installed.of_account(account).collect(),
        (Route::Url {}, None) => Vec::new(),
        (Route::Field { field, .. }, account) => {
            let Some(value) = &event.route else { return Vec::new() };
            let all = installed.of_route(field, value);
            all.filter(|it| account.is_none_or(|account| it.credential == account)).collect()
        }
    }
}

fn is_meant(place: &Place<'_>, event: &Event, fields: &serde_json::Map<String, Value>) -> bool {
    match &place.webhook.route {
        Route::Url {} => true,
        Route::Field { field, .. } => {
            let held = fields.get(field).and_then(route_value);
            held.is_some() && held == event.route
        }
    }
}

/// What makes an event this very one, for dropping repeats; `None` where nothing tells it from
/// another one that says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sameness(Option<[u8; 32]>);

impl Sameness {
    /// By the provider's own id of the event; else by `signature`, a signature that covers the time
    /// of sending, and the event's place in the call.
    #[must_use]
    pub fn of(event: &Event, signature: Option<&[u8]>, index: usize) -> Self {
        let mut digest = Sha256::new();
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        let own = event.dedupe.as_deref().map(str::as_bytes);
        let (kind, named, index) = match (own, signature) {
            (Some(own), _) => (b"id".as_slice(), own, 0),
            (None, Some(signature)) => (b"signature".as_slice(), signature, index),
            (None, None) => return Self(None),
        };
        for part in [kind, event.event.as_bytes(), named, &index.to_be_bytes()] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(Some(digest.finalize().into()))
    }

    /// The key under which a run of it is accepted once. Whatever else the provider says when it
    /// repeats itself: it is a repeat.
    fn once(&self, place: &Place<'_>, target: &Target) -> Option<OnceKey> {
        let digest = self.0?;
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!(
            "webhook:{}:{}:{}:{hex}",
            place.webhook.id, target.workflow, target.installation.configuration
        );
        Some(OnceKey { key, digest })
    }
}

/// What the run's templates see as `trigger`.
#[derive(Clone, Copy)]
pub struct TriggerInput<'a> {
    /// Parsed.
    pub value: &'a Value,
    /// The same as JSON text.
    pub text: &'a Bytes,
    /// The longest ordering key, in bytes.
    pub ordering_key_bytes_max: usize,
}

impl Target {
    /// The work.
    ///
    /// # Errors
    /// [`UnusableKey`], when the event gives no ordering key that runs could be ordered by.
    pub fn accept(
        self,
        place: &Place<'_>,
        sameness: &Sameness,
        input: &TriggerInput<'_>,
        clock: &dyn Clock,
    ) -> Result<Accept, UnusableKey> {
        let once = sameness.once(place, &self);
        let facts = Facts {
            trigger: input.value,
            user: Some(&self.user),
            installation: Some(&self.installation),
        };
        let order = order_of(&self.order, self.workflow, facts, input.ordering_key_bytes_max)?;
        let job = Job {
            run: RunId::accepted_now(clock),
            project: place.plan.project,
            workflow: self.workflow,
            version: self.version,
            user: Some(self.user),
            installation: Some(self.installation),
            trigger: TriggerKind::Webhook,
            mode: RunMode::Live,
            input: Payload::Inline(input.text.clone()),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at: clock.now(),
            trace: None,
            order,
        };
        Ok(Accept { job, once })
    }
}
