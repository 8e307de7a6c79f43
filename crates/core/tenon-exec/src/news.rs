//! What was pushed since somebody last looked: how queue adapters keep [`JobQueue::news`].
//!
//! [`JobQueue::news`]: crate::ports::queue::JobQueue::news

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::ports::queue::{News, Source};

/// Sources that are remembered; beyond, any source may have work.
const SOURCES_MAX: usize = 4_096;

/// News that wait to be taken, by one worker.
#[derive(Debug, Default)]
pub struct Newsboard {
    heard: Mutex<Heard>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    sources: HashSet<Source>,
    is_any: bool,
}

impl Newsboard {
    /// A source may have work now.
    pub fn post(&self, source: Source) {
        let mut heard = self.heard.lock();
        if !heard.is_any {
            heard.sources.insert(source);
            if heard.sources.len() > SOURCES_MAX {
                *heard = Heard { sources: HashSet::new(), is_any: true };
            }
        }
        drop(heard);
        self.notify.notify_one();
    }

    /// Any source may have work: news were missed.
    pub fn post_any(&self) {
        *self.heard.lock() = Heard { sources: HashSet::new(), is_any: true };
        self.notify.notify_one();
    }

    /// Takes what was posted since the last time; waits for something up to `timeout`.
    pub async fn take(&self, timeout: Duration) -> News {
        let found = self.take_now();
        if found != News::Nothing || timeout.is_zero() {
            return found;
        }
        // A permit that an earlier post left ends the first wait at once, with nothing to take.
        let waiting = async {
            loop {
                self.notify.notified().await;
                let found = self.take_now();
                if found != News::Nothing {
                    return found;
                }
            }
        };
        tokio::time::timeout(timeout, waiting).await.unwrap_or(News::Nothing)
    }

    fn take_now(&self) -> News {
        let heard = std::mem::take(&mut *self.heard.lock());
        if heard.is_any {
            News::Any
        } else if heard.sources.is_empty() {
            News::Nothing
        } else {
            News::Of(heard.sources.into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::queue::Shard;

    const LONG: Duration = Duration::from_secs(3_600);

    fn shard(number: u16) -> Source {
        Source::Shared(Shard(number))
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_posted_before_is_taken_once() {
        let board = Newsboard::default();
        board.post(shard(1));
        board.post(shard(1));
        assert_eq!(board.take(LONG).await, News::Of(vec![shard(1)]));
        assert_eq!(board.take(Duration::from_secs(1)).await, News::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn a_post_ends_a_wait() {
        let board = std::sync::Arc::new(Newsboard::default());
        let waiting = tokio::spawn({
            let board = board.clone();
            async move { board.take(LONG).await }
        });
        tokio::task::yield_now().await;
        board.post(shard(2));
        assert_eq!(waiting.await.expect("no panic"), News::Of(vec![shard(2)]));
    }

    #[tokio::test(start_paused = true)]
    async fn more_sources_than_are_remembered_are_any() {
        let board = Newsboard::default();
        for number in 0..=u16::try_from(SOURCES_MAX).expect("it fits") {
            board.post(shard(number));
        }
        assert_eq!(board.take(Duration::ZERO).await, News::Any);
        assert_eq!(board.take(Duration::ZERO).await, News::Nothing);
    }
}
