//! Turns the texts of a request into checked documents, or into one problem that names every
//! place in every document.

mod connectors;

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use tenon_config::{Batch, Integration, ProjectSecret};
use tenon_domain::SecretKey;
use tenon_domain::applied::{AppliedDocument, load_any};
use tenon_domain::limits::DocumentLimits;
use tenon_domain::portal::{Input, InputKind, IntegrationDocument};
use tenon_domain::workflow::{
    Diagnostic, SECRETS_ROOT, StepKind, Surroundings, Workflow, check_surroundings,
};
use tenon_exec::ports::script::{FunctionErrorKind, FunctionRunner};
use tenon_http_kit::{ErrorItem, Problem};
use utoipa::ToSchema;

pub(crate) use self::connectors::check_connectors;
use crate::codes;

/// The most faults that one answer names.
const ERRORS_MAX: usize = 200;

/// A document as it is written: a workflow, or an integration (`kind: integration`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentText {
    /// What errors call it; `.yaml`, `.yml` or `.json` tells the language.
    #[schema(example = "workflows/welcome.yaml")]
    pub(crate) file: String,
    /// The document itself.
    pub(crate) text: String,
}

/// Checked documents.
pub(crate) struct Loaded {
    /// What they say.
    pub(crate) batch: Batch,
    /// The files of the workflows, in their order.
    pub(crate) files: Vec<String>,
    /// The files of the integrations, in their order.
    pub(crate) integration_files: Vec<String>,
    /// Which documents of the request they are.
    places: Vec<usize>,
}

impl Loaded {
    /// Whether something of it depends on what the project has.
    pub(crate) fn asks_of_project(&self) -> bool {
        let steps = self.batch.workflows.iter().flat_map(|workflow| &workflow.steps);
        let mut references = steps.flat_map(|step| step.kind.references());
        references.any(|it| it.root == SECRETS_ROOT || it.root == "shared")
    }
}

/// What of a project documents may ask for.
pub(crate) struct ProjectParts {
    secrets: BTreeSet<SecretKey>,
    /// Ids of the password inputs of each integration, by connector.
    passwords: HashMap<String, BTreeSet<String>>,
}

impl ProjectParts {
    pub(crate) fn new(secrets: Vec<ProjectSecret>, integrations: Vec<Integration>) -> Self {
        let documents = integrations.into_iter().filter_map(|one| one.document);
        Self {
            secrets: secrets.into_iter().map(|secret| secret.key).collect(),
            passwords: documents.map(|one| (one.connector.clone(), passwords_of(&one))).collect(),
        }
    }
}

fn passwords_of(document: &IntegrationDocument) -> BTreeSet<String> {
    let is_password = |input: &&Input| matches!(input.kind, InputKind::Password {});
    document.inputs.iter().filter(is_password).map(|input| input.id.clone()).collect()
}

/// Loads all documents. Works the processor for a while: call it where blocking is fine.
pub(crate) fn load_all(
    documents: &[DocumentText],
    limits: &DocumentLimits,
) -> Result<Loaded, Problem> {
    let mut loaded = Loaded {
        batch: Batch::default(),
        files: Vec::new(),
        integration_files: Vec::new(),
        places: Vec::new(),
    };
    let mut errors = Vec::new();
    let mut file_of_name: HashMap<(&str, String), &str> = HashMap::new();
    let mut note = |place: &'static str, name: &str, file| {
        let former = file_of_name.insert((place, name.to_owned()), file);
        former.map(|former| twice(place, name, file, former))
    };
    for (place, document) in documents.iter().enumerate() {
        let file = document.file.as_str();
        match load_any(file, &document.text, limits) {
            Ok(AppliedDocument::Workflow(workflow)) => {
                errors.extend(note("/name", &workflow.name, file));
                loaded.batch.workflows.push(*workflow);
                loaded.files.push(file.to_owned());
                loaded.places.push(place);
            }
            Ok(AppliedDocument::Integration(integration)) => {
                errors.extend(note("/connector", &integration.connector, file));
                loaded.batch.integrations.push(*integration);
                loaded.integration_files.push(file.to_owned());
            }
            Err(diagnostics) => errors.extend(diagnostics.into_iter().map(item)),
        }
    }
    if errors.is_empty() { Ok(loaded) } else { Err(invalid(errors, documents.len())) }
}

/// Checks what loaded workflows ask of the project: secrets that it has, and passwords of the
/// integration where they may stand. Integrations of the same request count before the project's.
pub(crate) fn check_project(
    loaded: Loaded,
    documents: &[DocumentText],
    project: &ProjectParts,
    limits: &DocumentLimits,
) -> Result<Loaded, Problem> {
    let none = BTreeSet::new();
    let mut errors = Vec::new();
    for (workflow, place) in loaded.batch.workflows.iter().zip(&loaded.places) {
        let connector = workflow.integration.as_deref();
        let own = loaded.batch.integrations.iter().find(|it| Some(&*it.connector) == connector);
        let own = own.map(passwords_of);
        let known = connector.and_then(|name| project.passwords.get(name));
        let shared_passwords = own.as_ref().or(known).unwrap_or(&none);
        let surroundings = Surroundings { secrets: &project.secrets, shared_passwords };
        let DocumentText { file, text } = &documents[*place];
        let found = check_surroundings(file, text, workflow, surroundings, limits);
        errors.extend(found.into_iter().map(item));
    }
    if errors.is_empty() { Ok(loaded) } else { Err(invalid(errors, documents.len())) }
}

/// Parses the code of every function step, where it can do no harm. A runner that cannot be had
/// checks nothing: a fault then shows in the first run.
pub(crate) async fn check_functions(
    files: &[String],
    workflows: &[Workflow],
    runner: &dyn FunctionRunner,
) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for (file, workflow) in files.iter().zip(workflows) {
        for (index, step) in workflow.steps.iter().enumerate() {
            let StepKind::Function(function) = &step.kind else { continue };
            match runner.check(&function.code).await {
                Ok(()) => {}
                Err(error) if error.kind == FunctionErrorKind::Unavailable => {
                    tracing::warn!(error = %error, "the code of function steps was not checked");
                    return Ok(());
                }
                Err(error) => errors.push(ErrorItem {
                    message: format!("the function does not parse: {}", error.message),
                    code: Some("function_syntax".to_owned()),
                    help: Some("lines are counted from the first line of `code`".to_owned()),
                    pointer: Some(format!("/steps/{index}/code")),
                    file: Some(file.clone()),
                    step: Some(step.id.to_string()),
                    ..ErrorItem::default()
                }),
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(invalid(errors, files.len())) }
}

fn invalid(mut errors: Vec<ErrorItem>, documents: usize) -> Problem {
    let found = errors.len();
    errors.truncate(ERRORS_MAX);
    let faults = if found == 1 { "fault" } else { "faults" };
    let places = if documents == 1 { "document" } else { "documents" };
    Problem::new(&codes::INVALID_DOCUMENT)
        .detail(format!(
            "{found} {faults} in {documents} {places}; nothing was deployed; fix them and try again"
        ))
        .with_all(errors)
}

fn twice(pointer: &str, name: &str, file: &str, former: &str) -> ErrorItem {
    ErrorItem {
        message: format!("the name `{name}` is used by another document of this request"),
        code: Some("duplicate_name".to_owned()),
        help: Some(format!("`{former}` has the same name; rename one of them")),
        pointer: Some(pointer.to_owned()),
        file: Some(file.to_owned()),
        ..ErrorItem::default()
    }
}

fn item(diagnostic: Diagnostic) -> ErrorItem {
    let has_place = diagnostic.line > 0;
    ErrorItem {
        message: diagnostic.message,
        code: Some(diagnostic.code.to_owned()),
        help: diagnostic.help,
        pointer: Some(diagnostic.pointer),
        file: Some(diagnostic.file),
        line: has_place.then_some(diagnostic.line),
        column: has_place.then_some(diagnostic.column),
        step: diagnostic.step.map(|step| step.to_string()),
        ..ErrorItem::default()
    }
}
