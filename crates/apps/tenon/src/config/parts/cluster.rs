//! For the leader, and for workers that follow it.

use tenon_exec::cluster::election::ElectionSettings;
use tenon_exec::cluster::following::FollowingSettings;
use tenon_exec::cluster::leading::LeadingSettings;
use tenon_exec::cluster::{autoscale, dedication};
use tenon_scaler::ScalerSettings;

use super::ms;
use crate::config::Settings;

impl Settings {
    /// For the election.
    #[must_use]
    pub fn election(&self) -> ElectionSettings {
        ElectionSettings {
            lease_ttl: ms(self.controller.lease_ttl_ms),
            renew_interval: ms(self.controller.lease_renew_interval_ms),
            margin: ms(self.controller.lease_margin_ms),
        }
    }

    /// For the leader.
    #[must_use]
    pub fn leading(&self) -> LeadingSettings {
        let controller = &self.controller;
        let (dedication, autoscale) = (&controller.dedication, &controller.autoscale);
        LeadingSettings {
            round_interval: ms(controller.round_interval_ms),
            sample_interval: ms(controller.sample_interval_ms),
            refresh_interval: ms(controller.refresh_interval_ms),
            dedication: dedication::Rules {
                is_automatic: dedication.automatic,
                ready_min: dedication.ready_min,
                share_percent_min: dedication.share_percent_min,
                hold: ms(dedication.hold_ms),
                cooldown: ms(dedication.cooldown_ms),
                queues_max: dedication.queues_max,
            },
            dedicated_workers: dedication.workers,
            reserved_percent_max: dedication.reserved_percent_max,
            autoscale: autoscale::Rules {
                workers_min: autoscale.workers_min,
                workers_max: autoscale.workers_max,
                jobs_per_worker: autoscale.jobs_per_worker,
                age_max: ms(autoscale.age_max_ms),
                utilisation_percent: autoscale.utilisation_percent,
                up_window: ms(autoscale.up_window_ms),
                down_window: ms(autoscale.down_window_ms),
                up_cooldown: ms(autoscale.up_cooldown_ms),
                down_cooldown: ms(autoscale.down_cooldown_ms),
                up_step_max: autoscale.up_step_max,
                down_step_max: autoscale.down_step_max,
            },
        }
    }

    /// For a worker.
    #[must_use]
    pub fn following(&self) -> FollowingSettings {
        let worker = &self.worker;
        FollowingSettings {
            beat_interval: ms(worker.beat_interval_ms),
            member_ttl: ms(worker.member_ttl_ms),
            stale_after: ms(worker.view_stale_ms),
            idle_exit: worker.idle_exit_ms.map(ms),
            leave_patience: ms(worker.leave_patience_ms),
            last_look: ms(worker.last_look_ms),
        }
    }

    /// For what KEDA asks.
    #[must_use]
    pub fn scaler(&self) -> ScalerSettings {
        ScalerSettings {
            followers_max: self.controller.keda_followers_max,
            ..ScalerSettings::default()
        }
    }
}
