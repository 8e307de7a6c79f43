//! What the ports' errors look like to a caller. The one place of this crate where they become
//! HTTP.

use std::time::Duration;

use tenon_config::Error as ConfigError;
use tenon_contract::plan::PlanError;
use tenon_exec::ports::{blobs, control, history};
use tenon_http_kit::{Problem, codes};

/// When to try again after a read failed.
const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(crate) fn of_plans(error: &PlanError) -> Problem {
    Problem::unavailable("read the project's plan", RETRY_AFTER, error)
}

pub(crate) fn of_history(error: &history::Error) -> Problem {
    Problem::unavailable("read history", RETRY_AFTER, error)
}

pub(crate) fn of_blobs(error: &blobs::Error) -> Problem {
    match error {
        blobs::Error::Unavailable { .. } => {
            Problem::unavailable("read a recorded value", RETRY_AFTER, error)
        }
        blobs::Error::Missing { .. } | blobs::Error::Corrupt { .. } => {
            Problem::internal("read a recorded value", error)
        }
    }
}

pub(crate) fn of_config(error: ConfigError) -> Problem {
    match error {
        ConfigError::NoSuchProject(_)
        | ConfigError::NoSuchWorkflow(_)
        | ConfigError::NoSuchVersion(_)
        | ConfigError::NoSuchApiKey(_)
        | ConfigError::NoSuchUser(_) => Problem::not_found(),
        ConfigError::NameTwice { .. } | ConfigError::Invalid { .. } => {
            Problem::new(&codes::INVALID_FIELD).detail(error.to_string())
        }
        ConfigError::LimitReached { .. } => {
            Problem::new(&codes::CONFLICT).detail(error.to_string())
        }
        ConfigError::Unavailable(_) => {
            Problem::unavailable("use the configuration", RETRY_AFTER, &error)
        }
        ConfigError::Store(_) => Problem::internal("use the configuration", &error),
    }
}

pub(crate) fn of_control(error: &control::Error) -> Problem {
    match error {
        control::Error::NoSuchRun(_) => Problem::not_found(),
        control::Error::WrongState { .. } => {
            Problem::new(&codes::CONFLICT).detail(error.to_string())
        }
        control::Error::Overloaded { retry_after } => {
            Problem::new(&codes::OVERLOADED).retry_after(*retry_after)
        }
        control::Error::Unavailable { retry_after, .. } => {
            Problem::unavailable("accept the run", *retry_after, error)
        }
    }
}
