//! The audit. A batch of several tenants is written whole or not at all; the next links of each
//! chain are computed here, by [`AuditRecord::link`], from where it ends.
//!
//! Where this process believes to know the ends, one call appends, if they still are the ends. Else
//! the chains are locked and read first.

use std::collections::HashMap;

use tenon_domain::{ProjectId, RunId, SecretId, StepId};
use tenon_vault::audit::{AuditLink, AuditRecord};
use uuid::Uuid;

use super::tails::{Ends, Tails};
use crate::codes;
use crate::database::{Database, broken};
use crate::moment::Moment;

/// How often the short way is tried while somebody else of this process writes to the same chains.
const SHORT_TRIES_MAX: u32 = 3;

pub(super) async fn append(
    database: &Database,
    tails: &Tails,
    records: &[AuditRecord],
) -> Result<(), sqlx::Error> {
    if records.is_empty() {
        return Ok(());
    }
    let written = match append_to_known(database, tails, records).await {
        Ok(Some(ends)) => Ok(ends),
        Ok(None) => append_under_lock(database, records).await,
        Err(error) => Err(error),
    };
    match written {
        Ok(ends) => {
            tails.keep(ends);
            Ok(())
        }
        Err(error) => {
            // It may have been written all the same.
            tails.forget(records);
            Err(error)
        }
    }
}

/// Appends in one round trip. `None`: nothing was written, some chain ends otherwise.
async fn append_to_known(
    database: &Database,
    tails: &Tails,
    records: &[AuditRecord],
) -> Result<Option<Ends>, sqlx::Error> {
    let mut tried = None;
    for _ in 0..SHORT_TRIES_MAX {
        let known = tails.of(records);
        let Some(known) = known.filter(|known| tried.as_ref() != Some(known)) else { break };
        let mut ends = known.clone();
        let columns = Columns::of(records, &mut ends);
        if append_behind(database, &known, &columns).await? {
            return Ok(Some(ends));
        }
        tried = Some(known);
    }
    tails.forget(records);
    Ok(None)
}

async fn append_behind(
    database: &Database,
    known: &Ends,
    columns: &Columns<'_>,
) -> Result<bool, sqlx::Error> {
    let projects: Vec<Uuid> = known.keys().map(|project| project.uuid()).collect();
    let numbers: Vec<i64> = known.values().map(|(number, _)| *number).collect();
    let hashes: Vec<Vec<u8>> = known.values().map(|(_, hash)| hash.to_vec()).collect();
    sqlx::query_scalar!(
        r#"SELECT append_audit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
                               $16) AS "is_appended!""#,
        &projects,
        &numbers,
        &hashes,
        &columns.projects,
        &columns.numbers,
        &columns.previous,
        &columns.hashes,
        &columns.at as &[Moment],
        &columns.callers as &[&str],
        &columns.secrets,
        &columns.versions,
        &columns.purposes,
        &columns.runs as &[Option<Uuid>],
        &columns.steps as &[Option<&str>],
        &columns.references as &[Option<&str>],
        &columns.granted,
    )
    .fetch_one(database.writers())
    .await
}

/// Locks the chains until they are written, and reads where they end.
async fn append_under_lock(
    database: &Database,
    records: &[AuditRecord],
) -> Result<Ends, sqlx::Error> {
    let mut projects: Vec<Uuid> = records.iter().map(|record| record.project.uuid()).collect();
    projects.sort_unstable();
    projects.dedup();
    let mut transaction = database.of_system().await?;
    let tails = sqlx::query!(
        r#"SELECT project_id AS "project_id!", number AS "number!", hash AS "hash!"
           FROM lock_audit($1)"#,
        &projects,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut ends = tails
        .into_iter()
        .map(|row| Ok((ProjectId::from_uuid(row.project_id), (row.number, hash(row.hash)?))))
        .collect::<Result<HashMap<_, _>, sqlx::Error>>()?;
    let columns = Columns::of(records, &mut ends);
    let done = sqlx::query!(
        "INSERT INTO audit (project_id, number, previous, hash, at, caller, secret_id, version,
                            purpose, run_id, step_id, reference, is_granted)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[],
                              $5::timestamptz[], $6::text[], $7::uuid[], $8::bigint[],
                              $9::smallint[], $10::uuid[], $11::text[], $12::text[],
                              $13::boolean[])",
        &columns.projects,
        &columns.numbers,
        &columns.previous,
        &columns.hashes,
        &columns.at as &[Moment],
        &columns.callers as &[&str],
        &columns.secrets,
        &columns.versions,
        &columns.purposes,
        &columns.runs as &[Option<Uuid>],
        &columns.steps as &[Option<&str>],
        &columns.references as &[Option<&str>],
        &columns.granted,
    )
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() != records.len() as u64 {
        return Err(broken("fewer records were written than there are"));
    }
    transaction.commit().await?;
    Ok(ends)
}

/// Records and their links, turned by ninety degrees.
#[derive(Default)]
struct Columns<'a> {
    projects: Vec<Uuid>,
    numbers: Vec<i64>,
    previous: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
    at: Vec<Moment>,
    callers: Vec<&'a str>,
    secrets: Vec<Uuid>,
    versions: Vec<i64>,
    purposes: Vec<i16>,
    runs: Vec<Option<Uuid>>,
    steps: Vec<Option<&'a str>>,
    references: Vec<Option<&'a str>>,
    granted: Vec<bool>,
}

impl<'a> Columns<'a> {
    /// `ends` are where the chains end, before and then after these records.
    fn of(records: &'a [AuditRecord], ends: &mut Ends) -> Self {
        let mut columns = Self::default();
        for record in records {
            let tail = ends.entry(record.project).or_insert((0, [0; 32]));
            let link = record.link(tail.0 + 1, &tail.1);
            *tail = (link.number, link.hash);
            columns.push(record, &link);
        }
        columns
    }

    fn push(&mut self, record: &'a AuditRecord, link: &AuditLink) {
        self.projects.push(record.project.uuid());
        self.numbers.push(link.number);
        self.previous.push(link.previous.to_vec());
        self.hashes.push(link.hash.to_vec());
        self.at.push(Moment(record.at));
        self.callers.push(&record.caller);
        self.secrets.push(record.secret.uuid());
        self.versions.push(i64::from(record.version));
        self.purposes.push(codes::of_purpose(record.purpose));
        self.runs.push(record.run.map(RunId::uuid));
        self.steps.push(record.step.as_ref().map(StepId::as_str));
        self.references.push(record.reference.as_deref());
        self.granted.push(record.is_granted);
    }
}

pub(super) async fn read(
    database: &Database,
    project: ProjectId,
    after: i64,
    limit: u32,
) -> Result<Vec<(AuditRecord, AuditLink)>, sqlx::Error> {
    let mut transaction = database.of_project(project).await?;
    let rows = sqlx::query!(
        r#"SELECT number, previous, hash, at AS "at: Moment", caller, secret_id, version, purpose,
                  run_id, step_id, reference, is_granted
           FROM audit WHERE project_id = $1 AND number > $2 ORDER BY number LIMIT $3"#,
        project.uuid(),
        after,
        i64::from(limit),
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    rows.into_iter()
        .map(|row| {
            let record = AuditRecord {
                project,
                at: row.at.0,
                caller: row.caller,
                secret: SecretId::from_uuid(row.secret_id),
                version: codes::count(row.version)?,
                purpose: codes::purpose(row.purpose)?,
                run: row.run_id.map(RunId::from_uuid),
                step: row.step_id.map(StepId::new),
                reference: row.reference,
                is_granted: row.is_granted,
            };
            let link = AuditLink {
                number: row.number,
                previous: hash(row.previous)?,
                hash: hash(row.hash)?,
            };
            Ok((record, link))
        })
        .collect()
}

fn hash(bytes: Vec<u8>) -> Result<[u8; 32], sqlx::Error> {
    bytes.try_into().map_err(|_| broken("a hash of the audit is not 32 bytes"))
}
