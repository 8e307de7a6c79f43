//! Checks what a product promised against what was seen of it, by a recorded history.
//!
//! A harness records every operation of its clients, every effect that the product had on the
//! outside, every fault, and what the database held at moments in between. [`check`] is a pure
//! function over that record. It never asks the product anything, so it can be run again on a
//! kept record, and its own tests need no product.
//!
//! An answer that never came is [`Event::Unknown`]: it happened or it did not. Only what was
//! promised counts: an answer, or a committed row.

mod check;
mod history;
mod report;
#[cfg(test)]
mod tests;

pub use check::{Limits, check};
pub use history::{EndedRun, Event, Final, History, ResultRow, StepKey, Timed};
pub use report::{Figures, Report, Violation};
