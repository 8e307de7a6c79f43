//! What settings may not be together, or at all. Types and names are checked before.

use figment::value::Value;

use super::Settings;

/// A broken rule: the setting, and what is wrong.
pub(super) type Broken = (&'static str, String);

/// Settings for which zero has a meaning of its own.
const ZERO_ALLOWED: [&str; 20] = [
    "controller.autoscale.workers_min",
    "controller.dedication.cooldown_ms",
    "controller.dedication.hold_ms",
    "controller.dedication.queues_max",
    "controller.dedication.reserved_percent_max",
    "controller.dedication.share_percent_min",
    "egress.lookup_ttl_ms",
    "execution.record_linger_ms",
    "execution.infrastructure_retries",
    "execution.reassert_grace_ms",
    "execution.sweep_min_age_ms",
    "documents.retries_max",
    "http.connection_threads",
    "integrations.calls_spare",
    "integrations.sources.cache_entries_max",
    "proxy.retries_max",
    "proxy.retry_budget_percent",
    "proxy.redirects_max",
    "vault.renewal.early_percent",
    "vault.renewal.pause_min_ms",
];
/// What an address of Redis may begin with.
const REDIS_SCHEMES: [&str; 5] =
    ["redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel"];
/// Connections that PostgreSQL and a person with `psql` need beside the pools.
const SPARE_CONNECTIONS: u32 = 8;

/// Every rule that the settings break.
pub(super) fn broken(settings: &Settings) -> Vec<Broken> {
    let mut found = Vec::new();
    of_databases(settings, &mut found);
    of_execution(settings, &mut found);
    of_controller(settings, &mut found);
    of_vault(settings, &mut found);
    of_connect(settings, &mut found);
    of_telemetry(settings, &mut found);
    super::blobs::broken(&settings.blobs, &mut found);
    super::retention::broken(&settings.retention, &mut found);
    if let Some(url) = &settings.redis.url
        && !REDIS_SCHEMES.contains(&url.scheme())
    {
        let message = format!("must begin with {}://", REDIS_SCHEMES.join("://, "));
        found.push(("redis.url", message));
    }
    if !(1..=1_024).contains(&settings.redis.queue_shards) {
        found.push(("redis.queue_shards", "must be 1 to 1024".to_owned()));
    }
    if settings.redis.key_interval_ms < 60_000 {
        let message = "must be at least 60000, or plans are put anew all the time";
        found.push(("redis.key_interval_ms", message.to_owned()));
    }
    if !(2_500..=60_000).contains(&settings.integrations.call_lease_ms) {
        let message = "must be 2500 to 60000: workers say three times in it what they use";
        found.push(("integrations.call_lease_ms", message.to_owned()));
    }
    if settings.functions.processes_max.is_some_and(|processes| processes < 2) {
        found.push(("functions.processes_max", "must be at least 2".to_owned()));
    }
    if !(1..=127).contains(&settings.http.json_depth_max) {
        found.push(("http.json_depth_max", "must be 1 to 127".to_owned()));
    }
    if settings.http.header_bytes_max < 8_192 {
        found.push(("http.header_bytes_max", "must be at least 8192".to_owned()));
    }
    let response_ms = u64::from(settings.documents.response_timeout_seconds_max) * 1_000;
    if settings.http.request_timeout_ms <= response_ms {
        let message = "must be longer than `documents.response_timeout_seconds_max`";
        found.push(("http.request_timeout_ms", message.to_owned()));
    }
    found
}

fn of_databases(settings: &Settings, found: &mut Vec<Broken>) {
    let postgres = &settings.postgres;
    let urls = [
        ("postgres.config_url", &postgres.config_url),
        ("postgres.execution_url", &postgres.execution_url),
        ("vault.values_url", &settings.vault.values_url),
        ("vault.keys_url", &settings.vault.keys_url),
    ];
    for (name, url) in urls {
        let is_other =
            url.as_ref().is_some_and(|url| !matches!(url.scheme(), "postgres" | "postgresql"));
        if is_other {
            found.push((name, "must begin with postgres://".to_owned()));
        }
    }
    match (&postgres.config_url, &postgres.execution_url) {
        (Some(_), None) => {
            let message = "is missing, although `postgres.config_url` is set";
            found.push(("postgres.execution_url", message.to_owned()));
        }
        (None, None) => {
            let vault = settings.vault.connections_max.saturating_mul(4);
            let pools =
                postgres.config_connections_max + postgres.execution_connections_max + vault;
            let needed = pools.saturating_add(SPARE_CONNECTIONS);
            if postgres.embedded.connections_max < needed {
                let message = format!("must be at least {needed}, for the pools of this process");
                found.push(("postgres.embedded.connections_max", message));
            }
        }
        // Only the role `api` opens the configuration database, so its URL may be missing.
        (_, Some(_)) => {}
    }
}

fn of_execution(settings: &Settings, found: &mut Vec<Broken>) {
    let execution = &settings.execution;
    if execution.lease_ttl_ms < execution.beat_interval_ms.saturating_mul(3) {
        let message = "must be at least three times `execution.beat_interval_ms`, \
                       or one late beat loses the lease";
        found.push(("execution.lease_ttl_ms", message.to_owned()));
    }
    if execution.crashes_quarantine > execution.crashes_max {
        let message = "must not be more than `execution.crashes_max`";
        found.push(("execution.crashes_quarantine", message.to_owned()));
    }
    if let Some(rate) = settings.gateway.accepts_per_second
        && !(0.001..=1_000_000.0).contains(&rate)
    {
        let message = "must be 0.001 to 1000000; leave it out for no limit";
        found.push(("gateway.accepts_per_second", message.to_owned()));
    }
    if execution.ordering_key_bytes_max > 64 << 10 {
        let message = "must be at most 65536: it is evaluated for every run";
        found.push(("execution.ordering_key_bytes_max", message.to_owned()));
    }
    if settings.documents.concurrency_max > 32_767 {
        found.push(("documents.concurrency_max", "must be at most 32767".to_owned()));
    }
    if execution.inline_bytes_max > settings.http.body_bytes_max {
        let message = "must not be more than `http.body_bytes_max`";
        found.push(("execution.inline_bytes_max", message.to_owned()));
    }
}

fn of_controller(settings: &Settings, found: &mut Vec<Broken>) {
    let controller = &settings.controller;
    let renewals =
        controller.lease_margin_ms.saturating_add(controller.lease_renew_interval_ms * 2);
    if controller.lease_ttl_ms < renewals {
        let message = "must be at least `controller.lease_margin_ms` and two renewals \
                       (`controller.lease_renew_interval_ms`), or one late renewal loses the lease";
        found.push(("controller.lease_ttl_ms", message.to_owned()));
    }
    let autoscale = &controller.autoscale;
    if autoscale.workers_min > autoscale.workers_max {
        let message = "must not be more than `controller.autoscale.workers_max`";
        found.push(("controller.autoscale.workers_min", message.to_owned()));
    }
    for (name, percent) in [
        ("controller.autoscale.utilisation_percent", autoscale.utilisation_percent),
        ("controller.dedication.share_percent_min", controller.dedication.share_percent_min),
        ("controller.dedication.reserved_percent_max", controller.dedication.reserved_percent_max),
    ] {
        if percent > 100 {
            found.push((name, "must be at most 100".to_owned()));
        }
    }
    let worker = &settings.worker;
    if worker.member_ttl_ms < worker.beat_interval_ms.saturating_mul(2) {
        let message = "must be at least twice `worker.beat_interval_ms`, \
                       or one late beat loses the worker";
        found.push(("worker.member_ttl_ms", message.to_owned()));
    }
    if worker.view_stale_ms < controller.round_interval_ms.saturating_mul(2) {
        let message = "must be at least twice `controller.round_interval_ms`, \
                       or every view is taken for an old one";
        found.push(("worker.view_stale_ms", message.to_owned()));
    }
}

fn of_vault(settings: &Settings, found: &mut Vec<Broken>) {
    let vault = &settings.vault;
    if vault.values_url.is_some() != vault.keys_url.is_some() {
        let message = "must be set together with `vault.values_url`, or both left out";
        found.push(("vault.keys_url", message.to_owned()));
    }
    if vault.values_url.is_some() && vault.values_url == vault.keys_url {
        let message = "must not be the database of the values: whoever reads both reads everything";
        found.push(("vault.keys_url", message.to_owned()));
    }
    if vault.cache_ttl_ms > 60_000 {
        let message = "must be at most 60000: a deleted secret must be unreadable after a minute";
        found.push(("vault.cache_ttl_ms", message.to_owned()));
    }
    let five_minutes = "must be at most 300000: what is in caches ends with its key";
    for (name, is_longer) in [
        ("vault.share_ttl_ms", vault.share_ttl_ms > 300_000),
        ("vault.cache_key_interval_ms", vault.cache_key_interval_ms > 300_000),
        ("vault.service.sharing_key_interval_ms", vault.service.sharing_key_interval_ms > 300_000),
    ] {
        if is_longer {
            found.push((name, five_minutes.to_owned()));
        }
    }
    if vault.renewal.claim_ttl_ms <= vault.renewal.timeout_ms {
        let message = "must be longer than `vault.renewal.timeout_ms`, or two processes renew";
        found.push(("vault.renewal.claim_ttl_ms", message.to_owned()));
    }
    if vault.url.as_ref().is_some_and(|url| url.scheme() != "https") {
        found.push(("vault.url", "must begin with https://".to_owned()));
    }
    let files = [&vault.authority_file, &vault.certificate_file, &vault.key_file];
    let has_files = files.iter().all(|file| file.is_some());
    if (vault.url.is_some() || vault.listen.is_some()) && !has_files {
        let message = "must be set with `vault.authority_file` and `vault.key_file` where \
                       `vault.url` or `vault.listen` is";
        found.push(("vault.certificate_file", message.to_owned()));
    }
}

fn of_connect(settings: &Settings, found: &mut Vec<Broken>) {
    let connect = &settings.connect;
    if let Some(url) = &connect.public_url
        && (!matches!(url.scheme(), "http" | "https") || url.query().is_some())
    {
        let message = "must begin with https:// (http:// on a laptop) and have no query";
        found.push(("connect.public_url", message.to_owned()));
    }
    if connect.portal_link_ttl_ms > connect.portal_link_ttl_max_ms {
        let message = "must not be more than `connect.portal_link_ttl_max_ms`";
        found.push(("connect.portal_link_ttl_ms", message.to_owned()));
    }
    if connect.logo_bytes_max > 1 << 20 {
        let message = "must be at most 1048576: a logo is in the database";
        found.push(("connect.logo_bytes_max", message.to_owned()));
    }
    let egress = &settings.egress;
    for (name, bytes) in [
        ("egress.http2_stream_window_bytes", egress.http2_stream_window_bytes),
        ("egress.http2_connection_window_bytes", egress.http2_connection_window_bytes),
    ] {
        if !(65_535..=0x7fff_ffff).contains(&bytes) {
            found.push((name, "must be 65535 to 2147483647, as HTTP/2 has it".to_owned()));
        }
    }
}

fn of_telemetry(settings: &Settings, found: &mut Vec<Broken>) {
    let telemetry = &settings.telemetry;
    let is_http = |url: &url::Url| matches!(url.scheme(), "http" | "https");
    if telemetry.otlp_endpoint.as_ref().is_some_and(|url| !is_http(url) || url.query().is_some()) {
        let message = "must begin with http:// or https:// and have no query";
        found.push(("telemetry.otlp_endpoint", message.to_owned()));
    }
    if telemetry.sampled_per_mille > 1_000 {
        found.push(("telemetry.sampled_per_mille", "must be at most 1000".to_owned()));
    }
    if telemetry.batch_max > telemetry.spans_waiting_max {
        let message = "must not be more than `telemetry.spans_waiting_max`";
        found.push(("telemetry.batch_max", message.to_owned()));
    }
}

/// The numbers that are zero and must not be, by their full names.
pub(super) fn zeros(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_zeros(tree, "", &mut found);
    found.retain(|name| !ZERO_ALLOWED.contains(&name.as_str()));
    found
}

fn collect_zeros(value: &Value, name: &str, found: &mut Vec<String>) {
    if let Some(dict) = value.as_dict() {
        for (key, value) in dict {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            collect_zeros(value, &name, found);
        }
    } else if value.to_u128() == Some(0) {
        found.push(name.to_owned());
    }
}
