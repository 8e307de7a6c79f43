//! Rules of the settings as a whole.

use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::*;

fn from(file: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tenon.toml");
    std::fs::write(&path, file).expect("a file");
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&Sources { file: Some(path), environment: environment.collect() })
}

fn message(outcome: Result<Settings, ConfigError>) -> String {
    outcome.expect_err("it is wrong").to_string()
}

fn json(settings: &Settings) -> serde_json::Value {
    serde_json::to_value(settings).expect("settings serialize")
}

#[test]
fn the_documented_defaults_are_the_defaults_and_complete() {
    let documented = from(DEFAULT_TOML, &[]).expect("the documented file is valid");
    assert_eq!(json(&documented), json(&Settings::default()));

    let written: Dict = Toml::from_str(DEFAULT_TOML).expect("TOML");
    let written = Value::from(written);
    let sections = json(&Settings::default());
    for (section, settings) in sections.as_object().expect("sections") {
        for (name, value) in settings.as_object().expect("settings") {
            let is_written = written.find_ref(&format!("{section}.{name}")).is_some();
            let is_mentioned = DEFAULT_TOML.contains(&format!("\n# {name} = "));
            assert!(is_written || (value.is_null() && is_mentioned), "{section}.{name}");
        }
    }
}

#[test]
fn the_defaults_are_these() {
    insta::assert_json_snapshot!("defaults", json(&Settings::default()));
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"/from/file\"\n";
    let settings = from(file, &[("TENON_SERVER__LISTEN", "[::1]:2")]).expect("valid");
    assert_eq!(settings.server.listen.to_string(), "[::1]:2");
    assert_eq!(settings.server.data_dir, Path::new("/from/file"));
    assert_eq!(settings.server.stop_grace_ms, Settings::default().server.stop_grace_ms);
}

#[test]
fn every_kind_of_value_can_come_from_the_environment() {
    let environment = [
        ("TENON_EGRESS__ALLOWED_NETWORKS", "127.0.0.0/8, ::1/128"),
        ("TENON_EGRESS__DENIED_NETWORKS", "[\"10.0.0.0/8\"]"),
        ("TENON_POSTGRES__EMBEDDED__SHARED_BUFFERS_MIB", "128"),
        ("TENON_POSTGRES_BIN", "/opt/postgres/bin"),
        ("TENON_FUNCTIONS__PROCESSES_MAX", "3"),
        ("TENON_LOG__FILTER", "12345"),
        ("TENON_REDIS__URL", ""),
        ("TENON_API_KEY", "an option of commands"),
        ("TENON_SERVER", "http://127.0.0.1:7070"),
    ];
    let settings = from("", &environment).expect("valid");
    assert_eq!(settings.egress.allowed_networks.len(), 2);
    assert_eq!(settings.egress.denied_networks.len(), 1);
    assert_eq!(settings.postgres.embedded.shared_buffers_mib, 128);
    assert_eq!(settings.postgres.bin_dir.as_deref(), Some(Path::new("/opt/postgres/bin")));
    assert_eq!(settings.functions.processes_max, Some(3));
    assert_eq!(settings.log.filter, "12345");
    assert_eq!(settings.redis.url, None);
}

#[test]
fn an_unknown_setting_is_refused_with_its_place_and_a_suggestion() {
    let text = message(from("[server]\nlisen = \"x\"\n", &[("TENON_REDIS__URI", "redis://h")]));
    assert!(text.contains("`server.lisen` in /"), "{text}");
    assert!(text.contains("tenon.toml: there is no such setting"), "{text}");
    assert!(text.contains("did you mean `server.listen`?"), "{text}");
    assert!(text.contains("`redis.uri` in the environment variable TENON_REDIS__URI"), "{text}");
    assert!(text.contains("did you mean `redis.url`?"), "{text}");
    assert!(message(from("[servre]\n", &[])).contains("`servre` in "));
}

#[test]
fn a_wrong_type_names_the_setting_and_where_it_was_written() {
    let text = message(from("[execution]\nclaim_max = \"many\"\n", &[]));
    assert!(text.contains("`execution.claim_max` in /"), "{text}");
    assert!(text.contains("expected usize"), "{text}");
    let text = message(from("", &[("TENON_EGRESS__ALLOWED_NETWORKS", "here")]));
    assert!(text.contains("variable TENON_EGRESS__ALLOWED_NETWORKS"), "{text}");
    assert!(message(from("server = 3\n", &[])).contains("`server` in /"));
}

#[test]
fn a_wrong_connection_url_is_not_repeated() {
    let text = message(from("", &[("TENON_REDIS__URL", "s3cret")]));
    assert!(text.contains("TENON_REDIS__URL: not a URL"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let file = "[execution]\nlease_ttl_ms = 1000\nclaim_max = 0\n\
                [postgres]\nconfig_url = \"postgres://h/db\"\n[redis]\nurl = \"http://h\"\n";
    let text = message(from(file, &[]));
    for part in [
        "`execution.lease_ttl_ms` in /",
        "`execution.claim_max` in /",
        "must not be 0",
        "`postgres.execution_url` in the defaults: is missing",
        "`redis.url` in /",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn limits_of_the_portal_and_of_http2_fit_together() {
    let file = "[connect]\nportal_link_ttl_ms = 2000\nportal_link_ttl_max_ms = 1000\n\
                logo_bytes_max = 2000000\nportal_session_ttl_ms = 0\n\
                [egress]\nhttp2_stream_window_bytes = 1000\n";
    let text = message(from(file, &[]));
    for part in [
        "`connect.portal_link_ttl_ms` in /",
        "`connect.logo_bytes_max` in /",
        "`connect.portal_session_ttl_ms` in /",
        "`egress.http2_stream_window_bytes` in /",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn an_archive_that_would_end_as_it_is_made_is_refused() {
    let file = "[retention]\narchive = true\nruns_days = 30\narchive_days = 30\n\
                archive_part_bytes_max = 1000\ninterval_ms = 1\n";
    let text = message(from(file, &[]));
    for name in ["archive_days", "archive_part_bytes_max", "interval_ms"] {
        assert!(text.contains(&format!("`retention.{name}` in /")), "{name}: {text}");
    }
    from("[retention]\nruns_days = 1000\n", &[]).expect("without an archive it does not matter");
}

#[test]
fn pools_that_do_not_fit_the_embedded_server_are_refused() {
    let file = "[postgres]\nexecution_connections_max = 50\n";
    assert!(message(from(file, &[])).contains("must be at least 90"));
    let with_servers =
        format!("{file}config_url = \"postgres://h/c\"\nexecution_url = \"postgres://h/e\"\n");
    from(&with_servers, &[]).expect("an outside server has limits of its own");
    let for_workers = "[postgres]\nexecution_url = \"postgres://h/e\"\n";
    from(for_workers, &[]).expect("workers do not open the configuration database");
}

#[test]
fn a_named_file_must_exist_and_be_toml() {
    let missing = Sources { file: Some("/nowhere/x.toml".into()), ..Sources::default() };
    assert!(matches!(load(&missing), Err(ConfigError::Read { .. })));
    assert!(message(from("[server\n", &[])).contains("is not valid TOML"));
}
