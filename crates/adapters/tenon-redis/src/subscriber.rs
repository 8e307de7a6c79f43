//! A task that listens on channels, and listens again whenever the connection breaks.
//!
//! Messages sent while it is not connected are gone; it says so with [`News::Connected`].

use std::time::Duration;

use futures::StreamExt;
use redis::RedisError;
use redis::aio::PubSub;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Redis;

/// When connecting, or the answer to a ping, is given up.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How often a silent connection is tried.
const PING_INTERVAL: Duration = Duration::from_secs(3);

/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(200);

/// What the subscriber tells.
pub(crate) enum News<'a> {
    /// It listens, for the first time or again. What was sent before may have been missed.
    Connected,
    /// A message.
    Message {
        /// Where it was sent to.
        channel: &'a str,
        /// What was sent.
        payload: &'a [u8],
    },
}

/// Listens until `stop`, on a task of its own. `tell` must not block.
pub(crate) fn spawn(
    redis: &Redis,
    channels: Vec<String>,
    tasks: &TaskTracker,
    stop: CancellationToken,
    tell: impl FnMut(News<'_>) + Send + 'static,
) {
    let redis = redis.clone();
    tasks.spawn(async move {
        let listening = listen(&redis, &channels, tell);
        stop.run_until_cancelled(listening).await;
    });
}

async fn listen(redis: &Redis, channels: &[String], mut tell: impl FnMut(News<'_>)) {
    // Endless on purpose: the task ends with its token.
    for turn in 0.. {
        match tokio::time::timeout(TIMEOUT, connect(redis, turn, channels)).await {
            Ok(Ok(pubsub)) => {
                tell(News::Connected);
                listen_once(pubsub, &mut tell).await;
                tracing::warn!("the subscription to redis ended; listening again");
            }
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(error, "failed to subscribe to redis");
            }
            Err(_) => tracing::debug!("failed to subscribe to redis in time"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connect(redis: &Redis, turn: usize, channels: &[String]) -> Result<PubSub, RedisError> {
    let mut pubsub = redis.subscriber(turn).await?.get_async_pubsub().await?;
    pubsub.subscribe(channels).await?;
    Ok(pubsub)
}

/// Tells messages until the connection ends or no longer answers.
async fn listen_once(pubsub: PubSub, tell: &mut impl FnMut(News<'_>)) {
    let (mut sink, mut stream) = pubsub.split();
    loop {
        match tokio::time::timeout(PING_INTERVAL, stream.next()).await {
            Ok(Some(message)) => tell(News::Message {
                channel: message.get_channel_name(),
                payload: message.get_payload_bytes(),
            }),
            Ok(None) => return,
            // Nothing came: a network that drops packets silently looks the same, so ask.
            Err(_) => {
                let ping = tokio::time::timeout(TIMEOUT, sink.ping::<redis::Value>());
                if !matches!(ping.await, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}
