//! Other servers hold the queues: the generation is raised.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_exec::ports::incarnation::{Incarnation, IncarnationError, Seen};
use tenon_exec::ports::store::JobStore;
use tenon_exec::regression::RegressionWatch;
use tenon_testkit::fakes::{Journal, MemoryStore};

/// A service whose one server has a number, and what was noted of it.
struct Servers(Mutex<(u32, Option<u32>)>);

#[async_trait]
impl Incarnation for Servers {
    async fn look(&self) -> Result<Seen, IncarnationError> {
        let (now, noted) = *self.0.lock();
        Ok(match noted {
            None => Seen::Nothing,
            Some(noted) if noted == now => Seen::Same,
            Some(_) => Seen::Other,
        })
    }

    async fn note(&self) -> Result<(), IncarnationError> {
        let mut servers = self.0.lock();
        servers.1 = Some(servers.0);
        Ok(())
    }
}

#[tokio::test]
async fn the_generation_is_raised_once_when_another_server_answers() {
    let servers = Arc::new(Servers(Mutex::new((1, None))));
    let store = Arc::new(MemoryStore::new(Journal::default()));
    let watch = RegressionWatch { store: store.clone(), incarnation: servers.clone() };
    let before = store.generation().await.expect("the store answers");
    assert!(!watch.look().await.expect("it can look"), "a new service is no regression");
    assert!(!watch.look().await.expect("it can look"));
    servers.0.lock().0 = 2;
    assert!(watch.look().await.expect("it can look"));
    assert!(!watch.look().await.expect("it can look"));
    let after = store.generation().await.expect("the store answers");
    assert_eq!(after.0, before.0 + 1);
}
