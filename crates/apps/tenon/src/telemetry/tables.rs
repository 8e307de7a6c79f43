//! All metrics of the program: the tables of its crates, and what only the program knows.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tenon_telemetry::{Declared, Gauge, Kind, Label};

use super::process;
use crate::roles::{Roles, measured_vault};

/// The tables, with the heading that each has in the reference.
pub const TABLES: [(&str, &[&dyn Declared]); 10] = [
    ("Execution: intake, queues, workers, schedules, plans", tenon_exec::metrics::ALL),
    ("The blob store", tenon_blob::metrics::ALL),
    ("Redis", tenon_redis::metrics::ALL),
    ("Calls of the network outside", tenon_egress::metrics::ALL),
    ("The proxy", tenon_proxy::metrics::ALL),
    ("The vault", measured_vault::ALL),
    ("Functions", tenon_script::metrics::ALL),
    ("HTTP", tenon_http_kit::metrics::ALL),
    ("Connections to databases", POOL_METRICS),
    ("The build", BUILD_METRICS),
];

const POOL_METRICS: &[&dyn Declared] = &[&POOL_CONNECTIONS, &POOL_CONNECTIONS_MAX];
const BUILD_METRICS: &[&dyn Declared] = &[&BUILD];

const POOL: Label = Label {
    name: "pool",
    values: &[
        "config",
        "execution",
        "history",
        "call_log",
        "vault_values",
        "vault_values_readers",
        "vault_keys",
        "vault_keys_readers",
    ],
};

/// Connections of the pools.
pub static POOL_CONNECTIONS: Gauge = Gauge::new(
    "tenon_pool_connections",
    "Connections to PostgreSQL by pool and by whether they are in use; 0 for a pool that this process does not have.",
)
.by(&[POOL, Label { name: "state", values: &["busy", "idle"] }]);

/// The sizes of the pools.
pub static POOL_CONNECTIONS_MAX: Gauge = Gauge::new(
    "tenon_pool_connections_max",
    "Connections to PostgreSQL that a pool may have; 0 for a pool that this process does not have.",
)
.by(&[POOL]);

/// Which build it is.
static BUILD: Gauge = Gauge::new("tenon_build_info", "Always 1; says the version of this process.")
    .by(&[Label { name: "version", values: &[env!("CARGO_PKG_VERSION")] }]);

/// Installs who gathers metrics, and makes those of these roles known to it.
///
/// # Errors
/// When another one is installed already, or the buckets of a histogram cannot be used.
pub(super) fn install(roles: &Roles) -> anyhow::Result<PrometheusHandle> {
    process::start();
    let mut builder = PrometheusBuilder::new();
    for declared in TABLES.iter().flat_map(|(_, table)| *table) {
        let about = declared.about();
        if about.kind == Kind::Histogram {
            let name = Matcher::Full(about.name.to_owned());
            builder = builder.set_buckets_for_metric(name, about.unit.buckets())?;
        }
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    for declared in TABLES.iter().flat_map(|(_, table)| *table) {
        if roles.iter().any(|role| declared.about().is_of(role.name())) {
            declared.register();
        }
    }
    BUILD.set_of(&[env!("CARGO_PKG_VERSION")], 1.0);
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use tenon_telemetry::{About, LABEL_OTHER, Unit};

    use super::*;
    use crate::roles::Role;

    /// Run with `UPDATE_DOCS=1` to write the file anew.
    const REFERENCE: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/reference/metrics.md");
    /// More series than this in one metric would be no bound.
    const SERIES_MAX: usize = 64;

    fn all() -> Vec<About> {
        let declared = TABLES.iter().flat_map(|(_, table)| table.iter().map(|it| *it.about()));
        declared.chain(process::ALL).collect()
    }

    #[test]
    fn names_are_those_of_prometheus_and_no_two_alike() {
        let mut seen = BTreeSet::new();
        for about in all() {
            let name = about.name;
            assert!(seen.insert(name), "{name} is there twice");
            let is_ours = name.starts_with("tenon_") || name.starts_with("process_");
            let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(is_ours && is_plain, "{name}");
            assert_eq!(about.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            if about.kind == Kind::Histogram {
                assert_eq!(about.unit == Unit::Seconds, name.ends_with("_seconds"), "{name}");
            }
            assert!(about.help.ends_with('.') && !about.help.contains('\n'), "{name}");
        }
    }

    #[test]
    fn labels_have_few_values_and_roles_are_roles() {
        for about in all() {
            assert!(about.series() <= SERIES_MAX, "{} has {} series", about.name, about.series());
            for label in about.labels {
                let last = label.values.len() - 1;
                let other = label.values.iter().position(|value| *value == LABEL_OTHER);
                assert!(other.is_none_or(|at| at == last), "{}: `other` is the last", about.name);
            }
            for role in about.roles {
                assert!(role.parse::<Roles>().is_ok(), "{}: {role} is no role", about.name);
            }
        }
    }

    #[test]
    fn the_reference_is_made_of_the_declarations() {
        let current = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(REFERENCE, &current).expect("the reference can be written");
        }
        let published = std::fs::read_to_string(REFERENCE).unwrap_or_default();
        assert_eq!(
            published, current,
            "run: UPDATE_DOCS=1 cargo nextest run -p tenon reference_is"
        );
    }

    fn reference() -> String {
        let mut text = String::from(
            "# Metrics\n\n\
             Made from the declarations in the code; do not edit it by hand\n\
             (`UPDATE_DOCS=1 cargo nextest run -p tenon reference_is`).\n\n\
             Every process answers `GET /metrics` on `metrics.listen`, in the text format of Prometheus;\n\
             [monitoring](../ops/monitoring.md) tells how to switch it on and what to look at. A process has\n\
             the metrics of its roles. All series of a metric are there from the start, with the value 0.\n\
             No label holds an id, a name of yours or an address: all values are listed here.\n",
        );
        for (heading, table) in TABLES {
            section(&mut text, heading, table.iter().map(|declared| *declared.about()));
        }
        section(&mut text, "The process", process::ALL.into_iter());
        text.push_str("\n## Buckets of histograms\n\n");
        for (unit, name) in
            [(Unit::Seconds, "Times, in seconds"), (Unit::Count, "Numbers of things")]
        {
            let bounds: Vec<String> = unit.buckets().iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "- {name}: {}", bounds.join(", "));
        }
        text
    }

    fn section(text: &mut String, heading: &str, metrics: impl Iterator<Item = About>) {
        let _ = writeln!(text, "\n## {heading}\n\n| Metric | Kind | Labels | Roles | Meaning |");
        text.push_str("|---|---|---|---|---|\n");
        for about in metrics {
            let label = |label: &Label| format!("`{}`: {}", label.name, label.values.join(", "));
            let labels: Vec<String> = about.labels.iter().map(label).collect();
            let roles = match about.roles.len() {
                0 => "all".to_owned(),
                number if number == Role::ALL.len() => "all".to_owned(),
                _ => about.roles.join(", "),
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {roles} | {} |",
                about.name,
                about.kind.name(),
                labels.join("; "),
                about.help
            );
        }
    }
}
