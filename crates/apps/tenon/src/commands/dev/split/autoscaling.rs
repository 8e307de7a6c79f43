//! Hands on how many workers the leader wants.

use std::time::Duration;

use tenon_exec::ports::membership::Membership;
use tokio::sync::watch;

/// How often the view is read.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the leader's view. While it cannot be read the last figure stands.
pub(super) async fn follow(view: impl Membership, wanted: watch::Sender<usize>) {
    loop {
        match view.view().await {
            Ok(Some(view)) => {
                let desired = usize::try_from(view.workers_desired).unwrap_or(usize::MAX);
                wanted.send_if_modified(|current| {
                    let is_new = *current != desired;
                    *current = desired;
                    is_new
                });
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(error = %error, "the leader's view could not be read"),
        }
        tokio::time::sleep(READ_INTERVAL).await;
    }
}
