//! A process dies at a point of its code; debug builds have such points (`TENON_KILL_AT`).

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Done, Trial};

/// How long the point may take to be reached.
const PATIENCE: Duration = Duration::from_secs(12);
/// Where a value is in the blob store and its row is not committed.
pub(super) const BEFORE_COMMIT: &str = "accept.before-commit";
/// How often it is looked whether it was.
const POLL: Duration = Duration::from_millis(20);

impl Trial<'_> {
    pub(super) async fn kill_gateway_at(&mut self, point: &str) -> anyhow::Result<Done> {
        let place = self.any("gateway");
        self.kill_at(place, point).await
    }

    pub(super) async fn kill_worker_at_flush(&mut self) -> anyhow::Result<Done> {
        let points = ["flush.before-commit", "flush.committed"];
        let point = points[self.rng.random_range(0..points.len())];
        let place = self.any("worker");
        self.kill_at(place, point).await
    }

    async fn kill_at(&mut self, place: usize, point: &str) -> anyhow::Result<Done> {
        // A request that is too large for its row is rare.
        let times_max = if point == BEFORE_COMMIT { 1 } else { 12 };
        let times: u32 = self.rng.random_range(1..=times_max);
        self.stage.processes[place].stop().await?;
        let kill_at = format!("{point}:{times}");
        self.stage.processes[place].start_with(&[], &[("TENON_KILL_AT", &kill_at)])?;
        // It may reach the point before it is ready: then it is dead, as it should be.
        let ready = self.stage.await_ready(place).await;
        let give_up = Instant::now() + PATIENCE;
        while self.stage.processes[place].is_alive() && Instant::now() < give_up {
            tokio::time::sleep(POLL).await;
        }
        let was_reached = !self.stage.processes[place].is_alive();
        if !was_reached {
            ready?;
            self.stage.processes[place].kill()?;
        }
        self.stage.restart(place).await?;
        Ok(match was_reached {
            true => Done::so(format!("{} at {kill_at}", self.stage.processes[place].name())),
            false => Done::left_out(format!("{kill_at} was not reached")),
        })
    }
}
