//! How a project's queue is served: its share, and what it may take at a time.

use tenon_contract::plan::QueuePlan;
use tenon_domain::ProjectId;

use crate::{Configuration, Error};

/// The largest weight.
pub const WEIGHT_MAX: u16 = 1_000;
/// The largest number of runs at a time that can be set; leave it out for no limit.
pub const RUNNING_MAX: u32 = 1_000_000;
/// The largest rate that can be set, in runs a second; leave it out for no limit.
pub const STARTS_PER_SECOND_MAX: f64 = 1_000_000.0;
/// The smallest rate, in runs a second: one in about a quarter of an hour.
pub const STARTS_PER_SECOND_MIN: f64 = 0.001;
/// The largest number of calls at a time to one connector that can be set.
pub const CALLS_PER_CONNECTOR_MAX: u32 = 100_000;

impl Configuration {
    /// How the queue of a project is served.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn project_queue(&self, project: ProjectId) -> Result<QueuePlan, Error> {
        Ok(self.read(project).await?.project_queue(project).await?.unwrap_or_default())
    }

    /// Sets how the queue of a project is served, as a whole. It takes effect with the plan, which
    /// is published at once; setting the same again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::Invalid`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn set_project_queue(
        &self,
        project: ProjectId,
        queue: &QueuePlan,
    ) -> Result<QueuePlan, Error> {
        check(queue)?;
        let mut work = self.begin_change(project).await?;
        if work.project_queue(project).await?.unwrap_or_default() != *queue {
            work.put_project_queue(project, queue, self.clock.now()).await?;
            self.commit_and_publish(work, project, &[]).await?;
        }
        Ok(*queue)
    }
}

fn check(queue: &QueuePlan) -> Result<(), Error> {
    let is_rate = |rate: f64| (STARTS_PER_SECOND_MIN..=STARTS_PER_SECOND_MAX).contains(&rate);
    let rules = [
        ((1..=WEIGHT_MAX).contains(&queue.weight), "`weight`", "1 to 1000"),
        (
            queue.running_max.is_none_or(|most| (1..=RUNNING_MAX).contains(&most)),
            "`running_max`",
            "1 to 1000000, or left out for no limit",
        ),
        (
            queue.starts_per_second.is_none_or(is_rate),
            "`starts_per_second`",
            "0.001 to 1000000, or left out for no limit",
        ),
        (
            queue
                .calls_per_connector_max
                .is_none_or(|most| (1..=CALLS_PER_CONNECTOR_MAX).contains(&most)),
            "`calls_per_connector_max`",
            "1 to 100000, or left out for the limit of the installation",
        ),
    ];
    match rules.into_iter().find(|(is_kept, ..)| !is_kept) {
        Some((_, what, rule)) => Err(Error::Invalid { what, rule }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept() {
        let plain = QueuePlan::default();
        assert!(check(&plain).is_ok());
        let good = [
            QueuePlan { weight: 1, ..plain },
            QueuePlan { weight: 1_000, running_max: Some(1), ..plain },
            QueuePlan { starts_per_second: Some(0.5), ..plain },
            QueuePlan { calls_per_connector_max: Some(1), ..plain },
        ];
        assert!(good.iter().all(|queue| check(queue).is_ok()));
        let bad = [
            QueuePlan { weight: 0, ..plain },
            QueuePlan { weight: 1_001, ..plain },
            QueuePlan { running_max: Some(0), ..plain },
            QueuePlan { starts_per_second: Some(0.0), ..plain },
            QueuePlan { starts_per_second: Some(f64::NAN), ..plain },
            QueuePlan { starts_per_second: Some(f64::INFINITY), ..plain },
            QueuePlan { calls_per_connector_max: Some(0), ..plain },
        ];
        for queue in bad {
            assert!(check(&queue).is_err(), "{queue:?}");
        }
    }
}
