//! Secrets in steps: environment secrets of the project (`{{secrets.KEY}}`) and passwords among the
//! settings of an installation.
//!
//! A run holds references only. For one attempt of a step that names a secret its value is opened,
//! against the run's grant; it is put into what the step sends, taken out of everything that the
//! attempt leaves behind ([`mask`]), and wiped. Nothing else in the engine sees it.

mod mask;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tenon_contract::plan::PlanError;
use tenon_contract::vault::{Access, Purpose, Subject};
use tenon_credentials::access::AccessError;
use tenon_domain::portal::secret_of_setting;
use tenon_domain::workflow::{SECRETS_ROOT, secret_key};
use tenon_domain::{SecretId, StepId};
use tenon_expr::{EvalError, Reference, Scope, Segment, resolve_path};
use zeroize::Zeroize as _;

use super::view::View;
use super::{Engine, Execution};
use crate::program::ProgramStep;
use crate::steps::integration::Integrations;
use crate::steps::{Failure, FailureClass};

pub(super) use self::mask::Mask;

/// The passwords among the settings that a run was accepted with: where their values are.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    settings: BTreeMap<String, SecretId>,
    shared: BTreeMap<String, SecretId>,
}

impl Passwords {
    /// Takes the passwords out of settings. Null stands where they were: whoever reads the settings
    /// as a whole sees that there is nothing to see.
    pub(super) fn taken_from(
        settings: &mut Map<String, Value>,
        shared: &mut Map<String, Value>,
    ) -> Self {
        Self { settings: taken_from(settings), shared: taken_from(shared) }
    }

    /// The password that a reference names.
    fn named_by<'a>(&self, reference: &'a Reference) -> Option<(&'a str, SecretId)> {
        let passwords = match reference.root.as_str() {
            "settings" => &self.settings,
            "shared" => &self.shared,
            _ => return None,
        };
        let Some(Segment::Key(name)) = reference.path.first() else { return None };
        passwords.get(name.as_str()).map(|secret| (name.as_str(), *secret))
    }
}

fn taken_from(settings: &mut Map<String, Value>) -> BTreeMap<String, SecretId> {
    let mut passwords = BTreeMap::new();
    for (name, value) in settings {
        if let Some(secret) = secret_of_setting(value) {
            passwords.insert(name.clone(), secret);
            *value = Value::Null;
        }
    }
    passwords
}

/// The values of one attempt, by the root and the name that templates use. Wiped when dropped.
#[derive(Default)]
pub(super) struct Unsealed(Vec<(String, String, Value)>);

impl Unsealed {
    /// Whether the step names no secret that is there.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What takes them out again of what the attempt leaves behind.
    pub(super) fn mask(&self) -> Mask {
        Mask::of(self.0.iter().filter_map(|(_, _, value)| value.as_str()))
    }

    /// A view in which they are.
    pub(super) fn over<'a>(&'a self, view: &'a View) -> Overlay<'a> {
        Overlay { unsealed: self, view }
    }

    fn has(&self, root: &str, name: &str) -> bool {
        self.0.iter().any(|(in_root, it, _)| in_root == root && it == name)
    }

    fn add(&mut self, root: &str, name: &str, text: String) {
        self.0.push((root.to_owned(), name.to_owned(), Value::String(text)));
    }
}

impl Drop for Unsealed {
    fn drop(&mut self) {
        for (_, _, value) in &mut self.0 {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

/// What the templates of one attempt see.
pub(super) struct Overlay<'a> {
    unsealed: &'a Unsealed,
    view: &'a View,
}

impl Scope for Overlay<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        if let Some((Segment::Key(name), rest)) = reference.path.split_first() {
            let mut values = self.unsealed.0.iter();
            let found = values.find(|(root, it, _)| *root == reference.root && it == name);
            if let Some((_, _, value)) = found {
                return Ok(resolve_path(value, rest).map(Cow::Borrowed));
            }
        }
        self.view.get(reference)
    }
}

impl Engine {
    /// Why a step may not run: it names a secret, and what it evaluates to would not stay one.
    /// Documents that say so are refused; this is for settings that became passwords later.
    pub(super) fn misplaced_secret(
        &self,
        execution: &Execution,
        step: &ProgramStep,
    ) -> Option<Failure> {
        if step.step.kind.takes_secrets() {
            return None;
        }
        let named = step.references.iter().find_map(|reference| {
            let password = execution.passwords.named_by(reference).map(|(name, _)| name);
            password.or_else(|| secret_key(reference)).map(|name| (&reference.root, name))
        })?;
        let message = format!(
            "the secret `{}.{}` cannot be used in a step of this type: it would not stay one",
            named.0, named.1
        );
        Some(Failure::new("secret_not_allowed", message, FailureClass::Permanent))
    }

    /// Opens what the step names.
    pub(super) async fn unsealed(
        &self,
        execution: &Execution,
        step: &ProgramStep,
    ) -> Result<Unsealed, Failure> {
        let mut unsealed = Unsealed::default();
        for reference in &step.references {
            if let Some(key) = secret_key(reference) {
                if unsealed.has(SECRETS_ROOT, key) {
                    continue;
                }
                let text = self.project_secret(execution, &step.step.id, key).await;
                match text {
                    Ok(text) => unsealed.add(SECRETS_ROOT, key, text),
                    Err(failure) if failure.code == MISSING && reference.is_optional => {}
                    Err(failure) => return Err(failure),
                }
            } else if let Some((name, secret)) = execution.passwords.named_by(reference) {
                let root = reference.root.as_str();
                if unsealed.has(root, name) {
                    continue;
                }
                let text = self.password(execution, &step.step.id, (root, name), secret).await?;
                unsealed.add(root, name, text);
            }
        }
        Ok(unsealed)
    }

    async fn project_secret(
        &self,
        execution: &Execution,
        step: &StepId,
        key: &str,
    ) -> Result<String, Failure> {
        let integrations = self.vault_user()?;
        let project = integrations.plans.project(execution.job.project).await;
        let project = project.map_err(|error| plan_away(&error))?;
        let known = project.and_then(|plan| {
            plan.secrets.iter().find(|(it, _)| it.as_str() == key).map(|(_, secret)| *secret)
        });
        let Some(secret) = known else { return Err(missing(&format!("secrets.{key}"))) };
        let access = access(execution, step);
        let opened =
            integrations.access.text(execution.job.project, secret, &Subject::Project, &access);
        let text = opened.await.map_err(|error| of_access(&format!("secrets.{key}"), &error))?;
        Ok(text.to_string())
    }

    /// A password that was changed since the run was accepted is in the vault no more: then the
    /// installation's current one is what the user means.
    async fn password(
        &self,
        execution: &Execution,
        step: &StepId,
        (root, name): (&str, &str),
        secret: SecretId,
    ) -> Result<String, Failure> {
        let integrations = self.vault_user()?;
        let job = &execution.job;
        let written = format!("{root}.{name}");
        let (Some(installation), Some(user)) = (&job.installation, &job.user) else {
            return Err(missing(&written));
        };
        let subject =
            Subject::Credential { credential: installation.credential, user: user.clone() };
        let access = access(execution, step);
        let open = |secret| integrations.access.text(job.project, secret, &subject, &access);
        let opened = match open(secret).await {
            Err(AccessError::Gone) => {
                let current = current_password(integrations, execution, (root, name)).await?;
                let Some(current) = current.filter(|current| *current != secret) else {
                    return Err(missing(&written));
                };
                open(current).await
            }
            opened => opened,
        };
        Ok(opened.map_err(|error| of_access(&written, &error))?.to_string())
    }

    /// The way to the vault.
    fn vault_user(&self) -> Result<&Integrations, Failure> {
        self.integrations.as_ref().ok_or_else(|| {
            let message = "this process has no vault to open secrets with";
            Failure::new("secret_unavailable", message, FailureClass::Permanent)
        })
    }
}

const MISSING: &str = "secret_missing";

/// What the installation of a run has at this place now.
async fn current_password(
    integrations: &Integrations,
    execution: &Execution,
    (root, name): (&str, &str),
) -> Result<Option<SecretId>, Failure> {
    let job = &execution.job;
    let (Some(installation), Some(user)) = (&job.installation, &job.user) else { return Ok(None) };
    let plan = integrations.plans.user(job.project, user).await;
    let plan = plan.map_err(|error| plan_away(&error))?;
    Ok(plan.and_then(|plan| {
        let account = plan.credentials.iter().find(|it| it.id == installation.credential)?;
        let mut configurations = account.configurations.iter();
        let configuration = configurations.find(|it| it.id == installation.configuration)?;
        let settings = match root {
            "shared" => &configuration.shared,
            _ => configuration.workflows.get(&job.workflow)?,
        };
        settings.get(name).and_then(secret_of_setting)
    }))
}

/// On behalf of a step of the run.
fn access(execution: &Execution, step: &StepId) -> Access {
    let job = &execution.job;
    Access {
        project: job.project,
        purpose: Purpose::Step,
        run: Some(job.run),
        step: Some(step.clone()),
        reference: None,
        grant: job.grant.clone(),
    }
}

fn missing(written: &str) -> Failure {
    let message = format!("there is no `{written}` any more");
    Failure::new("secret_missing", message, FailureClass::Permanent)
}

/// Plans that cannot be read now are no fault of the workflow.
fn plan_away(error: &PlanError) -> Failure {
    let message = format!("the secrets of the project cannot be looked up now: {error}");
    Failure::new("secret_unavailable", message, FailureClass::Infrastructure)
}

fn of_access(written: &str, error: &AccessError) -> Failure {
    match error {
        AccessError::Gone => missing(written),
        AccessError::VaultAway { .. } | AccessError::Temporary { .. } => {
            let message = format!("`{written}` cannot be opened now: {error}");
            Failure::new("secret_unavailable", message, FailureClass::Infrastructure)
        }
        _ => {
            let message = format!("`{written}` cannot be opened: {error}");
            Failure::new("secret_refused", message, FailureClass::Permanent)
        }
    }
}
