//! The direction of dependencies: apps → interfaces → core ← adapters.
//!
//! It reads manifests, not source: Cargo refuses a name that is not in the manifest. Dev-dependencies
//! are free, for a test may put things together that the product keeps apart.

use super::repository::{Crate, Layer};
use super::{Finding, Repository};

const RULE: &str = "layers";

/// Crates that do I/O. Core describes what it needs as a port, and an adapter names the crate.
const IO_CRATES: [&str; 12] = [
    "axum",
    "hyper",
    "hyper-rustls",
    "hyper-util",
    "redis",
    "reqwest",
    "rustls",
    "sqlx",
    "tower-http",
    "tonic",
    "ureq",
    "utoipa-axum",
];

/// The planes of core. What they share is in `tenon-contract`.
const PLANES: [&str; 3] = ["tenon-config", "tenon-exec", "tenon-vault"];

/// The one interface that the others build on.
const SHARED_INTERFACE: &str = "tenon-http-kit";

/// Support crates that the one binary ships: `tenon chaos` and what it stands on.
const SHIPPED: [&str; 2] = ["tenon-chaos", "tenon-fault-proxy"];

/// The kit of the tests, which is no part of the product.
const TEST_KIT: &str = "tenon-testkit";

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for user in &repository.crates {
        for dependency in user.dependencies.iter().filter(|d| !d.is_for_tests) {
            let package = dependency.package.as_str();
            let used = repository.crates.iter().find(|other| other.name == package);
            let fault = match used {
                Some(used) => fault_inside(user, used),
                None => fault_outside(user, package),
            };
            if let Some(fault) = fault {
                let message = format!("{} names {package}: {fault}", user.name);
                findings.push(Finding::new(user.manifest_path(), RULE, message));
            }
        }
    }
    findings
}

/// Why `user` may not name `used`, another crate of the workspace.
fn fault_inside(user: &Crate, used: &Crate) -> Option<&'static str> {
    if used.name == TEST_KIT {
        return Some("the test kit is a dev-dependency only; move the line to [dev-dependencies]");
    }
    if PLANES.contains(&user.name.as_str()) && PLANES.contains(&used.name.as_str()) {
        return Some("the planes never name each other; what both need goes to tenon-contract");
    }
    match (user.layer, used.layer) {
        (Layer::Apps, Layer::Apps | Layer::Interfaces | Layer::Adapters) | (_, Layer::Core) => None,
        (Layer::Interfaces, Layer::Interfaces) if used.name == SHARED_INTERFACE => None,
        (Layer::Core, _) => Some("core names only core; describe what it needs as a port"),
        (Layer::Adapters, Layer::Adapters) => {
            Some("adapters never name each other; the app puts them together")
        }
        (Layer::Adapters, _) => Some("adapters name only core"),
        (Layer::Interfaces, Layer::Interfaces) => {
            Some("interfaces name core and tenon-http-kit; what both need goes to one of these")
        }
        (Layer::Interfaces, Layer::Adapters) => {
            Some("interfaces never name an adapter; take a port of core, the app hands it in")
        }
        (Layer::Interfaces, _) => Some("interfaces name core and tenon-http-kit only"),
        (Layer::Apps | Layer::Support, Layer::Support) if SHIPPED.contains(&used.name.as_str()) => {
            None
        }
        (Layer::Support, _) => Some("support crates name only core"),
        (Layer::Apps, Layer::Support) => Some("support crates are no part of the product"),
    }
}

/// Why `user` may not name `package`, a crate from the registry.
fn fault_outside(user: &Crate, package: &str) -> Option<&'static str> {
    (user.layer == Layer::Core && IO_CRATES.contains(&package))
        .then_some("core does no I/O; describe what it needs as a port, an adapter implements it")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, lines};
    use super::*;

    /// All layers, with `tables` in the manifest of one more crate.
    fn found(layer: &str, name: &str, tables: &str) -> Vec<String> {
        let sample = Sample::new()
            .krate("core", "tenon-exec", "")
            .krate("adapters", "tenon-redis", "")
            .krate("interfaces", "tenon-http-kit", "")
            .krate("interfaces", "tenon-gateway", "")
            .krate("support", "tenon-testkit", "")
            .krate(layer, name, tables);
        lines(&check(&sample.read()))
    }

    fn refuses(layer: &str, name: &str, used: &str, reason: &str) {
        let found = found(layer, name, &format!("[dependencies]\n{used}.workspace = true\n"));
        let place = format!("crates/{layer}/{name}/Cargo.toml: layers: {name} names {used}: ");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&place) && found[0].contains(reason), "{found:?}");
    }

    #[test]
    fn wrong_edges_are_found() {
        refuses("core", "tenon-expr", "tenon-redis", "core names only core");
        refuses("core", "tenon-expr", "tenon-http-kit", "core names only core");
        refuses("adapters", "tenon-local", "tenon-redis", "never name each other");
        refuses("adapters", "tenon-local", "tenon-http-kit", "name only core");
        refuses("interfaces", "tenon-api", "tenon-redis", "never name an adapter");
        refuses("interfaces", "tenon-api", "tenon-gateway", "core and tenon-http-kit");
        refuses("support", "xtask", "tenon-redis", "only core");
    }

    #[test]
    fn planes_never_name_each_other() {
        refuses("core", "tenon-config", "tenon-exec", "planes");
        refuses("core", "tenon-vault", "tenon-exec", "planes");
    }

    #[test]
    fn core_does_no_io_also_under_another_name_or_for_one_platform() {
        refuses("core", "tenon-expr", "axum", "core does no I/O");
        let renamed = found("core", "tenon-expr", "[dependencies]\nhttp1.workspace = true\n");
        assert!(renamed[0].contains("names hyper: core does no I/O"), "{renamed:?}");
        let tables = "[target.'cfg(unix)'.dependencies]\nsqlx.workspace = true\n";
        assert_eq!(found("core", "tenon-expr", tables).len(), 1);
        let tables = "[build-dependencies]\nreqwest.workspace = true\n";
        assert_eq!(found("core", "tenon-expr", tables).len(), 1);
    }

    #[test]
    fn the_test_kit_is_for_tests_only() {
        refuses("adapters", "tenon-local", "tenon-testkit", "dev-dependency");
        refuses("apps", "tenon", "tenon-testkit", "dev-dependency");
    }

    #[test]
    fn right_edges_pass() {
        for (layer, name, used) in [
            ("apps", "tenon", "tenon-redis"),
            ("apps", "tenon", "tenon-gateway"),
            ("apps", "tenon", "axum"),
            ("interfaces", "tenon-api", "tenon-http-kit"),
            ("interfaces", "tenon-api", "tenon-exec"),
            ("interfaces", "tenon-api", "axum"),
            ("adapters", "tenon-local", "tenon-domain"),
            ("core", "tenon-exec", "tenon-domain"),
            ("support", "xtask", "tenon-domain"),
        ] {
            let tables = format!("[dependencies]\n{used}.workspace = true\n");
            assert_eq!(found(layer, name, &tables), Vec::<String>::new());
        }
    }

    #[test]
    fn dev_dependencies_are_free() {
        let tables = "[dev-dependencies]\ntenon-testkit.workspace = true\n\
                      tenon-redis.workspace = true\naxum.workspace = true\n";
        assert_eq!(found("core", "tenon-expr", tables), Vec::<String>::new());
    }
}
