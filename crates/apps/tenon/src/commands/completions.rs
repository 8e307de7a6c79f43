//! `tenon completions`: what a shell needs to complete this command line.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Arguments of `tenon completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bash  tenon completions bash > ~/.local/share/bash-completion/completions/tenon\n  zsh   tenon completions zsh > \"${fpath[1]}/_tenon\"\n  fish  tenon completions fish > ~/.config/fish/completions/tenon.fish"
)]
pub struct CompletionsArgs {
    /// The shell; the script goes to standard output.
    shell: Shell,
}

/// Runs the command.
#[must_use]
pub fn run(args: &CompletionsArgs) -> ExitCode {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut std::io::stdout());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tenon", &mut script);
            let script = String::from_utf8(script).expect("text");
            for name in ["server", "apply", "completions"] {
                assert!(script.contains(name), "{shell} does not know `{name}`");
            }
        }
    }
}
