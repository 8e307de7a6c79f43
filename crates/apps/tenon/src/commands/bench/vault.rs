//! Group `vault`: opening secrets that nothing keeps in memory, and rotating ring keys, on the
//! product's own PostgreSQL; grants are checked and the audit is written as always.
//!
//! `vault.role*` go to the role `vault` in a process of its own, over mutual TLS, as the proxy and
//! workers do. For the other figures the service runs in this process.

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
use super::vault_process::VaultProcess;
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
/// How often each figure is taken; the best one counts.
const ROUNDS: usize = 3;

/// The row that a read reads, by its primary key and with nothing around it.
const BARE_SELECT: &str = "SELECT version, envelope FROM secret WHERE project_id = $1 AND id = $2";

/// Where bare commits go; the database lives as long as the measurement.
const COMMIT_TABLE: &str = "CREATE TABLE IF NOT EXISTS bench_commit (id uuid)";
const BARE_COMMIT: &str = "INSERT INTO bench_commit (id) VALUES ($1)";

/// One secret.
#[derive(Clone)]
struct Known {
    project: ProjectId,
    secret: SecretId,
    user: EndUserId,
}

/// The better one of several measurements of openings.
struct Best {
    rate: f64,
    p50: f64,
    p99: f64,
    p50_alone: f64,
}

impl Default for Best {
    fn default() -> Self {
        Self { rate: 0.0, p50: f64::MAX, p99: f64::MAX, p50_alone: f64::MAX }
    }
}

impl Best {
    fn take(&mut self, many: &Outcome) {
        self.rate = self.rate.max(many.rate());
        self.p50 = self.p50.min(many.quantile_ms(0.5));
        self.p99 = self.p99.min(many.quantile_ms(0.99));
    }

    fn take_alone(&mut self, one: &Outcome) {
        self.p50_alone = self.p50_alone.min(one.quantile_ms(0.5));
    }
}

/// What is measured.
struct Stage {
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
    let databases = product.access.vault.clone();
    let databases = databases.context("the product runs without a vault")?;
    let mut settings = Settings::default();
    ensure_development_keys(&mut settings, folder.path())?;

    // One after the other: both would take more connections than there are.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let role = VaultRole::open(&settings, Some(&databases), &clock).await?;
    let stage = Stage::open(&settings, databases, &role).await?;
    let mut figures = stage.of_service(&role, length).await?;
    figures.push(stage.rotation(&role).await?);
    drop(role);
    let process = VaultProcess::start(folder.path(), &stage.databases, &settings).await?;
    figures.extend(stage.of_role(&process, length).await?);
    drop(process);
    product.stop().await?;
    Ok(figures)
}

impl Stage {
    async fn open(
        settings: &Settings,
        databases: VaultDatabases,
        role: &VaultRole,
    ) -> anyhow::Result<Self> {
        let file = settings.vault.grant_key_file.as_ref().context("there is a grant key")?;
        let grants = GrantKey::new(SecretBytes::new(std::fs::read(file)?));
        let grants = Arc::new(grants.context("the grant key is too short")?);
        let secrets = Arc::new(write_secrets(&role.handle(Caller::Api)).await?);
        Ok(Self { databases, grants, secrets })
    }

    /// Reading alone, and the service without a transport.
    async fn of_service(&self, role: &VaultRole, length: Duration) -> anyhow::Result<Vec<Figure>> {
        let vault = role.handle(Caller::Proxy);
        // The first opening of a project unwraps its ring key.
        self.opens(&vault, CALLERS, Duration::from_secs(1)).await?;
        let (mut bare, mut storage, mut best) = (0.0_f64, 0.0_f64, Best::default());
        for _ in 0..ROUNDS {
            bare = bare.max(self.bare_selects(length).await?.rate());
            storage = storage.max(self.store_reads(length).await?.rate() * 2.0);
            best.take(&self.opens(&vault, CALLERS, length).await?);
            best.take_alone(&self.opens(&vault, 1, length / 2).await?);
        }
        Ok(vec![
            Figure::against("vault.read_storage", storage, "rows/s", bare_select(bare)),
            Figure::against("vault.read", best.rate, "opens/s", bare_select(bare)),
            Figure::plain("vault.read_p50", best.p50, "ms"),
            Figure::plain("vault.read_p50_alone", best.p50_alone, "ms"),
        ])
    }

    /// The role in its process. What a rotation has wrapped anew opens, too.
    async fn of_role(
        &self,
        process: &VaultProcess,
        length: Duration,
    ) -> anyhow::Result<Vec<Figure>> {
        let vault = &process.client;
        self.opens(vault, CALLERS, Duration::from_secs(1)).await?;
        let (mut bare, mut best, mut commits) = (0.0_f64, Best::default(), Best::default());
        for _ in 0..ROUNDS {
            bare = bare.max(self.bare_selects(length).await?.rate());
            best.take(&self.opens(vault, CALLERS, length).await?);
            commits.take(&self.bare_commits(CALLERS, length / 2).await?);
            best.take_alone(&self.opens(vault, 1, length / 2).await?);
            commits.take_alone(&self.bare_commits(1, length / 2).await?);
        }
        Ok(vec![
            Figure::against("vault.role", best.rate, "opens/s", bare_select(bare)),
            Figure::against("vault.role_p50", best.p50, "ms", bare_commit(commits.p50)),
            Figure::against("vault.role_p99", best.p99, "ms", bare_commit(commits.p99)),
            Figure::against(
                "vault.role_p50_alone",
                best.p50_alone,
                "ms",
                bare_commit(commits.p50_alone),
            ),
        ])
    }

    /// As the proxy opens: with a grant, signed for each call.
    async fn opens(
        &self,
        vault: &Arc<dyn Vault>,
        callers: usize,
        length: Duration,
    ) -> anyhow::Result<Outcome> {
        let (vault, grants) = (vault.clone(), self.grants.clone());
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

    /// One row and its commit, which is what the audit waits for: the disk's part of an opening.
    async fn bare_commits(&self, callers: usize, length: Duration) -> anyhow::Result<Outcome> {
        let pool: PgPool = PgPoolOptions::new()
            .max_connections(u32::try_from(callers)?)
            .test_before_acquire(false)
            .connect(&self.databases.keys_url)
            .await?;
        sqlx::query(COMMIT_TABLE).execute(&pool).await?;
        let outcome = {
            let pool = pool.clone();
            self.each(callers, length, move |known| {
                let pool = pool.clone();
                async move {
                    sqlx::query(BARE_COMMIT).bind(known.secret.uuid()).execute(&pool).await?;
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

    async fn rotation(&self, role: &VaultRole) -> anyhow::Result<Figure> {
        let mut best = 0.0_f64;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let rotation = role.rotation();
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
        self.opens(&role.handle(Caller::Proxy), CALLERS, Duration::from_millis(200)).await?;
        Ok(Figure::plain("vault.rotate", best, "keys/s"))
    }
}

fn bare_commit(value: f64) -> Calibration {
    Calibration { name: "bare_commit", value, unit: "ms" }
}

fn bare_select(value: f64) -> Calibration {
    Calibration { name: "bare_select", value, unit: "rows/s" }
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
