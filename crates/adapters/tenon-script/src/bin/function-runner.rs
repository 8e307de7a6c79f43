//! The runner as a program of its own, for the tests and the benchmark of this crate.

fn main() -> std::process::ExitCode {
    tenon_script::runner_main()
}
