//! Answers that are kept as bytes while nothing changed: what a project shows to all of its users,
//! and what one user has. Whoever asks has just read the revisions, so nothing old is given.
//!
//! Everything here can be made again, and is dropped when there is too much of it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tenon_config::{PortalIntegration, PortalWorkflow, ProjectPortal, Revisions, UserAccounts};
use tenon_connector::catalog::Catalog;
use tenon_domain::{EndUserId, ProjectId, WorkflowId};

use crate::pictures::icon_path;
use crate::settings::ConnectSettings;
use crate::wire::credential::WireCredential;
use crate::wire::integration::WireIntegration;
use crate::wire::user::{WireProject, WireUser};

/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 512;

/// What a project shows to all of its users.
pub(crate) struct RenderedProject {
    pub(crate) portal: Arc<ProjectPortal>,
    pieces: Vec<Piece>,
    /// All of it, where it is the same for every user.
    whole: Option<Bytes>,
    /// `GET sdk/metadata`.
    pub(crate) metadata: Bytes,
}

/// An integration without its closing brace: which workflows are not for the user comes behind.
struct Piece {
    bytes: Bytes,
    restricted: Vec<WorkflowId>,
}

/// What a user has.
pub(crate) struct RenderedUser {
    /// `GET sdk/me`.
    pub(crate) me: Bytes,
    /// What the builder's app says of the user.
    pub(crate) meta: Map<String, Value>,
    /// Workflows that are not for the user.
    pub(crate) forbidden: Vec<WorkflowId>,
}

impl RenderedProject {
    /// Renders a project. It takes a while: manifests may have to be read.
    pub(crate) fn new(
        portal: Arc<ProjectPortal>,
        catalog: &Catalog,
        settings: &ConnectSettings,
    ) -> Self {
        let integrations: Vec<(WireIntegration, &PortalIntegration)> = portal
            .integrations
            .iter()
            .map(|one| {
                let connector = catalog.find(portal.project, &one.connector, one.manifest.as_ref());
                let path = icon_path(portal.project, &one.connector, connector.as_deref());
                let icon = settings.below(&path);
                (WireIntegration::new(&portal, one, connector.as_deref(), icon), one)
            })
            .collect();
        let pieces: Vec<Piece> =
            integrations.iter().map(|(wire, one)| Piece::new(wire, one)).collect();
        let is_same_for_all = pieces.iter().all(|piece| piece.restricted.is_empty());
        let whole = is_same_for_all.then(|| join(&pieces, &[]));
        let active = integrations.iter().filter(|(_, one)| one.is_active);
        let metadata: Vec<_> = active.map(|(wire, _)| wire.metadata()).collect();
        let metadata = json_bytes(&metadata);
        Self { pieces, whole, metadata, portal }
    }

    /// `GET sdk/integrations` for a user who may not use some workflows.
    pub(crate) fn integrations(&self, forbidden: &[WorkflowId]) -> Bytes {
        match &self.whole {
            Some(whole) => whole.clone(),
            None => join(&self.pieces, forbidden),
        }
    }

    /// Whether it differs from user to user.
    pub(crate) fn asks_for_the_user(&self) -> bool {
        self.whole.is_none()
    }
}

impl Piece {
    fn new(wire: &WireIntegration, integration: &PortalIntegration) -> Self {
        let mut bytes =
            serde_json::to_vec(wire).expect("it has only text, numbers and JSON values");
        let closing = bytes.pop();
        debug_assert_eq!(closing, Some(b'}'), "an integration is an object");
        let has_condition = |one: &&PortalWorkflow| one.portal.permissions.is_some();
        let restricted = integration.workflows.iter().filter(has_condition);
        Self { bytes: bytes.into(), restricted: restricted.map(|one| one.id).collect() }
    }
}

/// The list of integrations, each with those of its workflows that are forbidden.
fn join(pieces: &[Piece], forbidden: &[WorkflowId]) -> Bytes {
    let length = pieces.iter().map(|piece| piece.bytes.len() + 64).sum::<usize>();
    let mut list = BytesMut::with_capacity(length + forbidden.len() * 40 + 2);
    list.put_u8(b'[');
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            list.put_u8(b',');
        }
        list.put_slice(&piece.bytes);
        let own: Vec<&WorkflowId> =
            forbidden.iter().filter(|id| piece.restricted.contains(id)).collect();
        list.put_slice(b",\"noPermissionWorkflows\":");
        list.put_slice(&json_bytes(&own));
        list.put_u8(b'}');
    }
    list.put_u8(b']');
    list.freeze()
}

impl RenderedUser {
    /// Renders what a user has in a project.
    pub(crate) fn new(
        portal: &ProjectPortal,
        accounts: &UserAccounts,
        settings: &ConnectSettings,
    ) -> Self {
        let wire: Vec<WireCredential> = accounts
            .accounts
            .iter()
            .map(|account| {
                let integration = portal.integration(account.credential.integration);
                let workflows = integration.map(workflow_ids).unwrap_or_default();
                let (credential, settings) = (&account.credential, &account.configurations);
                WireCredential::new(portal.project, credential, settings, &workflows)
            })
            .collect();
        let of_integration = |integration: &PortalIntegration| {
            wire.iter().filter(|one| one.integration() == integration.id).collect()
        };
        let integrations =
            portal.integrations.iter().map(|one| (one.connector.as_str(), of_integration(one)));
        let user = &accounts.user;
        let project = WireProject::new(portal, settings);
        let me = json_bytes(&WireUser::new(project, &user.id, &user.meta, integrations));
        let workflows = portal.integrations.iter().flat_map(|one| &one.workflows);
        let forbidden = workflows.filter(|one| !one.is_permitted(&user.id, &user.meta));
        Self { me, meta: user.meta.clone(), forbidden: forbidden.map(|one| one.id).collect() }
    }

    fn cost(&self) -> usize {
        // The metadata is in the bytes, too.
        self.me.len() * 2 + ENTRY_BYTES
    }
}

/// The deployed workflows of an integration.
pub(crate) fn workflow_ids(integration: &PortalIntegration) -> Vec<WorkflowId> {
    integration.workflows.iter().map(|one| one.id).collect()
}

/// A value as JSON text.
pub(crate) fn json_bytes(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).expect("it has only text, numbers and JSON values").into()
}

type UserKey = (ProjectId, EndUserId);

/// What was rendered.
pub(crate) struct Rendered {
    projects: Mutex<HashMap<ProjectId, Arc<RenderedProject>>>,
    projects_max: usize,
    users: Mutex<Users>,
    bytes_max: usize,
}

#[derive(Default)]
struct Users {
    entries: HashMap<UserKey, (Revisions, Arc<RenderedUser>)>,
    bytes: usize,
}

impl Rendered {
    pub(crate) fn new(projects_max: usize, bytes_max: usize) -> Self {
        Self {
            projects: Mutex::default(),
            projects_max: projects_max.max(1),
            users: Mutex::default(),
            bytes_max,
        }
    }

    /// The project at a revision.
    pub(crate) fn project(
        &self,
        project: ProjectId,
        revision: i64,
    ) -> Option<Arc<RenderedProject>> {
        let projects = self.projects.lock();
        projects.get(&project).filter(|held| held.portal.revision == revision).cloned()
    }

    pub(crate) fn keep_project(&self, rendered: Arc<RenderedProject>) {
        let (project, revision) = (rendered.portal.project, rendered.portal.revision);
        let mut projects = self.projects.lock();
        if projects.get(&project).is_some_and(|held| held.portal.revision > revision) {
            return;
        }
        if projects.len() >= self.projects_max && !projects.contains_key(&project) {
            projects.clear();
        }
        projects.insert(project, rendered);
    }

    /// What the user has, at these revisions.
    pub(crate) fn user(
        &self,
        project: ProjectId,
        user: &EndUserId,
        revisions: Revisions,
    ) -> Option<Arc<RenderedUser>> {
        let users = self.users.lock();
        let (held, rendered) = users.entries.get(&(project, user.clone()))?;
        (*held == revisions).then(|| Arc::clone(rendered))
    }

    pub(crate) fn keep_user(
        &self,
        project: ProjectId,
        user: &EndUserId,
        revisions: Revisions,
        rendered: Arc<RenderedUser>,
    ) {
        let mut users = self.users.lock();
        let cost = rendered.cost();
        if users.bytes + cost > self.bytes_max {
            *users = Users::default();
        }
        if cost > self.bytes_max {
            return;
        }
        users.bytes += cost;
        let key = (project, user.clone());
        if let Some((_, old)) = users.entries.insert(key, (revisions, rendered)) {
            users.bytes -= old.cost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> Arc<RenderedUser> {
        let me = Bytes::from(text.to_owned());
        Arc::new(RenderedUser { me, meta: Map::new(), forbidden: Vec::new() })
    }

    #[test]
    fn an_answer_is_given_at_its_revisions_only() {
        let cache = Rendered::new(1, 10_000);
        let (project, user) = (ProjectId::new(), EndUserId::new("u"));
        let at = |project, user| Revisions { project, user: Some(user) };
        cache.keep_user(project, &user, at(1, 1), rendered("a"));
        assert!(cache.user(project, &user, at(1, 1)).is_some());
        for other in [at(2, 1), at(1, 2), Revisions { project: 1, user: None }] {
            assert!(cache.user(project, &user, other).is_none());
        }
        assert!(cache.user(ProjectId::new(), &user, at(1, 1)).is_none());
        assert!(cache.user(project, &EndUserId::new("v"), at(1, 1)).is_none());
    }

    #[test]
    fn only_so_many_bytes_are_kept() {
        let cache = Rendered::new(1, 4 * ENTRY_BYTES);
        let project = ProjectId::new();
        let revisions = Revisions { project: 1, user: Some(1) };
        for number in 0..20 {
            let user = EndUserId::new(format!("u{number}"));
            cache.keep_user(project, &user, revisions, rendered("abc"));
            assert!(cache.users.lock().bytes <= 4 * ENTRY_BYTES);
            assert!(cache.user(project, &user, revisions).is_some(), "the latest is kept");
        }
        cache.keep_user(project, &EndUserId::new("big"), revisions, rendered(&"x".repeat(9_000)));
        assert!(cache.user(project, &EndUserId::new("big"), revisions).is_none());
        for _ in 0..20 {
            cache.keep_user(project, &EndUserId::new("same"), revisions, rendered("abc"));
        }
        let users = cache.users.lock();
        let costs: usize = users.entries.values().map(|(_, one)| one.cost()).sum();
        assert_eq!(users.bytes, costs);
    }
}
