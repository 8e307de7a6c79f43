//! Group `vault`: opening secrets that nothing keeps in memory, and rotating ring keys, by the
//! service of the role `vault` on the product's own PostgreSQL. The service runs in this process;
//! grants are checked and the audit is written as always.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tenon_contract::grant::{GrantKey, Work};
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{Access, NewValue, Purpose, SecretOwner, Subject, Vault};
use tenon_domain::{Clock, CredentialId, EndUserId, ProjectId, SecretId, SystemClock};
use tenon_pg_vault::{PgKeyStore, PgValueStore};
use tenon_vault::envelope::data_key_of;
use tenon_vault::policy::Caller;
use tenon_vault::ports::{KeyStore as _, ValueStore as _};
use tokio::task::JoinSet;

use super::load::Outcome;
use super::product::Product;
use super::{Calibration, Figure};
use crate::config::Settings;
use crate::roles::{VaultDatabases, VaultRole, ensure_development_keys};

/// Projects, each with a ring and an audit of its own.
const PROJECTS: usize = 4;
/// Secrets of all projects.
const SECRETS: usize = 20_000;
/// Bytes of each.
const VALUE_BYTES: usize = 1 << 10;
/// Callers at once, and connections of the calibration.
const CALLERS: usize = 8;
/// Writers at once, before the measurement.
const WRITERS: usize = 16;
/// Steps over the secrets, so that neighbours in time are not neighbours on a page.
const STRIDE: usize = 7_919;
/// How long a grant of a call holds.
const GRANT_TTL: Duration = Duration::from_secs(120);
/// How often each figure is taken; the better one counts.
const ROUNDS: usize = 2;

/// The row that a read reads, by its primary key and with nothing around it.
const BARE_SELECT: &str = "SELECT version, envelope FROM secret WHERE project_id = $1 AND id = $2";

/// One secret.
#[derive(Clone)]
struct Known {
    project: ProjectId,
    secret: SecretId,
    user: EndUserId,
}

/// What is measured.
struct Stage {
    role: VaultRole,
    databases: VaultDatabases,
    grants: Arc<GrantKey>,
    secrets: Arc<Vec<Known>>,
}

/// Measures the group.
///
/// # Errors
/// When a secret does not open, or a key does not unwrap: then no figure counts.
pub async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
    let product = Product::start(folder.path()).await?;
    let stage = Stage::open(&product, folder.path()).await?;
    let mut figures = stage.reads(length).await?;
    figures.push(stage.rotation().await?);
    product.stop().await?;
    Ok(figures)
}

impl Stage {
    async fn open(product: &Product, folder: &Path) -> anyhow::Result<Self> {
        let databases = product.access.vault.clone();
        let databases = databases.context("the product runs without a vault")?;
        let mut settings = Settings::default();
        ensure_development_keys(&mut settings, folder)?;
        let file = settings.vault.grant_key_file.clone().context("there is a grant key")?;
        let grants = GrantKey::new(SecretBytes::new(std::fs::read(file)?));
        let grants = Arc::new(grants.context("the grant key is too short")?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let role = VaultRole::open(&settings, Some(&databases), &clock).await?;
        let secrets = Arc::new(write_secrets(&role.handle(Caller::Api)).await?);
        Ok(Self { role, databases, grants, secrets })
    }

    async fn reads(&self, length: Duration) -> anyhow::Result<Vec<Figure>> {
        // The first opening of a project unwraps its ring key.
        self.opens(CALLERS, Duration::from_secs(1)).await?;
        let (mut bare, mut storage, mut opened) = (0.0_f64, 0.0_f64, 0.0_f64);
        let (mut p50, mut p50_alone) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            bare = bare.max(self.bare_selects(length).await?.rate());
            storage = storage.max(self.store_reads(length).await?.rate() * 2.0);
            let many = self.opens(CALLERS, length).await?;
            opened = opened.max(many.rate());
            p50 = p50.min(many.quantile_ms(0.5));
            p50_alone = p50_alone.min(self.opens(1, length / 2).await?.quantile_ms(0.5));
        }
        let of_bare = || Calibration { name: "bare_select", value: bare, unit: "rows/s" };
        Ok(vec![
            Figure::against("vault.read", opened, "opens/s", of_bare()),
            Figure::against("vault.read_storage", storage, "rows/s", of_bare()),
            Figure::plain("vault.read_p50", p50, "ms"),
            Figure::plain("vault.read_p50_alone", p50_alone, "ms"),
        ])
    }

    /// As the proxy opens: with a grant, signed for each call.
    async fn opens(&self, callers: usize, length: Duration) -> anyhow::Result<Outcome> {
        let (vault, grants) = (self.role.handle(Caller::Proxy), self.grants.clone());
        self.each(callers, length, move |known| {
            let (vault, grants) = (vault.clone(), grants.clone());
            async move {
                let until = Timestamp::now().checked_add(GRANT_TTL)?;
                let access = Access {
                    project: known.project,
                    purpose: Purpose::Proxy,
                    run: None,
                    step: None,
                    reference: Some("bench".to_owned()),
                    grant: Some(grants.sign(known.project, &known.user, &Work::Call { until })),
                };
                let opened = vault.open(known.secret, &access).await?;
                ensure!(opened.value.len() == VALUE_BYTES, "a secret has another length");
                Ok(())
            }
        })
        .await
    }

    /// What an opening reads: the envelope, then the wrapped key of the other database.
    async fn store_reads(&self, length: Duration) -> anyhow::Result<Outcome> {
        let url = &self.databases.values_url;
        let values = Arc::new(PgValueStore::new(&tenon_pg_vault::Settings::new(url))?);
        let url = &self.databases.keys_url;
        let keys = Arc::new(PgKeyStore::new(&tenon_pg_vault::Settings::new(url))?);
        let outcome = {
            let (values, keys) = (values.clone(), keys.clone());
            self.each(CALLERS, length, move |known| {
                let (values, keys) = (values.clone(), keys.clone());
                async move {
                    let stored = values.value(known.project, known.secret).await?;
                    let envelope = stored.context("a secret is gone")?.envelope;
                    let id = data_key_of(&envelope).context("that is no envelope")?;
                    let key = keys.data_key(known.project, id).await?;
                    key.context("a data key is gone").map(drop)
                }
            })
            .await?
        };
        values.close().await;
        keys.close().await;
        Ok(outcome)
    }

    async fn bare_selects(&self, length: Duration) -> anyhow::Result<Outcome> {
        // Row-level security shows nothing to a connection that does not say what it is for.
        let options = PgConnectOptions::from_str(&self.databases.values_url)?
            .options([("tenon.scope", "system")]);
        let pool: PgPool = PgPoolOptions::new()
            .max_connections(u32::try_from(CALLERS)?)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        let outcome = {
            let pool = pool.clone();
            self.each(CALLERS, length, move |known| {
                let pool = pool.clone();
                async move {
                    let row: (i64, Vec<u8>) = sqlx::query_as(BARE_SELECT)
                        .bind(known.project.uuid())
                        .bind(known.secret.uuid())
                        .fetch_one(&pool)
                        .await?;
                    ensure!(row.1.len() > VALUE_BYTES, "an envelope is too short");
                    Ok(())
                }
            })
            .await?
        };
        pool.close().await;
        Ok(outcome)
    }

    /// Does something with secret after secret, with so many callers.
    async fn each<F, Fut>(
        &self,
        callers: usize,
        length: Duration,
        operation: F,
    ) -> anyhow::Result<Outcome>
    where
        F: Fn(Known) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for caller in 0..callers {
            let (operation, secrets) = (operation.clone(), self.secrets.clone());
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                let mut at = caller * secrets.len() / callers;
                while started.elapsed() < length {
                    let began = Instant::now();
                    operation(secrets[at].clone()).await?;
                    latencies.push(began.elapsed());
                    at = (at + STRIDE) % secrets.len();
                }
                anyhow::Ok(latencies)
            });
        }
        let mut outcome = Outcome::default();
        while let Some(latencies) = tasks.join_next().await {
            outcome.latencies.extend(latencies??);
        }
        outcome.elapsed = started.elapsed();
        outcome.answered = outcome.latencies.len() as u64;
        outcome.latencies.sort_unstable();
        Ok(outcome)
    }

    async fn rotation(&self) -> anyhow::Result<Figure> {
        let mut best = 0.0_f64;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let rotation = self.role.rotation();
            let report = rotation.rotate_rings(Timestamp::now(), &mut |_| {}).await?;
            let rate = report.done as f64 / started.elapsed().as_secs_f64();
            ensure!(
                report.done == SECRETS as u64 && report.damaged == 0,
                "{} of {SECRETS} keys were wrapped anew, {} are damaged",
                report.done,
                report.damaged
            );
            best = best.max(rate);
        }
        // What was wrapped anew still opens.
        self.opens(CALLERS, Duration::from_millis(200)).await?;
        Ok(Figure::plain("vault.rotate", best, "keys/s"))
    }
}

async fn write_secrets(vault: &Arc<dyn Vault>) -> anyhow::Result<Vec<Known>> {
    let projects: [ProjectId; PROJECTS] = std::array::from_fn(|_| ProjectId::new());
    let mut writers = JoinSet::new();
    for first in 0..WRITERS {
        let vault = vault.clone();
        writers.spawn(async move {
            let mut written = Vec::new();
            for number in (first..SECRETS).step_by(WRITERS) {
                let known = Known {
                    project: projects[number % PROJECTS],
                    secret: SecretId::new(),
                    user: EndUserId::new(format!("user-{number}")),
                };
                let (credential, user) = (CredentialId::new(), known.user.clone());
                let subject = Subject::Credential { credential, user };
                let owner = SecretOwner { project: known.project, subject };
                let value = SecretBytes::new(vec![7; VALUE_BYTES]);
                let value = NewValue { value, expires_at: None };
                vault.create(known.secret, &owner, value).await?;
                written.push(known);
            }
            anyhow::Ok(written)
        });
    }
    let mut secrets = Vec::with_capacity(SECRETS);
    while let Some(written) = writers.join_next().await {
        secrets.extend(written??);
    }
    Ok(secrets)
}
