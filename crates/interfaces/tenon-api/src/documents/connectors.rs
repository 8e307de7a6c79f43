//! What the connectors say of documents: whether there are such actions, webhooks and data sources,
//! and whether inputs that are written out fit.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tenon_connector::connector::Connector;
use tenon_domain::ProjectId;
use tenon_domain::workflow::{Diagnostic, Workflow};
use tenon_exec::steps::integration::check::{ConnectorLookup, check_integrations};
use tenon_exec::webhooks::check_webhooks;
use tenon_http_kit::{ErrorItem, Problem};
use tenon_sources::check_inputs;

use super::{Loaded, invalid, item};
use crate::config::ConfigPort;
use crate::problem;

/// Those that the documents name and the project can use.
struct Known {
    connectors: HashMap<String, Arc<Connector>>,
    names: Vec<String>,
}

impl ConnectorLookup for Known {
    fn connector(&self, name: &str) -> Option<Arc<Connector>> {
        self.connectors.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

/// Asks the connectors that documents name. Whether the integration that a workflow belongs to may
/// be missing is decided when the documents are applied, not here.
pub(crate) async fn check_connectors(
    loaded: &Loaded,
    project: ProjectId,
    config: &dyn ConfigPort,
) -> Result<(), Problem> {
    let Some(known) = known(loaded, project, config).await? else { return Ok(()) };
    let mut errors = Vec::new();
    let mut note = |file: &String, found: Vec<Diagnostic>| {
        let told = |fault| ErrorItem { file: Some(file.clone()), ..item(fault) };
        errors.extend(found.into_iter().map(told));
    };
    for (file, workflow) in loaded.files.iter().zip(&loaded.batch.workflows) {
        note(file, check_integrations(workflow, &known));
        let own = workflow.integration.as_ref().and_then(|name| known.connectors.get(name));
        if let Some(connector) = own {
            note(file, check_webhooks(workflow, connector));
            note(file, check_inputs(&workflow.inputs, connector));
        }
    }
    for (file, document) in loaded.integration_files.iter().zip(&loaded.batch.integrations) {
        if let Some(connector) = known.connectors.get(&document.connector) {
            note(file, check_inputs(&document.inputs, connector));
        }
    }
    let documents = loaded.files.len() + loaded.integration_files.len();
    if errors.is_empty() { Ok(()) } else { Err(invalid(errors, documents)) }
}

/// `None`: this installation has no vault, and so no connectors.
async fn known(
    loaded: &Loaded,
    project: ProjectId,
    config: &dyn ConfigPort,
) -> Result<Option<Known>, Problem> {
    let mut known = Known { connectors: HashMap::new(), names: Vec::new() };
    let of_documents = loaded.batch.integrations.iter().map(|it| it.connector.as_str());
    let of_workflows = loaded.batch.workflows.iter().flat_map(named_by);
    let named: BTreeSet<&str> = of_documents.chain(of_workflows).collect();
    let mut is_complete = true;
    for name in named {
        match config.connector(project, name).await {
            Ok(connector) => drop(known.connectors.insert(name.to_owned(), connector)),
            Err(tenon_config::Error::ConnectorUnknown { .. }) => is_complete = false,
            Err(tenon_config::Error::NoVault) => return Ok(None),
            Err(error) => return Err(problem::of_config(error)),
        }
    }
    if !is_complete {
        let listed = config.connectors(project).await.map_err(problem::of_config)?;
        known.names = listed.into_iter().map(|it| it.name).collect();
    }
    Ok(Some(known))
}

fn named_by(workflow: &Workflow) -> impl Iterator<Item = &str> {
    let steps = workflow.steps.iter().filter_map(|step| step.kind.connector());
    workflow.integration.as_deref().into_iter().chain(steps)
}
