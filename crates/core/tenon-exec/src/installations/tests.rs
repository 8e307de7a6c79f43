use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;
use tenon_domain::{ProjectId, SecretId, VersionId};

use super::*;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn workflow(integration: IntegrationId) -> DeployedWorkflow {
    DeployedWorkflow {
        id: WorkflowId::new(),
        name: "sync".to_owned(),
        integration: Some(integration),
        version: VersionId::new(),
        number: 1,
        triggers: Vec::new(),
        enabled_by_default: false,
        has_response: false,
        response_timeout_seconds: 1,
        order: Default::default(),
    }
}

fn configuration(
    external_id: Option<&str>,
    on: &[(&DeployedWorkflow, Value)],
) -> ConfigurationPlan {
    let on = on.iter().map(|(workflow, settings)| (workflow.id, object(settings.clone())));
    ConfigurationPlan {
        id: ConfigurationId::new(),
        external_id: external_id.map(str::to_owned),
        shared: object(json!({ "region": "eu" })),
        workflows: on.collect::<HashMap<_, _>>(),
    }
}

fn account(
    integration: IntegrationId,
    external_id: Option<&str>,
    configurations: Vec<ConfigurationPlan>,
) -> CredentialPlan {
    CredentialPlan {
        id: CredentialId::new(),
        integration,
        external_id: external_id.map(str::to_owned),
        auth_method: "key".to_owned(),
        secret: SecretId::new(),
        fields: Map::new(),
        created_at: Timestamp::UNIX_EPOCH,
        configurations,
    }
}

fn plan(credentials: Vec<CredentialPlan>) -> UserPlan {
    UserPlan {
        project: ProjectId::new(),
        user: EndUserId::new("ada"),
        revision: 1,
        credentials,
        meta: object(json!({ "plan": "pro" })),
    }
}

/// Two accounts of an integration with two configurations each, and one of another integration.
/// The workflow is on for all of the first but the last configuration.
struct World {
    plan: UserPlan,
    workflow: DeployedWorkflow,
}

impl World {
    fn new() -> Self {
        let integration = IntegrationId::new();
        let workflow = workflow(integration);
        let on = |name: &str, external_id| {
            configuration(external_id, &[(&workflow, json!({ "name": name }))])
        };
        let plan = plan(vec![
            account(integration, None, vec![on("a0", None), on("a1", Some("team"))]),
            account(IntegrationId::new(), Some("second"), vec![on("x0", Some("team"))]),
            account(
                integration,
                Some("second"),
                vec![on("b0", None), configuration(Some("off"), &[])],
            ),
        ]);
        Self { plan, workflow }
    }

    /// The configurations that an event runs for, as (account, configuration).
    fn event(&self, named: &Named<'_>) -> Vec<(usize, usize)> {
        of_event(&self.plan, &self.workflow, named).iter().map(|it| self.place(it)).collect()
    }

    fn request(&self, named: &Named<'_>) -> Result<(usize, usize), Missing> {
        of_request(&self.plan, &self.workflow, named).map(|chosen| self.place(&chosen))
    }

    fn place(&self, chosen: &Chosen<'_>) -> (usize, usize) {
        let accounts = &self.plan.credentials;
        let account =
            accounts.iter().position(|it| it.id == chosen.credential.id).expect("of the plan");
        let configurations = &accounts[account].configurations;
        let configuration = configurations.iter().position(|it| it.id == chosen.configuration.id);
        (account, configuration.expect("of the account"))
    }
}

fn named<'a>(credential: Option<&'a str>, configuration: Option<&'a str>) -> Named<'a> {
    Named { credential, configuration }
}

#[test]
fn an_event_runs_for_all_that_is_on_or_for_what_is_named() {
    let world = World::new();
    let first = world.plan.credentials[0].id.to_string();
    let second = world.plan.credentials[2].configurations[0].id.to_string();
    for (named, expected) in [
        (named(None, None), vec![(0, 0), (0, 1), (2, 0)]),
        (named(Some(&first), None), vec![(0, 0), (0, 1)]),
        (named(Some("second"), None), vec![(2, 0)]),
        (named(Some("ext:second"), None), vec![(2, 0)]),
        (named(None, Some("ext:team")), vec![(0, 1)]),
        (named(None, Some(&second)), vec![(2, 0)]),
        (named(Some(&first), Some(&second)), vec![]),
        (named(None, Some("off")), vec![]),
        (named(Some("nobody"), None), vec![]),
    ] {
        assert_eq!(world.event(&named), expected, "{named:?}");
    }
}

#[test]
fn a_request_runs_for_the_default_configuration_of_the_oldest_account_or_what_is_named() {
    let world = World::new();
    assert_eq!(world.request(&named(None, None)), Ok((0, 0)));
    assert_eq!(world.request(&named(Some("second"), None)), Ok((2, 0)));
    assert_eq!(world.request(&named(None, Some("team"))), Ok((0, 1)));
    let user = world.plan.user.clone();
    let missing = Missing::Account { user: user.clone() };
    assert_eq!(world.request(&named(Some("nobody"), None)), Err(missing));
    let missing = Missing::Configuration { user };
    assert_eq!(world.request(&named(Some("second"), Some("team"))), Err(missing));
    let configuration = world.plan.credentials[2].configurations[1].id;
    assert_eq!(world.request(&named(None, Some("off"))), Err(Missing::Off { configuration }));
}

#[test]
fn a_name_that_is_written_like_an_id_is_never_an_external_one() {
    let mut world = World::new();
    // Somebody calls the older account what the id of the younger one is.
    let younger = world.plan.credentials[2].id.to_string();
    world.plan.credentials[0].external_id = Some(younger.clone());
    assert_eq!(world.request(&named(Some(&younger), None)), Ok((2, 0)));
    assert_eq!(world.request(&named(Some(&format!("ext:{younger}")), None)), Ok((0, 0)));
}

#[test]
fn what_is_named_must_be_there_whichever_integration_it_is_of() {
    let world = World::new();
    for (named, is_there) in [
        (named(None, None), true),
        (named(Some("second"), None), true),
        (named(Some("second"), Some("team")), true),
        (named(None, Some("off")), true),
        (named(Some("nobody"), None), false),
        (named(None, Some("nothing")), false),
    ] {
        assert_eq!(check_named(&world.plan, &named).is_ok(), is_there, "{named:?}");
    }
}

#[test]
fn what_a_run_is_accepted_with_is_what_stands_in_the_plan() {
    let world = World::new();
    let chosen = of_request(&world.plan, &world.workflow, &Named::default()).expect("it is on");
    let installation = chosen.freeze(&world.workflow);
    assert_eq!(installation.credential, world.plan.credentials[0].id);
    let Payload::Inline(bytes) = &installation.values else { panic!("not stored yet") };
    let values: InstallationValues = serde_json::from_slice(bytes).expect("JSON");
    let expected = InstallationValues {
        settings: object(json!({ "name": "a0" })),
        shared: object(json!({ "region": "eu" })),
        user_meta: object(json!({ "plan": "pro" })),
    };
    assert_eq!(values, expected);
}

#[test]
fn an_installation_that_is_off_or_of_another_account_is_none() {
    let world = World::new();
    let [first, other, second] = &world.plan.credentials[..] else { panic!("three accounts") };
    let find = |account: &CredentialPlan, of: &CredentialPlan, at: usize| {
        exactly(&world.plan, &world.workflow, account.id, of.configurations[at].id).is_some()
    };
    assert!(find(first, first, 1));
    assert!(!find(second, second, 1), "it is off");
    assert!(!find(second, first, 0), "it is of another account");
    assert!(!find(other, other, 0), "the account is of another integration");
}
