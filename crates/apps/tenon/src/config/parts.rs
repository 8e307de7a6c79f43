//! Turns the settings tree into what each part of the house takes. The parts never see the tree.

mod accounts;
mod cluster;

use std::path::PathBuf;
use std::time::Duration;

use tenon_api::ApiSettings;
use tenon_egress::EgressSettings;
use tenon_exec::admission::AdmissionLimits;
use tenon_exec::schedules::TickLimits;
use tenon_http_kit::{BodyLimits, JsonLimits, LayerSettings, ServeSettings};
use tenon_script::RunnerCommand;

use super::Settings;
use crate::postgres::EmbeddedSettings;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Settings {
    /// The folder of the embedded server.
    #[must_use]
    pub fn postgres_dir(&self) -> PathBuf {
        self.server.data_dir.join("postgres")
    }

    /// How long work may take to reach a safe point after a stop was asked for.
    #[must_use]
    pub fn stop_grace(&self) -> Duration {
        ms(self.server.stop_grace_ms)
    }

    /// For the embedded PostgreSQL.
    #[must_use]
    pub fn embedded_postgres(&self) -> EmbeddedSettings {
        let embedded = &self.postgres.embedded;
        EmbeddedSettings {
            bin_dir: self.postgres.bin_dir.clone(),
            shared_buffers_mib: embedded.shared_buffers_mib,
            connections_max: embedded.connections_max,
            wal_size_max_mib: embedded.wal_size_max_mib,
            start_timeout: ms(embedded.start_timeout_ms),
            stop_timeout: ms(embedded.stop_timeout_ms),
        }
    }

    /// For the configuration store at `url`.
    #[must_use]
    pub fn config_store(&self, url: String) -> tenon_pg_config::Settings {
        tenon_pg_config::Settings {
            url,
            connections_max: self.postgres.config_connections_max,
            acquire_timeout: ms(self.postgres.acquire_timeout_ms),
            statement_timeout: ms(self.postgres.statement_timeout_ms),
        }
    }

    /// For intake, workers, recorder and controller.
    #[must_use]
    pub fn engine(&self) -> tenon_exec::settings::Settings {
        let execution = &self.execution;
        tenon_exec::settings::Settings {
            accept_batch_max: execution.accept_batch_max,
            accept_waiting_max: execution.accept_waiting_max,
            accept_connections: execution.accept_connections,
            accept_timeout: ms(execution.accept_timeout_ms),
            ordering_key_bytes_max: execution.ordering_key_bytes_max,
            runs_in_flight_max: execution.runs_in_flight_max,
            runs_in_flight_per_queue_max: execution.runs_in_flight_per_queue_max,
            claim_max: execution.claim_max,
            lease_ttl: ms(execution.lease_ttl_ms),
            beat_interval: ms(execution.beat_interval_ms),
            reap_interval: ms(execution.reap_interval_ms),
            record_batch_max: execution.record_batch_max,
            record_linger: ms(execution.record_linger_ms),
            record_waiting_max: execution.record_waiting_max,
            inline_bytes_max: execution.inline_bytes_max,
            crashes_max: execution.crashes_max,
            crashes_quarantine: execution.crashes_quarantine,
            infrastructure_retries: execution.infrastructure_retries,
            sweep_interval: ms(execution.sweep_interval_ms),
            sweep_jobs_max: execution.sweep_jobs_max,
            sweep_min_age: ms(execution.sweep_min_age_ms),
            reassert_grace: ms(execution.reassert_grace_ms),
            stop_grace: self.stop_grace(),
            function_timeout: ms(self.functions.timeout_ms),
            request_timeout: ms(self.egress.request_timeout_ms),
            response_bytes_max: self.egress.response_bytes_max,
            fan_out_items_max: execution.fan_out_items_max,
            fan_out_memory_max: execution.fan_out_memory_max,
            test_items_max: execution.test_items_max,
            retention_days: self.retention.runs_days,
        }
    }

    /// For ticks of schedules with many installations.
    #[must_use]
    pub fn ticks(&self) -> TickLimits {
        let execution = &self.execution;
        TickLimits {
            part_max: execution.tick_part_max,
            part_bytes_max: execution.tick_part_bytes_max,
            reads_max: execution.tick_reads_max,
            inline_bytes_max: execution.inline_bytes_max,
            ordering_key_bytes_max: execution.ordering_key_bytes_max,
        }
    }

    /// For what one project may send to a gateway.
    #[must_use]
    pub fn admission(&self) -> AdmissionLimits {
        AdmissionLimits {
            accepts_per_second: self.gateway.accepts_per_second,
            open_max: self.execution.open_jobs_per_project_max,
        }
    }

    /// For the pool of function processes, which are started by `runner`.
    #[must_use]
    pub fn function_pool(&self, runner: RunnerCommand) -> tenon_script::Settings {
        let functions = &self.functions;
        let usual = tenon_script::Settings::new(runner);
        tenon_script::Settings {
            children_max: functions.processes_max.unwrap_or(usual.children_max),
            children_per_project_max: functions
                .processes_per_project_max
                .unwrap_or(usual.children_per_project_max),
            waiters_max: functions.waiting_max,
            wait_max: ms(functions.wait_max_ms),
            calls_per_child_max: functions.calls_per_process_max,
            memory_bytes_max: functions.memory_bytes_max,
            output_bytes_max: functions.output_bytes_max,
            console_lines_max: functions.console_lines_max,
            console_bytes_max: functions.console_bytes_max,
            ..usual
        }
    }

    /// For outgoing calls.
    #[must_use]
    pub fn outgoing(&self) -> EgressSettings {
        let egress = &self.egress;
        EgressSettings {
            allowed_networks: egress.allowed_networks.clone(),
            denied_networks: egress.denied_networks.clone(),
            connect_timeout: ms(egress.connect_timeout_ms),
            connects_per_host_max: egress.connects_per_host_max,
            idle_per_host_max: egress.idle_per_host_max,
            idle_timeout: ms(egress.idle_timeout_ms),
            client_identities_max: egress.client_identities_max,
            http2_stream_window_bytes: egress.http2_stream_window_bytes,
            http2_connection_window_bytes: egress.http2_connection_window_bytes,
            response_head_bytes_max: egress.response_head_bytes_max,
            response_headers_max: egress.response_headers_max,
            decompression_ratio_max: egress.decompression_ratio_max,
            decompression_free_bytes: egress.decompression_free_bytes,
            lookups_max: egress.lookups_max,
            lookup_ttl: ms(egress.lookup_ttl_ms),
            lookup_names_max: egress.lookup_names_max,
            ..EgressSettings::default()
        }
    }

    /// For a listener.
    #[must_use]
    pub fn serving(&self) -> ServeSettings {
        ServeSettings {
            connections_max: self.http.connections_max,
            header_read_timeout: ms(self.http.header_read_timeout_ms),
            headers_max: self.http.headers_max,
            header_bytes_max: self.http.header_bytes_max,
            http2_streams_max: self.http.http2_streams_max,
            drain_timeout: self.stop_grace(),
        }
    }

    /// Threads for connections.
    #[must_use]
    pub fn connection_threads(&self) -> usize {
        self.http.connection_threads.unwrap_or_else(processors)
    }

    /// For what every request passes through.
    #[must_use]
    pub fn layers(&self) -> LayerSettings {
        LayerSettings {
            requests_in_flight_max: self.http.requests_in_flight_max,
            request_timeout: ms(self.http.request_timeout_ms),
            overload_retry_after: ms(self.http.overload_retry_after_ms),
        }
    }

    /// For bodies of triggers and events.
    #[must_use]
    pub fn bodies(&self) -> BodyLimits {
        BodyLimits {
            body_bytes_max: self.http.body_bytes_max,
            body_timeout: ms(self.http.body_timeout_ms),
        }
    }

    /// For JSON in bodies.
    #[must_use]
    pub fn json(&self) -> JsonLimits {
        JsonLimits { depth_max: self.http.json_depth_max }
    }

    /// For the management API.
    #[must_use]
    pub fn management(&self) -> ApiSettings {
        ApiSettings {
            documents: self.documents.clone(),
            apply_documents_max: self.api.apply_documents_max,
            apply_body_bytes_max: self.api.apply_body_bytes_max,
            inline_bytes_max: self.execution.inline_bytes_max,
            page_bytes_max: self.api.page_bytes_max,
            followers_max: self.api.followers_max,
            follow_interval: ms(self.api.follow_interval_ms),
            follow_duration_max: ms(self.api.follow_duration_max_ms),
            ..ApiSettings::default()
        }
    }
}

/// The processors that this process may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A default that is written here and in the part itself must be the same in both.
    #[test]
    fn the_defaults_are_those_of_the_parts() {
        let settings = Settings::default();
        let shown = |value: &dyn std::fmt::Debug| format!("{value:#?}");
        assert_eq!(shown(&settings.engine()), shown(&tenon_exec::settings::Settings::default()));
        assert_eq!(settings.ticks(), TickLimits::default());
        assert_eq!(settings.admission(), AdmissionLimits::default());
        assert_eq!(shown(&settings.outgoing()), shown(&EgressSettings::default()));
        assert_eq!(shown(&settings.management()), shown(&ApiSettings::default()));
        assert_eq!(settings.json().depth_max, JsonLimits::default().depth_max);
        assert_eq!(settings.embedded_postgres().connections_max, 60);
    }
}
