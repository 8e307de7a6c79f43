//! What a database error means for the caller.

use tenon_exec::ports::{history, store};

/// Classes of SQLSTATE that say something about the rows, not about the server: data exceptions
/// (22), integrity violations (23), a row too large (54).
const REJECTED_CLASSES: [&str; 3] = ["22", "23", "54"];

/// Maps an error of a write.
pub fn store_error(action: &'static str) -> impl FnOnce(sqlx::Error) -> store::Error {
    move |error| {
        let is_rejected = match &error {
            sqlx::Error::Database(database) => database
                .code()
                .is_some_and(|code| REJECTED_CLASSES.iter().any(|class| code.starts_with(class))),
            sqlx::Error::Encode(_) => true,
            _ => false,
        };
        let source = Box::new(error);
        if is_rejected {
            store::Error::Rejected { action, source }
        } else {
            store::Error::Unavailable { action, source }
        }
    }
}

/// Maps an error of a read.
pub fn history_error(action: &'static str) -> impl FnOnce(sqlx::Error) -> history::Error {
    move |error| history::Error { action, source: Box::new(error) }
}
