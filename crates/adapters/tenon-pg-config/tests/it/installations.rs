//! Workflows of an integration, switched on for configurations of accounts.

mod documents;
mod plans;
mod switching;
mod values;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tenon_config::ports::triggering::{EndedInstallation, Triggering, TriggeringError};
use tenon_config::{
    AccountName, Applied, Batch, Configuration, Error, InstallationFault, InstallationName,
    SettingsName, SettingsWrite, WorkflowWrite,
};
use tenon_contract::installation::FirstEnabled;
use tenon_contract::plan::{PlanSource, UserPlan};
use tenon_contract::vault::SecretState;
use tenon_domain::limits::DocumentLimits;
use tenon_domain::portal::{self, IntegrationDocument, secret_of_setting};
use tenon_domain::workflow::{Workflow, load_value};
use tenon_domain::{ConfigurationId, CredentialId, EndUserId, ProjectId, WorkflowId};

use crate::accounts::{Accounts, CONNECTOR};
use crate::fixture::Outcome;

/// Execution, as far as installations need it. It keeps idempotency keys, as intake does.
#[derive(Default)]
pub struct Execution {
    pub runs: Mutex<Vec<FirstEnabled>>,
    pub ended: Mutex<Vec<EndedInstallation>>,
    pub is_away: AtomicBool,
    pub calls: AtomicUsize,
}

impl Execution {
    fn check(&self) -> Result<(), TriggeringError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(TriggeringError::Unavailable { source: "it is away".into() }),
            false => Ok(()),
        }
    }

    fn runs(&self) -> Vec<(WorkflowId, ConfigurationId)> {
        let runs = self.runs.lock().expect("no test panics in it");
        runs.iter().map(|fired| (fired.workflow, fired.configuration)).collect()
    }

    fn ended(&self) -> Vec<EndedInstallation> {
        self.ended.lock().expect("no test panics in it").clone()
    }
}

#[async_trait]
impl Triggering for Execution {
    async fn integration_enabled(&self, fired: &FirstEnabled) -> Result<(), TriggeringError> {
        self.check()?;
        let mut runs = self.runs.lock().expect("no test panics in it");
        if !runs.iter().any(|one| one.key == fired.key) {
            runs.push(fired.clone());
        }
        Ok(())
    }

    async fn cancel_runs(
        &self,
        _: ProjectId,
        ended: &EndedInstallation,
        _: Timestamp,
    ) -> Result<(), TriggeringError> {
        self.check()?;
        self.ended.lock().expect("no test panics in it").push(*ended);
        Ok(())
    }
}

fn workflow(document: Value) -> Workflow {
    load_value(document, &DocumentLimits::default()).expect("the document is valid")
}

pub fn integration_document(inputs: Value) -> IntegrationDocument {
    let document = json!({
        "kind": "integration", "version": 1, "connector": CONNECTOR, "inputs": inputs,
        "portal": {"description": "What it does"},
    });
    portal::load_value(document, &DocumentLimits::default()).expect("the document is valid")
}

/// A workflow of the integration with one required input; `more` replaces members.
fn of_integration(name: &str, more: Value) -> Workflow {
    let mut document = json!({
        "version": 1,
        "name": name,
        "integration": CONNECTOR,
        "inputs": [
            {"id": "list", "type": "text", "title": "List"},
            {"id": "n", "type": "number", "title": "N", "default": 3},
        ],
        "triggers": [{"type": "integration_enabled"}],
        "steps": [{"id": "wait", "type": "delay", "seconds": 1}],
        "settings": {"enabled_by_default": false},
    });
    for (name, value) in more.as_object().expect("an object") {
        document[name] = value.clone();
    }
    workflow(document)
}

/// One that can be switched on as it is.
pub fn installed_document() -> Workflow {
    of_integration("installed", json!({"inputs": []}))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// A project with a user who has an account, and execution beside it.
pub struct Stage {
    pub a: Accounts,
    pub configuration: Configuration,
    pub execution: Arc<Execution>,
    pub user: EndUserId,
    pub account: CredentialId,
}

impl Stage {
    /// `enabled_by_default` counts when the account is connected, so documents come first.
    pub async fn with(batch: Batch) -> Result<(Self, Vec<Applied>), Box<dyn std::error::Error>> {
        let a = Accounts::new().await?;
        let execution = Arc::new(Execution::default());
        let configuration = a.configuration.clone().with_triggering(execution.clone());
        let applied = configuration.apply_batch(a.f.project, &batch).await?.workflows;
        let account = configuration.link(a.f.project, a.fields("u", "key")).await?.id;
        let user = EndUserId::new("u");
        Ok((Self { a, configuration, execution, user, account }, applied))
    }

    /// With one workflow.
    pub async fn one(more: Value) -> Result<(Self, WorkflowId), Box<dyn std::error::Error>> {
        let workflows = vec![of_integration("sync", more)];
        let (stage, applied) = Self::with(Batch { workflows, ..Batch::default() }).await?;
        Ok((stage, applied[0].workflow))
    }

    fn project(&self) -> ProjectId {
        self.a.f.project
    }

    async fn enable(&self, workflow: WorkflowId) -> Result<(), Error> {
        let place = InstallationName::default();
        self.configuration.enable_workflow(self.project(), &self.user, workflow, &place).await
    }

    async fn disable(&self, workflow: WorkflowId) -> Result<(), Error> {
        let place = InstallationName::default();
        self.configuration.disable_workflow(self.project(), &self.user, workflow, &place).await
    }

    async fn set(&self, workflow: WorkflowId, settings: Value) -> Result<(), Error> {
        let write = WorkflowWrite { enabled: None, settings: object(settings) };
        let write = SettingsWrite { workflows: [(workflow, write)].into(), ..Default::default() };
        let (project, account) = (self.project(), self.account);
        self.configuration
            .change_settings(project, &self.user, account, None, write)
            .await
            .map(|_| ())
    }

    /// The plan that execution has.
    async fn plan(&self) -> Result<Arc<UserPlan>, Box<dyn std::error::Error>> {
        let plan = self.a.f.cache.user(self.project(), &self.user).await?;
        Ok(plan.ok_or("it is published")?)
    }

    /// What is on for the default configuration, with its settings, as execution has it.
    async fn on(&self, workflow: WorkflowId) -> Result<Option<Value>, Box<dyn std::error::Error>> {
        let plan = self.plan().await?;
        let [account] = &plan.credentials[..] else { return Ok(None) };
        let settings = account.configurations[0].workflows.get(&workflow).cloned();
        Ok(settings.map(Value::Object))
    }

    async fn default_configuration(&self) -> Result<ConfigurationId, Error> {
        Ok(self.configuration.configurations(self.project(), self.account).await?[0].id)
    }
}
