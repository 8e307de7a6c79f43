//! Answers and announcements over publish and subscribe.
//!
//! Best effort: what is sent while a process does not listen is gone.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use redis::Value;
use tenon_domain::RunId;
use tenon_exec::ports::coordination::{Coordination, Error, MISSED_TOPIC, ReplyAddress};
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::connection::Redis;
use crate::keys;
use crate::subscriber::{self, News};

/// The largest answer that is sent to another process, in bytes.
pub const REPLY_BYTES_MAX: usize = 8 << 20;

/// The longest topic, in bytes.
const TOPIC_BYTES_MAX: usize = 512;

/// News a slow receiver may fall behind by.
const ANNOUNCEMENTS_MAX: usize = 1024;

/// Waiting callers below which dropped ones are not looked for.
const PURGE_MIN: usize = 1024;

/// Bytes of an id before what follows it in a message.
const ID_BYTES: usize = 16;

/// The coordination handle of one process.
pub struct RedisCoordination {
    redis: Redis,
    process: Arc<Process>,
}

/// Larger than a message may be.
#[derive(Debug, thiserror::Error)]
#[error("the message has {bytes} bytes, more than {bytes_max}")]
struct TooLarge {
    bytes: usize,
    bytes_max: usize,
}

/// What the subscriber and the handle share.
struct Process {
    nonce: Uuid,
    address: ReplyAddress,
    waiting: Mutex<Waiting>,
    announcements: broadcast::Sender<String>,
}

struct Waiting {
    callers: HashMap<RunId, oneshot::Sender<Bytes>>,
    purge_at: usize,
}

impl RedisCoordination {
    /// Draws an address, and listens for it and for announcements on a task of `tasks` until
    /// `stop`.
    #[must_use]
    pub fn new(redis: Redis, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let nonce = Uuid::new_v4();
        let process = Arc::new(Process {
            nonce,
            address: ReplyAddress(nonce.to_string()),
            waiting: Mutex::new(Waiting { callers: HashMap::new(), purge_at: PURGE_MIN }),
            announcements: broadcast::Sender::new(ANNOUNCEMENTS_MAX),
        });
        let channels = vec![keys::reply(&process.address), keys::ANNOUNCE.to_owned()];
        let hearing = Arc::clone(&process);
        subscriber::spawn(&redis, channels, tasks, stop, move |news| hearing.hear(news));
        Self { redis, process }
    }

    async fn publish(&self, channel: &str, id: Uuid, body: &[u8]) -> Result<(), Error> {
        let mut message = Vec::with_capacity(ID_BYTES + body.len());
        message.extend_from_slice(id.as_bytes());
        message.extend_from_slice(body);
        let publish = redis::cmd("PUBLISH").arg(channel).arg(message).take();
        let sent = self.redis.command::<Value>(&publish).await;
        sent.map(drop).map_err(|error| Error(Box::new(error)))
    }
}

impl Process {
    fn hear(&self, news: News<'_>) {
        let (channel, payload) = match news {
            News::Connected => return self.spread(MISSED_TOPIC.to_owned()),
            News::Message { channel, payload } => (channel, payload),
        };
        // Only this crate writes these channels; anything else on them is passed over.
        let Some((id, body)) = payload.split_at_checked(ID_BYTES) else { return };
        let Ok(id) = Uuid::from_slice(id) else { return };
        if channel == keys::ANNOUNCE {
            let topic = String::from_utf8_lossy(body);
            // Its own news was spread when it was announced.
            if id != self.nonce {
                self.spread(topic.into_owned());
            }
        } else {
            self.answer(RunId::from_uuid(id), Bytes::copy_from_slice(body));
        }
    }

    fn answer(&self, run: RunId, answer: Bytes) {
        let caller = self.waiting.lock().callers.remove(&run);
        if let Some(caller) = caller {
            // A caller that hung up has dropped its end.
            drop(caller.send(answer));
        }
    }

    fn spread(&self, topic: String) {
        // An error says only that nobody in this process listens.
        drop(self.announcements.send(topic));
    }
}

fn check_size(bytes: usize, bytes_max: usize) -> Result<(), Error> {
    if bytes > bytes_max {
        return Err(Error(Box::new(TooLarge { bytes, bytes_max })));
    }
    Ok(())
}

#[async_trait]
impl Coordination for RedisCoordination {
    fn address(&self) -> ReplyAddress {
        self.process.address.clone()
    }

    fn expect_reply(&self, run: RunId) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.process.waiting.lock();
        if waiting.callers.len() >= waiting.purge_at {
            waiting.callers.retain(|_, caller| !caller.is_closed());
            waiting.purge_at = PURGE_MIN.max(waiting.callers.len() * 2);
        }
        waiting.callers.insert(run, sender);
        receiver
    }

    fn forget(&self, run: RunId) {
        self.process.waiting.lock().callers.remove(&run);
    }

    async fn reply(&self, to: &ReplyAddress, run: RunId, answer: Bytes) -> Result<(), Error> {
        check_size(answer.len(), REPLY_BYTES_MAX)?;
        // A caller in this process gets its answer also while Redis is away.
        if *to == self.process.address {
            self.process.answer(run, answer);
            return Ok(());
        }
        self.publish(&keys::reply(to), run.uuid(), &answer).await
    }

    async fn announce(&self, topic: &str) -> Result<(), Error> {
        check_size(topic.len(), TOPIC_BYTES_MAX)?;
        self.process.spread(topic.to_owned());
        self.publish(keys::ANNOUNCE, self.process.nonce, topic.as_bytes()).await
    }

    fn announcements(&self) -> broadcast::Receiver<String> {
        self.process.announcements.subscribe()
    }
}
