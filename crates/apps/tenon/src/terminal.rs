//! What people see: tables, colours, faults in documents with their source line. Colours only on
//! a terminal, and not when `NO_COLOR` is set.

mod fault;
mod table;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;

pub use fault::show_fault;
pub use table::{
    ends_an_iteration, run_table, step_table, table, time, toned, user_table, workflow_table,
};

use tenon_client::{RunStatus, StepStatus};

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    is_on: bool,
}

/// A colour that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It waits, or needs a look.
    Warning,
    /// It is under way.
    Busy,
    /// Less important.
    Quiet,
    /// More important.
    Strong,
}

impl Paint {
    /// No colours.
    #[cfg(test)]
    pub const fn plain() -> Self {
        Self { is_on: false }
    }

    /// Colours, whatever the output is.
    #[cfg(test)]
    pub const fn colourful() -> Self {
        Self { is_on: true }
    }

    /// Colours when standard output is a terminal that wants them.
    #[must_use]
    pub fn for_stdout() -> Self {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_on: !is_refused && std::io::stdout().is_terminal() }
    }

    /// Text in a tone.
    #[must_use]
    pub fn text(self, tone: Tone, text: &str) -> String {
        if !self.is_on {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Warning => "33",
            Tone::Busy => "36",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// The status of a run.
    #[must_use]
    pub fn run_status(self, status: RunStatus) -> String {
        self.text(run_tone(status), status.name())
    }

    /// The status of a step.
    #[must_use]
    pub fn step_status(self, status: StepStatus) -> String {
        self.text(step_tone(status), status.name())
    }
}

const fn run_tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Succeeded => Tone::Good,
        RunStatus::Failed | RunStatus::Parked => Tone::Bad,
        RunStatus::Cancelled | RunStatus::Waiting => Tone::Warning,
        RunStatus::Queued | RunStatus::Running => Tone::Busy,
        RunStatus::Unknown => Tone::Quiet,
    }
}

const fn step_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Succeeded => Tone::Good,
        StepStatus::Failed => Tone::Bad,
        StepStatus::Retrying | StepStatus::Waiting => Tone::Warning,
        StepStatus::Unknown => Tone::Quiet,
    }
}

/// Prints text. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{}", text.trim_end_matches('\n')));
}

/// Prints a value as one JSON text.
pub fn print_json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("views have only text keys");
    print(&text);
}

/// Prints a value as one line of JSON.
pub fn print_json_line(value: &impl Serialize) {
    print(&serde_json::to_string(value).expect("views have only text keys"));
}

/// A duration with as many digits as people read: `850 µs`, `12.3 ms`, `4.21 s`, `3m 05s`.
#[must_use]
pub fn duration_text(milliseconds: f64) -> String {
    let duration = Duration::from_secs_f64(milliseconds.max(0.0) / 1_000.0);
    let seconds = duration.as_secs();
    match seconds {
        0 if milliseconds < 1.0 => format!("{} µs", duration.as_micros()),
        0 if milliseconds < 100.0 => format!("{milliseconds:.1} ms"),
        0 => format!("{milliseconds:.0} ms"),
        1..60 => format!("{:.2} s", milliseconds / 1_000.0),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Text in one line of at most `chars_max` characters.
#[must_use]
pub fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    for (count, char) in text.chars().enumerate() {
        if count + 1 == chars_max && text.chars().nth(chars_max).is_some() {
            line.push('…');
            break;
        }
        line.push(if char.is_control() { ' ' } else { char });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_as_many_digits_as_people_read() {
        for (milliseconds, text) in [
            (0.0, "0 µs"),
            (0.85, "850 µs"),
            (12.34, "12.3 ms"),
            (850.4, "850 ms"),
            (4_210.0, "4.21 s"),
            (185_000.0, "3m 05s"),
            (3_660_000.0, "1h 01m"),
            (90_000_000.0, "1d 01h"),
        ] {
            assert_eq!(duration_text(milliseconds), text);
        }
    }

    #[test]
    fn long_text_is_cut_to_one_line() {
        assert_eq!(one_line("ab\ncd", 5), "ab cd");
        assert_eq!(one_line("abcdef", 5), "abcd…");
        assert_eq!(one_line("\u{1b}[31mred", 20), " [31mred");
    }
}
