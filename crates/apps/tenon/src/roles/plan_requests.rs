//! What execution asks of configuration: plans that are missing, put at once instead of at the next
//! repair.
//!
//! It is asked in the way in which changes are announced, so that it reaches every process with
//! the role `api`, and none has to be known. Nothing depends on an answer: the repair puts what is
//! missing anyway, a second later.

use std::sync::Arc;

use async_trait::async_trait;
use tenon_config::PlanPublisher;
use tenon_contract::plan::{
    WANT_ALL_TOPIC, WANT_PROJECT_PREFIX, WANT_USER_PREFIX, WANT_VERSION_PREFIX,
};
use tenon_domain::{EndUserId, ProjectId};
use tenon_exec::plans::PlanRequests;
use tenon_exec::ports::coordination::Coordination;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// Requests of this process that its own role `api` has not seen to; more are dropped.
const OWN_WAITING_MAX: usize = 64;

/// Asks the role `api`, wherever it is.
pub(super) struct AskApi {
    coordination: Arc<dyn Coordination>,
    /// An announcement does not come back to its own process.
    own: broadcast::Sender<String>,
}

impl AskApi {
    pub(super) fn new(coordination: Arc<dyn Coordination>) -> Self {
        Self { coordination, own: broadcast::channel(OWN_WAITING_MAX).0 }
    }

    /// What this process asks for.
    pub(super) fn own(&self) -> broadcast::Receiver<String> {
        self.own.subscribe()
    }
}

#[async_trait]
impl PlanRequests for AskApi {
    async fn want(&self, topic: &str) {
        // Nobody listens in a process without the role.
        let _ = self.own.send(topic.to_owned());
        if let Err(error) = self.coordination.announce(topic).await {
            tracing::debug!(error = %error, "the role api was not asked for a plan");
        }
    }
}

/// Puts what is asked for, until the token fires.
pub(super) async fn answer(
    publisher: PlanPublisher,
    mut announcements: broadcast::Receiver<String>,
    stop: CancellationToken,
) {
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = announcements.recv() => heard,
        };
        match heard {
            Ok(topic) => put(&publisher, &topic).await,
            // Whoever asked asks again, or the repair sees it.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn put(publisher: &PlanPublisher, topic: &str) {
    let version = topic.strip_prefix(WANT_VERSION_PREFIX).and_then(|id| id.parse().ok());
    let project = topic.strip_prefix(WANT_PROJECT_PREFIX).and_then(|id| id.parse().ok());
    let user = topic.strip_prefix(WANT_USER_PREFIX).and_then(project_and_user);
    let outcome = match (version, project, user) {
        (Some(version), ..) => {
            publisher.publish_version(version).await;
            Ok(())
        }
        (_, Some(project), _) => publisher.publish(project).await,
        (_, _, Some((project, user))) => publisher.publish_user(project, &user).await,
        _ if topic == WANT_ALL_TOPIC => publisher.repair().await,
        _ => return,
    };
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "a plan that was asked for is put later");
    }
}

/// `<project>:<user>`; the user's id may hold colons.
fn project_and_user(text: &str) -> Option<(ProjectId, EndUserId)> {
    let (project, user) = text.split_once(':')?;
    Some((project.parse().ok()?, EndUserId::new(user)))
}
