//! The rules of [`Coordination`], each a function named by its rule, run on every adapter.
//!
//! An adapter's test says `tenon_testkit::coordination_suite!(harness)`. Where an adapter has
//! one handle a process, its harness may answer the same one twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tenon_domain::RunId;
use tenon_exec::ports::coordination::{Coordination, MISSED_TOPIC, ReplyAddress};
use tokio::sync::broadcast;

/// When a message that should come is given up.
const SOON: Duration = Duration::from_secs(10);

/// A service whose handles a rule may use as it likes.
pub trait Harness: Send + Sync {
    /// A handle as another process would have, already listening.
    fn handle(&self) -> impl Future<Output = Arc<dyn Coordination>> + Send;
}

/// Makes one test of each rule; `$make` is an async function that answers a [`Harness`].
#[macro_export]
macro_rules! coordination_suite {
    ($make:path) => {
        $crate::coordination_suite!(@rules $make:
            an_answer_reaches_the_process_that_waits,
            a_large_answer_arrives_whole,
            an_answer_is_given_once,
            answers_do_not_mix,
            an_answer_nobody_waits_for_is_dropped,
            a_forgotten_caller_gets_nothing,
            an_announcement_reaches_every_process_once,
        );
    };
    (@rules $make:path: $($rule:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let harness = $make().await;
                $crate::coordination_suite::$rule(&harness).await;
            }
        )*
    };
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("the message did not come")
}

/// From another process to the one that waits, by its address.
pub async fn an_answer_reaches_the_process_that_waits(harness: &impl Harness) {
    let (gateway, worker) = (harness.handle().await, harness.handle().await);
    let run = RunId::new();
    let waiting = gateway.expect_reply(run);
    let answer = Bytes::from_static(b"{\"status\":200}");
    worker.reply(&gateway.address(), run, answer.clone()).await.expect("a reply is sent");
    assert_eq!(soon(waiting).await.expect("the answer came"), answer);
}

/// Eight megabytes, byte for byte.
pub async fn a_large_answer_arrives_whole(harness: &impl Harness) {
    let (gateway, worker) = (harness.handle().await, harness.handle().await);
    let run = RunId::new();
    let waiting = gateway.expect_reply(run);
    let answer: Bytes = (0..8_u32 << 20).map(|i| (i % 251) as u8).collect();
    worker.reply(&gateway.address(), run, answer.clone()).await.expect("a reply is sent");
    assert!(soon(waiting).await.expect("the answer came") == answer, "the answer changed");
}

/// The first answer counts; a repeated one finds nobody.
pub async fn an_answer_is_given_once(harness: &impl Harness) {
    let (gateway, worker) = (harness.handle().await, harness.handle().await);
    let run = RunId::new();
    let waiting = gateway.expect_reply(run);
    for answer in ["first", "second"] {
        worker.reply(&gateway.address(), run, answer.into()).await.expect("a reply is sent");
    }
    assert_eq!(soon(waiting).await.expect("the answer came"), "first");
}

/// Each run gets its own answer, in whatever order they come.
pub async fn answers_do_not_mix(harness: &impl Harness) {
    let (gateway, worker) = (harness.handle().await, harness.handle().await);
    let runs: Vec<_> = (0..100).map(|_| RunId::new()).collect();
    let waiting: Vec<_> = runs.iter().map(|run| gateway.expect_reply(*run)).collect();
    for run in runs.iter().rev() {
        let answer = run.to_string().into();
        worker.reply(&gateway.address(), *run, answer).await.expect("a reply is sent");
    }
    for (run, waiting) in runs.iter().zip(waiting) {
        assert_eq!(soon(waiting).await.expect("the answer came"), run.to_string());
    }
}

/// A process that is gone, and a run nobody asked for, are no errors.
pub async fn an_answer_nobody_waits_for_is_dropped(harness: &impl Harness) {
    let (gateway, worker) = (harness.handle().await, harness.handle().await);
    let gone = ReplyAddress("gone".to_owned());
    for to in [gone, gateway.address()] {
        worker.reply(&to, RunId::new(), Bytes::new()).await.expect("it is dropped");
    }
}

/// After `forget` the receiver ends without an answer.
pub async fn a_forgotten_caller_gets_nothing(harness: &impl Harness) {
    let (gateway, worker) = (harness.handle().await, harness.handle().await);
    let run = RunId::new();
    let waiting = gateway.expect_reply(run);
    gateway.forget(run);
    worker.reply(&gateway.address(), run, "late".into()).await.expect("it is dropped");
    assert!(soon(waiting).await.is_err());
}

/// Also the one that announced it, in the order of announcing.
pub async fn an_announcement_reaches_every_process_once(harness: &impl Harness) {
    let (one, two) = (harness.handle().await, harness.handle().await);
    let mut heard = [one.announcements(), two.announcements()];
    for topic in ["plan:a", "cancel:b"] {
        one.announce(topic).await.expect("an announcement is sent");
    }
    for receiver in &mut heard {
        assert_eq!(next(receiver).await, "plan:a");
        assert_eq!(next(receiver).await, "cancel:b");
    }
}

/// The next announcement; that some may have been missed is none.
async fn next(receiver: &mut broadcast::Receiver<String>) -> String {
    loop {
        let topic = soon(receiver.recv()).await.expect("the sender lives");
        if topic != MISSED_TOPIC {
            return topic;
        }
    }
}
