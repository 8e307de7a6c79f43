//! The catalog.

use std::sync::Arc;

use serde_json::{Value, json};
use tenon_connector::catalog::{Catalog, CustomError, Settings};
use tenon_domain::ProjectId;

use crate::manifests::acme_value;

#[test]
fn every_built_in_connector_can_be_had() {
    let catalog = Catalog::default();
    let mut names: Vec<&str> = catalog.names().collect();
    for name in &names {
        let connector = catalog.get(name).unwrap_or_else(|| panic!("{name} does not load"));
        assert_eq!(connector.name(), *name);
        assert!(connector.icon().is_some(), "{name} has no icon");
        assert!(Arc::ptr_eq(&connector, &catalog.get(name).expect("it is kept")));
    }
    let sorted = names.clone();
    names.sort_unstable();
    assert_eq!(names, sorted);
    assert!(catalog.get("no-such-connector").is_none());
}

#[test]
fn a_projects_own_is_read_once_for_each_state() {
    let catalog = Catalog::default();
    let project = ProjectId::new();
    let manifest = Arc::new(acme_value());
    let first = catalog.custom(project, "custom.acme", &manifest).expect("it is valid");
    // The same text in another place in memory, as after a new plan.
    let copy: Arc<Value> = Arc::new((*manifest).clone());
    let second = catalog.custom(project, "custom.acme", &copy).expect("it is valid");
    assert!(Arc::ptr_eq(&first, &second));
    let mut changed = (*manifest).clone();
    changed["title"] = json!("Other");
    let other = catalog.custom(project, "custom.acme", &Arc::new(changed)).expect("it is valid");
    assert_eq!(other.manifest().title, "Other");
    assert_eq!(first.manifest().title, "Acme");
}

#[test]
fn a_broken_one_says_why() {
    let catalog = Catalog::default();
    let mut manifest = acme_value();
    manifest["proxy"]["base_url"][0]["url"] = json!("https://10.0.0.1");
    let manifest = Arc::new(manifest);
    let project = ProjectId::new();
    let Err(CustomError::Invalid(diagnostics)) = catalog.custom(project, "custom.x", &manifest)
    else {
        panic!("it names a private host");
    };
    assert_eq!(diagnostics[0].code, "private_host");
    let inside = Catalog::new(Settings { allow_private_hosts: true, ..Settings::default() });
    inside.custom(project, "custom.x", &manifest).expect("the operator allows it");
}

#[test]
fn only_so_many_are_kept() {
    let catalog = Catalog::new(Settings { custom_max: 3, ..Settings::default() });
    let project = ProjectId::new();
    let manifests: Vec<Arc<Value>> = (0..10)
        .map(|index| {
            let mut manifest = acme_value();
            manifest["title"] = json!(format!("Acme {index}"));
            Arc::new(manifest)
        })
        .collect();
    let first = catalog.custom(project, "custom.acme", &manifests[0]).expect("it is valid");
    for manifest in &manifests {
        catalog.custom(project, "custom.acme", &manifests[0]).expect("it stays in use");
        catalog.custom(project, "custom.acme", manifest).expect("it is valid");
    }
    let kept = catalog.custom(project, "custom.acme", &manifests[0]).expect("it is valid");
    assert!(Arc::ptr_eq(&first, &kept), "what is in use stays");
    let weak =
        Arc::downgrade(&catalog.custom(project, "custom.acme", &manifests[1]).expect("valid"));
    for manifest in &manifests[4..] {
        catalog.custom(project, "custom.acme", manifest).expect("it is valid");
    }
    assert!(weak.upgrade().is_none(), "what is not used goes");
}
