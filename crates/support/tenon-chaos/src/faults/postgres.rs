//! PostgreSQL stops, cuts sessions off, refuses.

use std::time::Duration;

use rand::Rng;

use super::{Done, Trial};

/// How long the server is away.
const OUTAGE: Duration = Duration::from_millis(700);

impl Trial<'_> {
    pub(super) async fn restart_postgres(&mut self) -> anyhow::Result<Done> {
        self.stage.postgres.stop_at_once()?;
        tokio::time::sleep(OUTAGE).await;
        self.stage.postgres.start_again().await?;
        Ok(Done::so("stopped at once"))
    }

    pub(super) async fn kill_postgres(&mut self) -> anyhow::Result<Done> {
        self.stage.postgres.kill()?;
        tokio::time::sleep(OUTAGE).await;
        self.stage.postgres.start_again().await?;
        Ok(Done::so("killed"))
    }

    pub(super) async fn disturb_postgres(&mut self) -> anyhow::Result<Done> {
        let seconds = self.scale.hold.as_secs_f64();
        match self.rng.random_range(0..3) {
            0 => {
                for _ in 0..3 {
                    self.stage.postgres.execute(TERMINATE).await?;
                    tokio::time::sleep(Duration::from_millis(400)).await;
                }
                Ok(Done::so("backends are ended"))
            }
            1 => {
                let tables = ["job", "step_result", "run"];
                let table = tables[self.rng.random_range(0..tables.len())];
                let statement = format!(
                    "BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; \
                     SELECT pg_sleep({seconds}); COMMIT"
                );
                self.stage.postgres.execute(&statement).await?;
                Ok(Done::so(format!("{table} is locked")))
            }
            _ => {
                let set =
                    |value| format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
                self.stage.postgres.execute(&set("on")).await?;
                self.stage.postgres.execute("SELECT pg_reload_conf()").await?;
                self.hold().await;
                self.stage.postgres.execute(&set("off")).await?;
                self.stage.postgres.execute("SELECT pg_reload_conf()").await?;
                Ok(Done::so("read-only"))
            }
        }
    }
}

/// Ends all sessions of the product.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE usename = 'tenon' AND pid <> pg_backend_pid()";
