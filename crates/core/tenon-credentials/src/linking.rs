//! Linking an account, probing it, and taking it back at the provider.
//!
//! It keeps nothing: what it gives is for the caller to put into the vault and the configuration.
//! State, browser nonce and PKCE verifier are made and checked by the caller, too.

mod error;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tenon_connector::authorize::{self, AuthorizeStep, Start};
use tenon_connector::context::Context;
use tenon_connector::exchange::{Callback, ConnectInput, Exchange, Outcome};
use tenon_connector::lifecycle::{self, Identity, IdentityRun};
use tenon_connector::token::AccountSecrets;
use tenon_contract::plan::IntegrationPlan;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue};
use tenon_domain::ProjectId;
use tokio::time::Instant;
use url::Url;

pub use self::error::LinkError;
use crate::access::pulse::{self, Pulse};
use crate::access::{
    AccessError, Account, CredentialAccess, Inner, Method, Plain, Scrubber, seal, wipe,
};
use crate::exchange::{self, End, Failure};

/// Links accounts. A clone is the same one.
#[derive(Clone)]
pub struct Linking(CredentialAccess);

/// What is to be linked.
#[derive(Clone, Copy)]
pub struct LinkTarget<'a> {
    /// The project.
    pub project: ProjectId,
    /// The integration.
    pub integration: &'a IntegrationPlan,
    /// The connector's auth method.
    pub auth_method: &'a str,
}

/// What a person filled in, checked by [`tenon_connector::field_values`].
#[derive(Clone, Copy)]
pub struct FilledIn<'a> {
    /// Values that are no secret.
    pub public: &'a Map<String, Value>,
    /// Those that are.
    pub secret: &'a Map<String, Value>,
}

/// The start of a consent.
#[derive(Clone, Copy)]
pub struct StartLink<'a> {
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    /// The caller's own value, which comes back.
    pub state: &'a str,
    /// From [`tenon_connector::authorize::pkce_verifier`].
    pub code_verifier: &'a str,
    /// What was filled in before.
    pub fields: FilledIn<'a>,
}

/// Where the user's browser goes.
pub struct Started {
    /// There.
    pub url: Url,
    /// Secret, and needed in the end: to be kept beside the verifier.
    pub keep: Option<SecretBytes>,
}

/// The end of a consent.
#[derive(Clone, Copy)]
pub struct FinishLink<'a> {
    /// The callback's query parameters. Its `state` has been checked.
    pub params: &'a BTreeMap<String, String>,
    /// As in [`StartLink`].
    pub redirect_uri: &'a str,
    /// As in [`StartLink`]; `None` where the consent was begun without PKCE.
    pub code_verifier: Option<&'a str>,
    /// What [`Started`] gave.
    pub keep: Option<&'a SecretBytes>,
    /// As in [`StartLink`].
    pub fields: FilledIn<'a>,
}

/// An account that can be used. There is no `Debug`.
pub struct Linked {
    /// For [`tenon_contract::vault::Vault::create`] or `replace`.
    pub value: NewValue,
    /// Everything that is known of the account and no secret: what was filled in, what the
    /// provider said.
    pub fields: Map<String, Value>,
    /// Whose account it is, where the connector can tell.
    pub identity: Option<LinkedIdentity>,
    /// Scopes that were granted, as the provider wrote them.
    pub scope: Option<String>,
    /// When the token ends, where that is known.
    pub expires_at: Option<Timestamp>,
}

/// Whose account it is at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// The account's id there.
    pub id: String,
    /// A name for people.
    pub name: String,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The provider takes the credential.
    Works,
    /// The connector has no request to probe with.
    Unknown,
    /// The provider takes the credential and says something else: no permission, a fault.
    Answers {
        /// For people.
        reason: String,
    },
    /// The provider refuses the credential, also after a renewal. It is noted.
    Dead {
        /// For people.
        reason: String,
    },
}

/// Who asks, and with what of the app.
struct Bench<'a> {
    inner: &'a Arc<Inner>,
    method: Method,
    app: Option<&'a Map<String, Value>>,
    app_secret: Map<String, Value>,
    scopes: &'a [String],
}

impl Linking {
    /// Links with the vault, the connectors and the way out of `access`.
    #[must_use]
    pub fn new(access: &CredentialAccess) -> Self {
        Self(access.clone())
    }

    /// Starts linking by consent: where the user's browser goes.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn start(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        start: StartLink<'_>,
    ) -> Result<Started, LinkError> {
        let bench = self.bench(target, access).await?;
        let plain = bench.plain(start.fields, None);
        let challenge = authorize::pkce_challenge(start.code_verifier);
        let begin = Start {
            redirect_uri: start.redirect_uri,
            state: start.state,
            scopes: bench.scopes,
            code_challenge: Some(&challenge),
        };
        let context = plain.context(bench.inner.now());
        let (connector, auth) = (bench.method.connector(), bench.method.auth());
        let scrubber = plain.scrubber();
        let clean = |failure: Failure| LinkError::of(failure, &scrubber);
        match authorize::start(connector, auth, &context, begin).map_err(|e| clean(e.into()))? {
            AuthorizeStep::Redirect(url) => Ok(Started { url, keep: None }),
            AuthorizeStep::Exchange(exchange) => {
                let limits = &bench.inner.settings.exchange;
                let end = exchange::drive_to_end(&*bench.inner.egress, *exchange, limits).await;
                match end.map_err(clean)? {
                    End::Redirect(redirect) => {
                        let kept = serde_json::to_vec(&redirect.kept)
                            .expect("maps with text keys can be written as JSON");
                        Ok(Started { url: redirect.url, keep: Some(SecretBytes::new(kept)) })
                    }
                    End::Done(_) => Err(LinkError::Connector {
                        reason: "it asks for no consent after all".to_owned(),
                    }),
                }
            }
        }
    }

    /// Finishes linking by consent: exchanges what the callback brought and asks whose account it
    /// is.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn finish(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        finish: FinishLink<'_>,
    ) -> Result<Linked, LinkError> {
        let bench = self.bench(target, access).await?;
        let kept = match finish.keep {
            Some(kept) => {
                serde_json::from_slice(kept.expose()).map_err(|_| LinkError::BadInput {
                    reason: "what was kept of the session cannot be read".to_owned(),
                })?
            }
            None => Map::new(),
        };
        check_server(&kept, finish.params)?;
        let input = ConnectInput::Callback(Callback {
            params: finish.params,
            redirect_uri: finish.redirect_uri,
            code_verifier: finish.code_verifier,
            scopes: bench.scopes,
            kept: &kept,
        });
        let mut secrets = Scrubber::default();
        finish.code_verifier.iter().for_each(|verifier| secrets.add(verifier));
        secrets.add_all(&kept);
        finish.params.get("code").iter().for_each(|code| secrets.add(code));
        bench.connect(input, finish.fields, secrets).await
    }

    /// Links with what was filled in: an API key, a user name and password, the account's own
    /// OAuth client.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn link_fields(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        fields: FilledIn<'_>,
    ) -> Result<Linked, LinkError> {
        let bench = self.bench(target, access).await?;
        let input = ConnectInput::Fields { scopes: bench.scopes };
        bench.connect(input, fields, Scrubber::default()).await
    }

    /// Asks the provider whether the account still works. A refused token is renewed first; one
    /// that stays refused is noted in the vault.
    ///
    /// # Errors
    /// [`AccessError`], also where it is known already that it does not work.
    pub async fn probe(
        &self,
        account: Account<'_>,
        access: &Access,
    ) -> Result<Health, AccessError> {
        let inner = self.0.inner();
        let mut ready = self.0.ready(account, access).await?;
        let mut pulse = pulse::health(inner, &ready).await?;
        if let Pulse::Refused(_) = pulse {
            ready = self.0.renew(account, access, &ready).await?;
            pulse = pulse::health(inner, &ready).await?;
        }
        Ok(match pulse {
            Pulse::Works => Health::Works,
            Pulse::Unknown => Health::Unknown,
            Pulse::Answers(reason) => Health::Answers { reason },
            Pulse::Refused(reason) | Pulse::Dead(reason) => {
                self.0.note_dead(account, &ready, &reason).await;
                Health::Dead { reason }
            }
        })
    }

    /// Takes the account back at the provider, before it is deleted here: best effort.
    ///
    /// # Errors
    /// [`AccessError`], where there is nothing to do it with; and the first request that failed,
    /// after the others were made.
    pub async fn revoke(&self, account: Account<'_>, access: &Access) -> Result<(), AccessError> {
        let ready = self.0.as_it_is(account, access).await?;
        pulse::revoke(self.0.inner(), &ready).await
    }

    async fn bench<'a>(
        &'a self,
        target: LinkTarget<'a>,
        access: &Access,
    ) -> Result<Bench<'a>, LinkError> {
        let LinkTarget { project, integration, auth_method } = target;
        let inner = self.0.inner();
        let method = inner.method_of(project, integration, auth_method)?;
        let app_secret = inner.app_secret(project, integration, auth_method, access).await?;
        let app_secret = app_secret.map(|value| value.object()).transpose()?.unwrap_or_default();
        let app = integration.apps.get(auth_method);
        Ok(Bench {
            inner,
            method,
            app: app.map(|app| &app.values),
            app_secret,
            scopes: app.map_or(&[], |app| &app.scopes),
        })
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        wipe(&mut self.app_secret);
    }
}

impl Bench<'_> {
    /// What templates see of an account that has this token.
    fn plain(&self, fields: FilledIn<'_>, outcome: Option<&Outcome>) -> Plain {
        let secrets = AccountSecrets {
            fields: fields.secret.clone(),
            token: outcome.and_then(|outcome| outcome.token.clone()),
        };
        let mut public = fields.public.clone();
        if let Some(outcome) = outcome {
            public.extend(outcome.fields.clone());
        }
        Plain::new(self.app, self.app_secret.clone(), &public, secrets)
    }

    /// Gets the token, asks whose account it is, and puts it all together.
    async fn connect(
        &self,
        input: ConnectInput<'_>,
        fields: FilledIn<'_>,
        mut secrets: Scrubber,
    ) -> Result<Linked, LinkError> {
        let before = self.plain(fields, None);
        secrets.merge(before.scrubber());
        let outcome = self.exchange(input, &before.context(self.inner.now())).await;
        let outcome = outcome.map_err(|failure| LinkError::of(failure, &secrets))?;
        let after = self.plain(fields, Some(&outcome));
        secrets.merge(after.scrubber());
        let identity = self.identity(&after.context(self.inner.now())).await;
        let identity = identity.map_err(|failure| LinkError::of(failure, &secrets))?;
        let mut public = fields.public.clone();
        public.extend(outcome.fields);
        let identity = identity.map(|identity| {
            public.extend(identity.fields);
            LinkedIdentity { id: identity.id, name: identity.name }
        });
        let scope = outcome.token.as_ref().and_then(|token| token.scope.clone());
        let value = seal(AccountSecrets { fields: fields.secret.clone(), token: outcome.token });
        let expires_at = value.expires_at;
        Ok(Linked { value, fields: public, identity, scope, expires_at })
    }

    async fn exchange(
        &self,
        input: ConnectInput<'_>,
        context: &Context<'_>,
    ) -> Result<Outcome, Failure> {
        let exchange =
            Exchange::connect(self.method.connector(), self.method.auth(), input, context)?;
        exchange::drive(&*self.inner.egress, exchange, &self.inner.settings.exchange).await
    }

    /// Whose account it is; a failure refuses the account.
    async fn identity(&self, context: &Context<'_>) -> Result<Option<Identity>, Failure> {
        let Some(mut run) = IdentityRun::start(self.method.connector(), context) else {
            return Ok(None);
        };
        let limits = &self.inner.settings.exchange;
        let end = Instant::now() + limits.timeout;
        for _ in 0..=limits.requests_max {
            match run.next().map_err(pulse::of_identity)? {
                lifecycle::Step::Done(identity) => return Ok(Some(identity)),
                lifecycle::Step::Send(call) => {
                    let outbound = pulse::injected(&self.method, call, context)?;
                    let answer = exchange::send(&*self.inner.egress, outbound, end, limits).await?;
                    run.receive(&answer).map_err(pulse::of_identity)?;
                }
            }
        }
        let reason = format!("the connector makes more than {} requests", limits.requests_max);
        Err(Failure::NotAllowed { reason })
    }
}

/// Refuses the answer of another authorization server than the one that was found when the consent
/// began (RFC 9207), before anything of it is used. Where nobody is known, nobody can be compared.
fn check_server(
    kept: &Map<String, Value>,
    params: &BTreeMap<String, String>,
) -> Result<(), LinkError> {
    let Some(issuer) = kept.get("issuer").and_then(Value::as_str) else { return Ok(()) };
    let says_who = kept.get("has_iss") == Some(&Value::Bool(true));
    let reason = match params.get("iss") {
        Some(given) if given != issuer => "its name is another one",
        None if says_who && params.contains_key("code") => "it does not say whose it is",
        _ => return Ok(()),
    };
    Err(LinkError::OtherServer { reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(kept: &Value, params: &[(&str, &str)]) -> bool {
        let Value::Object(kept) = kept else { unreachable!("tests keep objects") };
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        check_server(kept, &params.collect()).is_ok()
    }

    #[test]
    fn only_the_server_that_was_asked_may_answer() {
        let kept = json!({"issuer": "https://auth.example/t", "has_iss": true});
        assert!(checked(&kept, &[("code", "c"), ("iss", "https://auth.example/t")]));
        for iss in ["https://evil.example", "https://auth.example/", "https://auth.example/t/", ""]
        {
            assert!(!checked(&kept, &[("code", "c"), ("iss", iss)]), "{iss}");
            assert!(!checked(&kept, &[("error", "access_denied"), ("iss", iss)]), "{iss}");
        }
        assert!(!checked(&kept, &[("code", "c")]), "it said that it would");
        assert!(checked(&kept, &[("error", "access_denied")]), "a refusal gives nothing away");
        let silent = json!({"issuer": "https://auth.example/t", "has_iss": false});
        assert!(checked(&silent, &[("code", "c")]));
        assert!(!checked(&silent, &[("code", "c"), ("iss", "https://evil.example")]));
        assert!(checked(&json!({}), &[("code", "c"), ("iss", "https://any.example")]));
    }
}
