//! Whose fault a lost process was: the code's, then the step failed; or not, then it is retried.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use tenon_exec::ports::script::{FunctionError, FunctionErrorKind};

use super::process::Loss;
use super::{refused, unavailable};

/// Exit code of a Rust program that panicked.
const PANICKED: i32 = 101;

/// The error of a call whose process was lost. `death` is how the process ended by itself.
///
/// Signals that people, supervisors and the kernel's memory killer send say nothing about the
/// code. Signals a process brings upon itself do.
pub fn of(loss: &Loss, death: Option<ExitStatus>, limit: Duration) -> FunctionError {
    match loss {
        Loss::Deadline => refused(
            FunctionErrorKind::Timeout,
            format!("the function ran longer than {} ms and had to be killed", limit.as_millis()),
        ),
        Loss::Garbage(_) => unavailable("the function runner answered something unreadable"),
        Loss::Gone => of_death(death),
    }
}

fn of_death(death: Option<ExitStatus>) -> FunctionError {
    let Some(status) = death else { return unavailable("the function runner went away") };
    match status.signal() {
        Some(libc::SIGKILL | libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT) => {
            unavailable(format!("the function runner was killed ({status})"))
        }
        Some(libc::SIGXCPU) => refused(
            FunctionErrorKind::Timeout,
            "the function used up its processor time".to_owned(),
        ),
        Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS) => refused(
            FunctionErrorKind::Memory,
            format!("the function exhausted its process ({status})"),
        ),
        Some(_) => {
            refused(FunctionErrorKind::Thrown, format!("the function broke its process ({status})"))
        }
        None if status.code() == Some(PANICKED) => {
            refused(FunctionErrorKind::Thrown, "the function broke its process".to_owned())
        }
        None => unavailable(format!("the function runner failed ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of_signal(signal: i32) -> FunctionErrorKind {
        of(&Loss::Gone, Some(ExitStatus::from_raw(signal)), Duration::ZERO).kind
    }

    #[test]
    fn a_process_that_was_killed_from_outside_is_nobodys_fault() {
        for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGHUP] {
            assert_eq!(kind_of_signal(signal), FunctionErrorKind::Unavailable);
        }
        let gone = of(&Loss::Gone, None, Duration::ZERO);
        assert_eq!(gone.kind, FunctionErrorKind::Unavailable);
    }

    #[test]
    fn a_process_that_broke_is_the_fault_of_the_code() {
        assert_eq!(kind_of_signal(libc::SIGSEGV), FunctionErrorKind::Memory);
        assert_eq!(kind_of_signal(libc::SIGABRT), FunctionErrorKind::Memory);
        assert_eq!(kind_of_signal(libc::SIGXCPU), FunctionErrorKind::Timeout);
        assert_eq!(kind_of_signal(libc::SIGILL), FunctionErrorKind::Thrown);
        let panicked = ExitStatus::from_raw(PANICKED << 8);
        let error = of(&Loss::Gone, Some(panicked), Duration::ZERO);
        assert_eq!(error.kind, FunctionErrorKind::Thrown);
    }
}
