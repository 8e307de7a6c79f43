//! Two stores on two fresh databases of two roles, and builders of what they keep.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_contract::vault::{SecretHead, SecretOwner, Subject};
use tenon_domain::{CredentialId, EndUserId, ProjectId, SecretId};
use tenon_pg_vault::{PgKeyStore, PgValueStore, Settings};
use tenon_testkit::postgres_server::{TestDatabase, fresh_database};
use tenon_testkit::vault_stores_suite::Harness;
use tenon_vault::ports::{KeyStore, NewVersion, RingKey, ValueStore, WrappedKey, Written};
use uuid::Uuid;

pub type Outcome = anyhow::Result<()>;

/// Everything a test needs.
pub struct Fixture {
    pub values_database: TestDatabase,
    pub keys_database: TestDatabase,
    pub values: PgValueStore,
    pub keys: PgKeyStore,
}

impl Fixture {
    pub async fn new() -> anyhow::Result<Self> {
        let values_database = database_of_a_role("values").await?;
        let keys_database = database_of_a_role("keys").await?;
        let values = PgValueStore::new(&Settings::new(&values_database.url))?;
        let keys = PgKeyStore::new(&Settings::new(&keys_database.url))?;
        values.migrate().await?;
        keys.migrate().await?;
        Ok(Self { values_database, keys_database, values, keys })
    }

    pub async fn of_suite() -> Self {
        Self::new().await.expect("PostgreSQL is installed")
    }

    /// A secret at version 1.
    pub async fn put(&self, owner: &SecretOwner) -> anyhow::Result<SecretHead> {
        match self.values.insert(SecretId::new(), owner, &version(1)).await? {
            Written::Committed(head) => Ok(head),
            other => anyhow::bail!("a fresh id was {other:?}"),
        }
    }
}

impl Harness for Fixture {
    async fn values(&self) -> Arc<dyn ValueStore> {
        Arc::new(self.values.clone())
    }

    async fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.keys.clone())
    }
}

/// A fresh database that belongs to a fresh role, which is no superuser.
async fn database_of_a_role(name: &str) -> anyhow::Result<TestDatabase> {
    let database = fresh_database().await?;
    let role = format!("vault_{name}_{}", Uuid::new_v4().simple());
    let mut superuser = PgConnection::connect(&database.superuser_url).await?;
    let statements = format!(
        "CREATE ROLE {role} LOGIN;
         DO $$ BEGIN
             EXECUTE format('ALTER DATABASE %I OWNER TO {role}', current_database());
         END $$"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut superuser).await?;
    let url = as_role(&database.url, &role)?;
    Ok(TestDatabase { url, superuser_url: database.superuser_url })
}

/// The same database for another role.
pub fn as_role(url: &str, role: &str) -> anyhow::Result<String> {
    let (_, rest) = url.split_once('@').ok_or_else(|| anyhow::anyhow!("a URL names its user"))?;
    Ok(format!("postgres://{role}@{rest}"))
}

/// The role in a URL.
pub fn role_of(url: &str) -> anyhow::Result<&str> {
    let role = url.strip_prefix("postgres://").and_then(|rest| rest.split_once('@'));
    Ok(role.ok_or_else(|| anyhow::anyhow!("a URL names its user"))?.0)
}

pub fn credential_owner() -> SecretOwner {
    let subject =
        Subject::Credential { credential: CredentialId::new(), user: EndUserId::new("user") };
    SecretOwner { project: ProjectId::new(), subject }
}

pub fn version(number: u32) -> NewVersion {
    NewVersion {
        envelope: vec![7; 1_200],
        version: number,
        expires_at: None,
        written_at: Timestamp::now(),
        fence: None,
    }
}

pub fn ring_key(project: ProjectId, number: u32) -> RingKey {
    RingKey {
        id: Uuid::now_v7(),
        project,
        number,
        root: "file:12345678".to_owned(),
        wrapped: vec![1; 60],
        created_at: Timestamp::now(),
    }
}

pub fn data_key(ring: &RingKey) -> WrappedKey {
    WrappedKey {
        id: Uuid::new_v4(),
        project: ring.project,
        secret: SecretId::new(),
        version: 1,
        ring_key: ring.id,
        wrapped: vec![2; 60],
    }
}
