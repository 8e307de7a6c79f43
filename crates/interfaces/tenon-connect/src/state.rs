//! What the handlers work with.

use std::ops::Deref;
use std::sync::Arc;

use tenon_config::Configuration;
use tenon_connector::catalog::Catalog;
use tenon_contract::plan::PlanSource;
use tenon_contract::user_token::UserTokens;
use tenon_domain::Clock;

use crate::account_auth::AccountAuth;
use crate::assets::Assets;
use crate::caller::KnownUsers;
use crate::rendered::Rendered;
use crate::settings::ConnectSettings;
use crate::sources::DataSources;

/// Everything the Connect API needs, handed in by the role that serves it.
#[derive(Clone)]
pub struct ConnectState {
    /// Plans: who signs the tokens, what is deployed.
    pub plans: Arc<dyn PlanSource>,
    /// The use cases.
    pub config: Configuration,
    /// The connectors, for their icons and triggers.
    pub catalog: Arc<Catalog>,
    /// Options of settings that come from a provider.
    pub sources: Arc<dyn DataSources>,
    /// Tokens for providers' file pickers; without it there are none.
    pub account_auth: Option<Arc<dyn AccountAuth>>,
    /// The portal's files.
    pub assets: Arc<dyn Assets>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Limits.
    pub settings: Arc<ConnectSettings>,
}

/// The state of the router.
#[derive(Clone)]
pub(crate) struct Connect(Arc<Inner>);

pub(crate) struct Inner {
    ports: ConnectState,
    pub(crate) tokens: UserTokens,
    pub(crate) known: KnownUsers,
    pub(crate) rendered: Rendered,
}

impl Connect {
    pub(crate) fn new(ports: ConnectState) -> Self {
        let settings = &ports.settings;
        Self(Arc::new(Inner {
            tokens: UserTokens::new(settings.tokens_max),
            known: KnownUsers::new(settings.users_max),
            rendered: Rendered::new(settings.projects_max, settings.rendered_bytes_max),
            ports,
        }))
    }
}

impl Deref for Connect {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Deref for Inner {
    type Target = ConnectState;

    fn deref(&self) -> &ConnectState {
        &self.ports
    }
}
