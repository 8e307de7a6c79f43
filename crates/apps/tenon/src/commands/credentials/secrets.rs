//! Secrets from files, standard input, or a terminal that shows nothing of them; never from the
//! command line.

use std::io::{BufRead, IsTerminal, Read, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The largest secret, in bytes.
const SECRET_BYTES_MAX: u64 = 256 << 10;

/// `NAME=VALUE`, for clap. The fault does not show what was written: it may hold a secret.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected a name, `=` and a value".to_owned()),
    }
}

/// A secret from a file; `-` is standard input. One line break at the end is not part of it.
pub fn from_file(path: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == "-" {
        std::io::stdin().lock().take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {path}"))?;
        file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)
    }
    .with_context(|| format!("cannot read {path} as text"))?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        bail!("{path} is larger than {SECRET_BYTES_MAX} bytes");
    }
    let end = text.trim_end_matches('\n').len().max(text.len().saturating_sub(1));
    text.truncate(end);
    if text.ends_with('\r') {
        text.pop();
    }
    Ok(text)
}

/// Asks on the terminal, without showing what is typed.
pub fn ask(title: &str, name: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("`{name}` is missing: give it with --secret-file {name}=FILE, or `-` for this input");
    }
    write!(std::io::stderr(), "{title}: ").context("cannot write to the terminal")?;
    let mut text = String::new();
    let read = {
        let _quiet = Quiet::begin()?;
        stdin.lock().read_line(&mut text)
    };
    writeln!(std::io::stderr()).context("cannot write to the terminal")?;
    read.context("cannot read from the terminal")?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() { bail!("`{name}` is empty") } else { Ok(text) }
}

/// While it lives the terminal shows nothing of what is typed.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("cannot ask the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)
            .context("cannot keep the terminal from showing the secret")?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that does not listen.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_split_at_the_first_equals_sign_and_a_fault_shows_nothing() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        for text in ["hunter2", "=hunter2"] {
            let fault = pair(text).expect_err("it is no pair");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_a_secret() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        for (text, secret) in
            [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", ""), ("\n", "")]
        {
            std::fs::write(&path, text).expect("it is writable");
            let read = from_file(&path.display().to_string()).expect("it is there");
            assert_eq!(read, secret, "{text:?}");
        }
    }
}
