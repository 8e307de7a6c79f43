//! Every process goes by the clock of the execution store, whatever its own machine's shows.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tenon_domain::{Clock, RunId, SharedClock};
use tenon_exec::clock_sync::ClockSync;
use tenon_exec::settings::Settings;
use tokio_util::sync::CancellationToken;

use crate::bench::Stores;

/// Far more than a test takes.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn ahead(clock: &SharedClock) -> SignedDuration {
    clock.now().duration_since(Timestamp::now())
}

#[tokio::test]
async fn it_is_set_before_the_first_run_is_accepted_and_follows() {
    let stores = Stores::new(Settings::default());
    stores.store.set_clock_ahead(HOUR);
    let clock = Arc::new(SharedClock::default());
    let sync = ClockSync::begin(stores.store.clone(), clock.clone()).await.expect("in memory");
    assert!((ahead(&clock) - HOUR).abs() < MINUTE);
    let run = RunId::accepted_now(&*clock);
    let drawn = run.drawn_at().expect("it is of version 7");
    assert!((drawn.duration_since(Timestamp::now()) - HOUR).abs() < MINUTE);

    stores.store.set_clock_ahead(-HOUR);
    tokio::time::pause();
    let stop = CancellationToken::new();
    let running = tokio::spawn(sync.run(stop.clone()));
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    stop.cancel();
    running.await.expect("it stops");
    assert!((ahead(&clock) + HOUR).abs() < MINUTE);
}

#[tokio::test]
async fn without_the_store_there_is_no_time() {
    let stores = Stores::new(Settings::default());
    stores.store.set_away(true);
    let clock = Arc::new(SharedClock::default());
    assert!(ClockSync::begin(stores.store.clone(), clock).await.is_err());
}
