//! The lock of a local queue: a queue inside a process can serve one process only.
//!
//! Two processes with queues of their own on one database would each take the other's queue for
//! lost and rebuild it for ever. The lock is the session's: it goes when the process does.

use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgPool};

/// The advisory lock; any number that no other lock of this database has.
const LOCAL_QUEUE: i64 = 0x2d5a_64f1_9c0b_7e33;

/// Held while this process has the local queue of the database.
#[derive(Debug)]
pub struct LocalQueueLock {
    connection: PgConnection,
}

impl LocalQueueLock {
    /// Gives it back now, not when the server notices that the connection is gone.
    pub async fn release(self) {
        // What fails here is a connection that is gone already, and the lock with it.
        let _ = self.connection.close().await;
    }
}

/// The advisory lock of who archives.
const ARCHIVE: i64 = 0x2d5a_64f1_9c0b_7e34;

/// Takes the right to archive, or answers `None` when another process has it. It is the session's,
/// too; and it only saves work: what is dropped is decided by what the rows and the archive hold.
pub async fn lock_archive(pool: &PgPool) -> Result<Option<PgConnection>, sqlx::Error> {
    let mut connection = pool.acquire().await?.detach();
    let is_taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, ARCHIVE)
        .fetch_one(&mut connection)
        .await?;
    Ok(is_taken.then_some(connection))
}

/// Takes the lock, or answers `None` when another process has it.
pub async fn lock_local_queue(pool: &PgPool) -> Result<Option<LocalQueueLock>, sqlx::Error> {
    let mut connection = pool.acquire().await?.detach();
    let is_taken =
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, LOCAL_QUEUE)
            .fetch_one(&mut connection)
            .await?;
    Ok(is_taken.then_some(LocalQueueLock { connection }))
}
