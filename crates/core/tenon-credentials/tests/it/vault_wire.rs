//! A vault over HTTP, for tests with several processes: as much of it as workers need, on loopback
//! and without a caller's proof. The real one is `tenon-vault-rpc`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tenon_contract::grant::Grant;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{
    Access, HeadChange, NewValue, Opened, Purpose, RefreshClaim, RefreshFinish, RefreshOutcome,
    SecretHead, SecretOwner, SecretState, Vault, VaultError,
};
use tenon_domain::{ProjectId, RunId, SecretId, StepId};

#[derive(Serialize, Deserialize)]
enum Question {
    Open { access: WireAccess },
    Head { project: ProjectId },
    Claim { project: ProjectId, version: u32, ttl_ms: u64 },
    Finish { project: ProjectId, fence: u64, outcome: WireOutcome },
    SetState { project: ProjectId, version: u32, state: SecretState },
}

#[derive(Serialize, Deserialize)]
struct WireAccess {
    project: ProjectId,
    purpose: Purpose,
    run: Option<RunId>,
    step: Option<StepId>,
    grant: Option<Grant>,
}

#[derive(Serialize, Deserialize)]
enum WireOutcome {
    Renewed { value: Vec<u8>, expires_at: Option<jiff::Timestamp> },
    Failed { reason: String },
    Ended(SecretState),
}

#[derive(Serialize, Deserialize)]
struct Asked {
    secret: SecretId,
    question: Question,
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Opened { head: SecretHead, value: Vec<u8> },
    Head(Option<SecretHead>),
    Claim(RefreshClaim),
    Finish(RefreshFinish),
    Done,
    Refused(String),
}

/// Serves a vault. Answers its URL.
pub async fn serve(vault: Arc<dyn Vault>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    let router = Router::new().route("/", post(answer)).with_state(vault);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(State(vault): State<Arc<dyn Vault>>, Json(asked): Json<Asked>) -> Json<Answer> {
    let answered = ask(&*vault, asked).await;
    Json(answered.unwrap_or_else(|error| Answer::Refused(error.to_string())))
}

async fn ask(vault: &dyn Vault, Asked { secret, question }: Asked) -> Result<Answer, VaultError> {
    Ok(match question {
        Question::Open { access } => {
            let WireAccess { project, purpose, run, step, grant } = access;
            let access = Access { project, purpose, run, step, reference: None, grant };
            let Opened { head, value } = vault.open(secret, &access).await?;
            Answer::Opened { head, value: value.expose().to_vec() }
        }
        Question::Head { project } => Answer::Head(vault.head(project, secret).await?),
        Question::Claim { project, version, ttl_ms } => {
            let ttl = Duration::from_millis(ttl_ms);
            Answer::Claim(vault.claim_refresh(project, secret, version, ttl).await?)
        }
        Question::Finish { project, fence, outcome } => {
            let outcome = match outcome {
                WireOutcome::Renewed { value, expires_at } => {
                    RefreshOutcome::Renewed(NewValue { value: SecretBytes::new(value), expires_at })
                }
                WireOutcome::Failed { reason } => RefreshOutcome::Failed { reason },
                WireOutcome::Ended(state) => RefreshOutcome::Ended(state),
            };
            Answer::Finish(vault.finish_refresh(project, secret, fence, outcome).await?)
        }
        Question::SetState { project, version, state } => {
            vault.set_state(project, secret, version, state).await?;
            Answer::Done
        }
    })
}

/// The vault at a URL.
pub struct WireVault {
    http: reqwest::Client,
    url: String,
}

impl WireVault {
    pub fn new(url: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, url }
    }

    async fn ask(&self, secret: SecretId, question: Question) -> Result<Answer, VaultError> {
        let asked = Asked { secret, question };
        let call = self.http.post(&self.url).json(&asked);
        match read(call).await {
            Ok(Answer::Refused(reason)) => Err(VaultError::Refused { reason }),
            Ok(answer) => Ok(answer),
            Err(error) => Err(VaultError::Unavailable { source: error.into() }),
        }
    }
}

async fn read<T: DeserializeOwned>(call: reqwest::RequestBuilder) -> reqwest::Result<T> {
    call.send().await?.error_for_status()?.json().await
}

fn another() -> VaultError {
    VaultError::Unavailable { source: "the wire vault gave another answer".into() }
}

#[async_trait]
impl Vault for WireVault {
    async fn create(
        &self,
        _: SecretId,
        _: &SecretOwner,
        _: NewValue,
    ) -> Result<SecretHead, VaultError> {
        Err(another())
    }

    async fn replace(
        &self,
        _: SecretId,
        _: &SecretOwner,
        _: NewValue,
    ) -> Result<SecretHead, VaultError> {
        Err(another())
    }

    async fn open(&self, secret: SecretId, access: &Access) -> Result<Opened, VaultError> {
        let Access { project, purpose, run, step, grant, .. } = access.clone();
        let access = WireAccess { project, purpose, run, step, grant };
        match self.ask(secret, Question::Open { access }).await? {
            Answer::Opened { head, value } => Ok(Opened { head, value: SecretBytes::new(value) }),
            _ => Err(another()),
        }
    }

    async fn head(
        &self,
        project: ProjectId,
        secret: SecretId,
    ) -> Result<Option<SecretHead>, VaultError> {
        match self.ask(secret, Question::Head { project }).await? {
            Answer::Head(head) => Ok(head),
            _ => Err(another()),
        }
    }

    async fn claim_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        ttl: Duration,
    ) -> Result<RefreshClaim, VaultError> {
        let ttl_ms = u64::try_from(ttl.as_millis()).expect("a short time");
        match self.ask(secret, Question::Claim { project, version, ttl_ms }).await? {
            Answer::Claim(claim) => Ok(claim),
            _ => Err(another()),
        }
    }

    async fn finish_refresh(
        &self,
        project: ProjectId,
        secret: SecretId,
        fence: u64,
        outcome: RefreshOutcome,
    ) -> Result<RefreshFinish, VaultError> {
        let outcome = match outcome {
            RefreshOutcome::Renewed(NewValue { value, expires_at }) => {
                WireOutcome::Renewed { value: value.expose().to_vec(), expires_at }
            }
            RefreshOutcome::Failed { reason } => WireOutcome::Failed { reason },
            RefreshOutcome::Ended(state) => WireOutcome::Ended(state),
        };
        match self.ask(secret, Question::Finish { project, fence, outcome }).await? {
            Answer::Finish(finish) => Ok(finish),
            _ => Err(another()),
        }
    }

    async fn set_state(
        &self,
        project: ProjectId,
        secret: SecretId,
        version: u32,
        state: SecretState,
    ) -> Result<(), VaultError> {
        match self.ask(secret, Question::SetState { project, version, state }).await? {
            Answer::Done => Ok(()),
            _ => Err(another()),
        }
    }

    async fn delete(&self, _: ProjectId, _: SecretId) -> Result<(), VaultError> {
        Err(another())
    }

    async fn changes(&self, _: i64, _: u32) -> Result<Vec<HeadChange>, VaultError> {
        Err(another())
    }
}
