//! The generation of the queues: how a queue that forgot is found out.

use crate::ports::queue::JobQueue;

/// Makes this process use the generation that the queue service carries, after another process
/// has raised it. Does nothing while the service carries none: the controller then raises it.
pub async fn adopt_generation(queue: &dyn JobQueue) {
    if let Ok(Some(generation)) = queue.generation().await {
        queue.use_generation(generation);
    }
}

/// How often [`follow_generation`] asks.
const FOLLOW_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);

/// Keeps a process that only pushes on the generation that the service carries, until the token
/// fires. Pushes of another generation are refused, and then wait for the sweep.
pub async fn follow_generation(
    queue: std::sync::Arc<dyn JobQueue>,
    stop: tokio_util::sync::CancellationToken,
) {
    loop {
        adopt_generation(&*queue).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
    }
}
