//! Sorts database errors by what the caller can do.

use tenon_config::ports::StoreError;

/// Names what was tried.
pub(crate) fn failed(action: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| match class(&error) {
        Class::Away => StoreError::Unavailable { action, source: Box::new(error) },
        Class::Conflict => StoreError::Conflict { action, source: Box::new(error) },
        Class::Defect => StoreError::Failed { action, source: Box::new(error) },
    }
}

/// A write that should have changed one row changed `rows`.
pub(crate) fn expect_one(action: &'static str, rows: u64) -> Result<(), StoreError> {
    if rows == 1 {
        return Ok(());
    }
    let source = format!("{rows} rows were changed and not one").into();
    Err(StoreError::Failed { action, source })
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Away,
    Conflict,
    Defect,
}

fn class(error: &sqlx::Error) -> Class {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Class::Away,
        sqlx::Error::Database(error) => {
            error.code().map_or(Class::Defect, |code| class_of_sqlstate(&code))
        }
        _ => Class::Defect,
    }
}

/// By the classes of the PostgreSQL manual, appendix A.
fn class_of_sqlstate(code: &str) -> Class {
    match code {
        // Unique violation; serialisation failure; deadlock.
        "23505" | "40001" | "40P01" => Class::Conflict,
        // Lock or statement timeout; read-only after a failover.
        "55P03" | "57014" | "25006" => Class::Away,
        _ => match code.get(..2) {
            // Connection; resources; shutting down or starting up; system error.
            Some("08" | "53" | "57" | "58") => Class::Away,
            _ => Class::Defect,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_sorted_by_what_the_caller_can_do() {
        for (code, class) in [
            ("40001", Class::Conflict),
            ("57P01", Class::Away),
            ("57P03", Class::Away),
            ("53300", Class::Away),
            ("08006", Class::Away),
            ("42501", Class::Defect),
            ("23503", Class::Defect),
        ] {
            assert_eq!(class_of_sqlstate(code), class, "{code}");
        }
    }

    #[test]
    fn a_write_that_misses_is_a_defect() {
        assert!(expect_one("write", 1).is_ok());
        assert!(matches!(expect_one("write", 0), Err(StoreError::Failed { .. })));
    }
}
