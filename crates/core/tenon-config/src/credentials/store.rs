//! Keeps an account that a provider gave: as a new one, or in the place of one that is connected
//! again.

use serde_json::Map;
use tenon_connector::manifest::fields::Field;
use tenon_contract::vault::SecretHead;
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId, SecretId, WorkflowId};

use super::{Credential, CredentialStatus, setup};
use crate::configurations;
use crate::error::ConnectFault;
use crate::events::{EventType, NewEvent};
use crate::ports::linker::{Linked, LinkedIdentity};
use crate::ports::{StoreError, UnitOfWork};
use crate::{Configuration, Error};

/// Which account it is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    /// This one, again.
    pub(crate) credential: Option<CredentialId>,
    /// The one of this name.
    pub(crate) external_id: Option<String>,
    /// Whether it may be one more.
    pub(crate) several_accounts: bool,
}

/// An account that a provider gave.
pub(crate) struct Link {
    pub(crate) user: EndUserId,
    pub(crate) auth_method: String,
    pub(crate) linked: Linked,
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// A new account.
    New,
    /// The place of this one.
    Again(Box<Credential>),
}

impl Place {
    fn id(&self) -> Option<CredentialId> {
        match self {
            Self::New => None,
            Self::Again(credential) => Some(credential.id),
        }
    }
}

impl Configuration {
    /// Keeps an account. Its secrets go to the vault first; should the rest then fail, a new
    /// account's secrets are shredded again, and an old account has the new ones already.
    pub(crate) async fn store_linked(
        &self,
        project: ProjectId,
        integration: IntegrationId,
        wish: Wish,
        link: Link,
    ) -> Result<Credential, Error> {
        let Link { user, auth_method, linked } = link;
        let Linked { value, fields, identity, scopes } = linked;
        let (place, asked) = {
            let mut work = self.read(project).await?;
            let whose = (project, integration, &user);
            let place = self.place(&mut *work, whose, &wish, identity.as_ref()).await?;
            (place, self.asked_after(&mut *work, project, integration, &auth_method).await?)
        };
        let now = self.clock.now();
        let mut credential = match &place {
            Place::Again(known) => (**known).clone(),
            Place::New => Credential {
                id: CredentialId::new(),
                integration,
                user: user.clone(),
                external_id: wish.external_id.clone(),
                auth_method: String::new(),
                secret: SecretId::new(),
                provider_id: None,
                provider_name: None,
                fields: Map::new(),
                scopes: None,
                status: CredentialStatus {
                    state: super::CredentialState::Pending,
                    code: None,
                    reason: None,
                    at: now,
                },
                created_at: now,
                updated_at: now,
            },
        };
        let vault = &self.linking()?.vault;
        let owner = credential.owner(project);
        let head: SecretHead = match place {
            Place::New => vault.create(credential.secret, &owner, value).await?,
            Place::Again(_) => vault.replace(credential.secret, &owner, value).await?,
        };
        // What the user filled in after an earlier link is not asked for again.
        let mut known = match credential.auth_method == auth_method {
            true => setup::of_setup(&asked, &credential.fields),
            false => Map::new(),
        };
        known.extend(fields);
        credential.auth_method = auth_method;
        credential.fields = known;
        credential.scopes = scopes;
        if let Some(LinkedIdentity { id, name }) = &identity {
            credential.provider_id = Some(id.clone());
            credential.provider_name = Some(name.clone());
        }
        let missing = setup::missing(&asked, &credential.fields);
        credential.status = CredentialStatus::of_head(&head).while_missing(&missing);
        credential.updated_at = now;
        let kept = self.keep(project, &place, &credential, (&wish, identity.as_ref())).await;
        if kept.is_err() && place == Place::New {
            self.shred(project, credential.secret).await;
        }
        let workflows = kept?;
        self.after_installations_changed(project, &user, &workflows).await;
        if matches!(place, Place::Again(_)) {
            self.renew_account_webhooks(project, &credential).await;
            // Whoever knows the account as dead, or holds its old token, looks again at once.
            self.publisher.announce(&format!("secret:{}", credential.secret)).await;
        }
        Ok(credential)
    }

    /// The rows, in one unit of work. What was decided before is decided again under the
    /// project's lock: another link of the same user may have come in between. Gives the workflows
    /// that were switched on by it, and those that events reach by other fields now.
    async fn keep(
        &self,
        project: ProjectId,
        place: &Place,
        credential: &Credential,
        (wish, identity): (&Wish, Option<&LinkedIdentity>),
    ) -> Result<Vec<WorkflowId>, Error> {
        let mut work = self.begin_change(project).await?;
        let whose = (project, credential.integration, &credential.user);
        let again = self.place(&mut *work, whose, wish, identity).await?;
        if again.id() != place.id() {
            return Err(Error::Unavailable(StoreError::Conflict {
                action: "link an account",
                source: "another account of the user was linked or unlinked meanwhile".into(),
            }));
        }
        match place {
            Place::Again(_) => work.update_credential(project, credential).await?,
            Place::New => {
                self.ensure_user_in(&mut *work, project, &credential.user).await?;
                if !work.insert_credential(project, credential).await? {
                    return Err(ConnectFault::NameTaken.into());
                }
                let settings =
                    configurations::fresh(credential.id, None, credential.created_at, &[]);
                work.insert_configuration(project, &settings).await?;
            }
        }
        let is_first = match place {
            Place::New => true,
            Place::Again(known) => !known.is_set_up(),
        };
        let mut workflows = match is_first {
            true => self.start_defaults(&mut *work, project, credential).await?,
            false => Vec::new(),
        };
        if let Place::Again(known) = place
            && known.fields != credential.fields
        {
            workflows.extend(bump_routes(&mut *work, project, credential.id).await?);
        }
        let kind = match credential.is_set_up() {
            true => EventType::CredentialConnected,
            false => EventType::CredentialPending,
        };
        let event = NewEvent::of_credential(kind, credential, credential.updated_at);
        work.append_event(project, &event).await?;
        work.bump_user_revision(project, &credential.user).await?;
        work.commit().await?;
        Ok(workflows)
    }

    /// What is asked for after linking with an auth method of an integration's connector.
    pub(super) async fn asked_after(
        &self,
        work: &mut dyn UnitOfWork,
        project: ProjectId,
        integration: IntegrationId,
        auth_method: &str,
    ) -> Result<Vec<Field>, Error> {
        let found = work.integration(project, integration).await?;
        let integration = found.ok_or_else(|| Error::no_integration(integration))?;
        let connector = self.find_connector(work, project, &integration.connector).await?;
        let method = connector.auth(Some(auth_method));
        Ok(method.map(|method| setup::setup_fields(&connector, method)).unwrap_or_default())
    }

    async fn place(
        &self,
        work: &mut dyn UnitOfWork,
        (project, integration, user): (ProjectId, IntegrationId, &EndUserId),
        wish: &Wish,
        identity: Option<&LinkedIdentity>,
    ) -> Result<Place, Error> {
        match work.integration(project, integration).await? {
            None => return Err(Error::no_integration(integration)),
            Some(found) if !found.is_active => {
                return Err(Error::IntegrationInactive { connector: found.connector });
            }
            Some(_) => {}
        }
        let limit = self.limits.credentials_of_user_max;
        let mut known = work.credentials_of_user(project, user, limit).await?;
        let count = known.len();
        known.retain(|credential| credential.integration == integration);
        let place = choose(known, wish, identity)?;
        if place == Place::New && count >= limit {
            return Err(Error::LimitReached { what: "accounts of a user", max: limit });
        }
        Ok(place)
    }
}

/// Events find an account by its fields: whoever looks them up hears that they changed. Gives the
/// workflows that are on for it.
pub(crate) async fn bump_routes(
    work: &mut dyn UnitOfWork,
    project: ProjectId,
    credential: CredentialId,
) -> Result<Vec<WorkflowId>, StoreError> {
    let configurations = work.configurations(project, credential).await?;
    let mut workflows: Vec<_> =
        configurations.iter().flat_map(configurations::AccountSettings::enabled).collect();
    workflows.sort_unstable();
    workflows.dedup();
    if !workflows.is_empty() {
        work.bump_installations(project, &workflows).await?;
    }
    Ok(workflows)
}

/// Which of the user's accounts of the integration takes it. Without a wish for several the user
/// has one, and connecting again must give the same account at the provider.
fn choose(
    known: Vec<Credential>,
    wish: &Wish,
    identity: Option<&LinkedIdentity>,
) -> Result<Place, Error> {
    let same_account = |credential: &Credential| {
        let is_same = match (credential.provider_id.as_deref(), identity) {
            (Some(held), Some(given)) => held == given.id,
            _ => true,
        };
        match is_same {
            true => Ok(Place::Again(Box::new(credential.clone()))),
            false => Err(Error::from(ConnectFault::OtherAccount {
                connected: credential.provider_name.clone().unwrap_or_default(),
                given: identity.map(|given| given.name.clone()).unwrap_or_default(),
            })),
        }
    };
    if let Some(id) = wish.credential {
        let found = known.iter().find(|credential| credential.id == id);
        return same_account(found.ok_or_else(|| Error::no_credential(id))?);
    }
    if let Some(name) = &wish.external_id {
        let found = known.iter().find(|known| known.external_id.as_ref() == Some(name));
        return match found {
            Some(found) => same_account(found),
            None if wish.several_accounts || known.is_empty() => Ok(Place::New),
            None => Err(ConnectFault::OneAccount.into()),
        };
    }
    if !wish.several_accounts {
        return known.first().map_or(Ok(Place::New), same_account);
    }
    let twin = identity.and_then(|given| {
        known.iter().find(|known| {
            known.external_id.is_none() && known.provider_id.as_ref() == Some(&given.id)
        })
    });
    Ok(twin.map_or(Place::New, |twin| Place::Again(Box::new(twin.clone()))))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::credentials::CredentialState;

    fn account(provider_id: Option<&str>, external_id: Option<&str>) -> Credential {
        let now = Timestamp::UNIX_EPOCH;
        Credential {
            id: CredentialId::new(),
            integration: IntegrationId::new(),
            user: EndUserId::new("u"),
            external_id: external_id.map(str::to_owned),
            auth_method: "oauth".to_owned(),
            secret: SecretId::new(),
            provider_id: provider_id.map(str::to_owned),
            provider_name: provider_id.map(|id| format!("{id}@example.com")),
            fields: Map::new(),
            scopes: None,
            status: CredentialStatus {
                state: CredentialState::Valid,
                code: None,
                reason: None,
                at: now,
            },
            created_at: now,
            updated_at: now,
        }
    }

    fn identity(id: &str) -> LinkedIdentity {
        LinkedIdentity { id: id.to_owned(), name: format!("{id}@example.com") }
    }

    fn wish(external_id: Option<&str>, several_accounts: bool) -> Wish {
        let external_id = external_id.map(str::to_owned);
        Wish { credential: None, external_id, several_accounts }
    }

    fn chosen(known: &[Credential], wish: &Wish, given: Option<&str>) -> Option<CredentialId> {
        let given = given.map(identity);
        choose(known.to_vec(), wish, given.as_ref()).expect("there is a place").id()
    }

    #[test]
    fn a_user_has_one_account_unless_more_are_asked_for() {
        let known = [account(Some("a"), None)];
        assert_eq!(chosen(&[], &wish(None, false), Some("a")), None);
        assert_eq!(chosen(&known, &wish(None, false), Some("a")), Some(known[0].id));
        assert_eq!(chosen(&known, &wish(None, false), None), Some(known[0].id));
        assert_eq!(chosen(&known, &wish(None, true), Some("b")), None);
        assert_eq!(chosen(&known, &wish(None, true), Some("a")), Some(known[0].id), "no twins");
    }

    #[test]
    fn connecting_again_must_give_the_same_account() {
        let known = [account(Some("a"), None)];
        for wish in [wish(None, false), Wish { credential: Some(known[0].id), ..Wish::default() }] {
            let refused = choose(known.to_vec(), &wish, Some(&identity("b")));
            let error = refused.expect_err("it is another account").to_string();
            assert!(error.contains("a@example.com") && error.contains("b@example.com"), "{error}");
        }
    }

    #[test]
    fn an_external_id_names_one_of_several() {
        let known = [account(Some("a"), None), account(Some("a"), Some("team"))];
        assert_eq!(chosen(&known, &wish(Some("team"), true), Some("a")), Some(known[1].id));
        assert_eq!(chosen(&known, &wish(Some("new"), true), Some("a")), None);
        assert_eq!(chosen(&[], &wish(Some("new"), false), Some("a")), None);
        assert!(choose(known.to_vec(), &wish(Some("new"), false), None).is_err());
        assert!(choose(known.to_vec(), &wish(Some("team"), true), Some(&identity("b"))).is_err());
    }

    #[test]
    fn an_account_of_another_user_or_integration_is_not_there() {
        let wish = Wish { credential: Some(CredentialId::new()), ..Wish::default() };
        let refused = choose(vec![account(None, None)], &wish, None);
        assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    }
}
