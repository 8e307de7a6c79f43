//! The generation of the queues: how a queue that forgot is found out.

use crate::ports::queue::JobQueue;

/// Makes this process use the generation that the queue service carries, after another process
/// has raised it. Does nothing while the service carries none: the controller then raises it.
pub async fn adopt_generation(queue: &dyn JobQueue) {
    if let Ok(Some(generation)) = queue.generation().await {
        let _ = queue.install_generation(generation).await;
    }
}
