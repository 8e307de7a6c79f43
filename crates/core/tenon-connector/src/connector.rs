//! A connector: a manifest that was checked, with lookups by name.
//!
//! It is only made by [`crate::load`], so whoever holds one need not check it again. What is done
//! with it is in the modules beside this one.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use jsonschema::Validator;
use serde_json::Value;
use tenon_domain::workflow::Diagnostic;

use crate::load::{self, Origin};
use crate::manifest::Manifest;
use crate::manifest::actions::Action;
use crate::manifest::auth::{AuthKind, AuthMethod};
use crate::manifest::data_sources::DataSource;
use crate::manifest::fields::{Field, FieldKind};
use crate::manifest::webhooks::Webhook;

/// A connector that is ready for use.
pub struct Connector {
    manifest: Manifest,
    icon: Option<Arc<str>>,
    actions: HashMap<String, usize>,
    inputs: Vec<OnceLock<Option<Validator>>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Manifest { name, version, .. } = &self.manifest;
        f.debug_struct("Connector").field("name", name).field("version", version).finish()
    }
}

impl Connector {
    /// Loads a manifest in YAML or JSON, with the built-in connectors for `extends` and the
    /// default limits.
    ///
    /// # Errors
    /// Every problem that was found, in the order of the text.
    pub fn load(file_name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        load::load(file_name, text, &load::Rules::built_in())
    }

    /// Loads a project's own manifest, which must keep the stricter rules of [`Origin::Custom`].
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn from_value(manifest: &Value) -> Result<Self, Vec<Diagnostic>> {
        load::load_value(
            manifest,
            &load::Rules { origin: Origin::Custom, ..load::Rules::built_in() },
        )
    }

    /// Takes a manifest that keeps every rule.
    pub(crate) fn of_checked(manifest: Manifest) -> Self {
        let actions = manifest
            .actions
            .iter()
            .enumerate()
            .map(|(index, action)| (action.id.clone(), index))
            .collect();
        let inputs = manifest.actions.iter().map(|_| OnceLock::new()).collect();
        Self { manifest, icon: None, actions, inputs }
    }

    /// The same with an icon.
    #[must_use]
    pub fn with_icon(mut self, svg: impl Into<Arc<str>>) -> Self {
        self.icon = Some(svg.into());
        self
    }

    /// The connector's name, such as `slack`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The icon, SVG: the file's of a connector that comes with Tenon, else the manifest's.
    #[must_use]
    pub fn icon(&self) -> Option<&str> {
        self.icon.as_deref().or(self.manifest.icon.as_deref())
    }

    /// An auth method by its id; the connector's first without one.
    #[must_use]
    pub fn auth(&self, id: Option<&str>) -> Option<&AuthMethod> {
        match id {
            Some(id) => self.manifest.auth.iter().find(|method| method.id == id),
            None => self.manifest.auth.first(),
        }
    }

    /// An action by its id.
    #[must_use]
    pub fn action(&self, id: &str) -> Option<&Action> {
        self.manifest.actions.get(*self.actions.get(id)?)
    }

    /// A data source by its key.
    #[must_use]
    pub fn data_source(&self, key: &str) -> Option<&DataSource> {
        self.manifest.data_sources.get(key)
    }

    /// A webhook by its id.
    #[must_use]
    pub fn webhook(&self, id: &str) -> Option<&Webhook> {
        self.manifest.webhooks.iter().find(|webhook| webhook.id == id)
    }

    /// What a connected user fills in for a method: the connector's fields, then the method's.
    /// Those that are filled in for people are among them, marked `automated`.
    #[must_use]
    pub fn fields_of<'a>(&'a self, method: &'a AuthMethod) -> Vec<&'a Field> {
        self.manifest.fields.iter().chain(own_fields(method)).collect()
    }

    /// Checks an action's input. `None` when there is no such action.
    ///
    /// The schema is compiled when it is first needed.
    #[must_use]
    pub fn input_validator(&self, action: &str) -> Option<&Validator> {
        let index = *self.actions.get(action)?;
        self.inputs[index]
            .get_or_init(|| load::schemas::compile(&self.manifest.actions[index].input).ok())
            .as_ref()
    }
}

/// The fields of a method itself, with those that go without saying.
pub(crate) fn own_fields(method: &AuthMethod) -> &[Field] {
    static API_KEY: LazyLock<Vec<Field>> =
        LazyLock::new(|| vec![implied("api_key", "API key", FieldKind::Password)]);
    static BASIC: LazyLock<Vec<Field>> = LazyLock::new(|| {
        vec![
            implied("username", "User name", FieldKind::Text),
            implied("password", "Password", FieldKind::Password),
        ]
    });
    match method.kind {
        AuthKind::ApiKey if method.fields.is_empty() => &API_KEY,
        AuthKind::Basic if method.fields.is_empty() => &BASIC,
        _ => &method.fields,
    }
}

fn implied(name: &str, title: &str, kind: FieldKind) -> Field {
    Field {
        name: name.to_owned(),
        title: title.to_owned(),
        kind,
        description: None,
        help_url: None,
        example: None,
        optional: false,
        secret: kind == FieldKind::Password,
        default: None,
        pattern: None,
        message: None,
        options: Vec::new(),
        strip_prefix: Vec::new(),
        strip_suffix: Vec::new(),
        automated: false,
        visible_when: None,
    }
}
