//! The network between the processes and what they need.

use std::time::Duration;

use rand::Rng;
use tenon_fault_proxy::{Direction, FaultProxy, Toxic};

use super::{Done, Trial};

/// Longer than a lease: what a worker holds that nobody hears of is taken over.
const PARTITION: Duration = Duration::from_secs(5);
/// How long links that were healed have to be used again.
const RECONNECT: Duration = Duration::from_millis(1_500);

impl Trial<'_> {
    /// All links to Redis: of each process, or of all together.
    fn redis_links(&self) -> Vec<&FaultProxy> {
        let own = self.stage.processes.iter().filter_map(|process| process.redis.as_ref());
        own.chain(self.stage.redis.shared_links()).collect()
    }

    fn heal_all(&self) {
        for link in self.redis_links() {
            link.heal();
        }
        for process in &self.stage.processes {
            process.postgres.heal();
        }
    }

    pub(super) async fn poor_links(&mut self) -> anyhow::Result<Done> {
        let base = Duration::from_millis([50, 500][self.rng.random_range(0..2)]);
        let jitter = Duration::from_millis(self.rng.random_range(10..200));
        let loses = self.rng.random_bool(0.5);
        for link in self.redis_links() {
            link.add(Direction::ToServer, Toxic::Latency { base, jitter });
            if loses {
                link.add(Direction::ToClient, Toxic::Lose { per_mille: 20 });
            } else {
                link.add(Direction::ToServer, Toxic::Reset { per_mille: 10 });
                link.add(Direction::ToClient, Toxic::Slice { bytes: 64, pause: Duration::ZERO });
            }
        }
        self.hold().await;
        self.heal_all();
        tokio::time::sleep(RECONNECT).await;
        let how = if loses { "answers are lost" } else { "connections are reset" };
        Ok(Done::so(format!("{base:?} and up to {jitter:?}, {how}")))
    }

    pub(super) async fn black_hole(&mut self) -> anyhow::Result<Done> {
        let place = self.any("worker");
        let what = match self.rng.random_range(0..4) {
            0 => {
                for link in self.redis_links() {
                    link.add_both(Toxic::BlackHole);
                }
                self.hold().await;
                "Redis, for all"
            }
            1 => {
                for process in &self.stage.processes {
                    process.postgres.add_both(Toxic::BlackHole);
                }
                self.hold().await;
                "PostgreSQL, for all"
            }
            2 => {
                let worker = &self.stage.processes[place];
                worker.postgres.add(Direction::ToClient, Toxic::BlackHole);
                self.hold().await;
                "answers of PostgreSQL, for a worker"
            }
            _ => {
                for link in self.redis_links() {
                    link.add(Direction::ToClient, Toxic::BlackHole);
                }
                self.hold().await;
                "answers of Redis, for all"
            }
        };
        self.heal_all();
        tokio::time::sleep(RECONNECT).await;
        Ok(Done::so(what))
    }

    /// A worker that nobody hears of, and that does not know.
    pub(super) async fn cut_off_worker(&mut self) -> anyhow::Result<Done> {
        let place = self.any("worker");
        let worker = &self.stage.processes[place];
        worker.postgres.add_both(Toxic::BlackHole);
        if let Some(link) = &worker.redis {
            link.add_both(Toxic::BlackHole);
        }
        tokio::time::sleep(PARTITION.max(self.scale.hold)).await;
        self.heal_all();
        tokio::time::sleep(RECONNECT).await;
        Ok(Done::so(format!("{} was alone", self.stage.processes[place].name())))
    }
}
