//! `tenon runs archive`: runs that retention took out of the database.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use comfy_table::Cell;
use jiff::civil::Date;
use serde_json::json;
use tenon_client::{ArchiveLine, ArchiveLines, ArchivedDay, Client};
use tenon_domain::RunId;

use super::{STEPS_MAX, show};
use crate::commands::global::Global;
use crate::terminal::{self, Paint};

const EXAMPLES: &str = "\
Examples:
  tenon runs archive list
  tenon runs archive show 0199a1b2-c3d4-7000-8000-0000aabbccdd
  tenon runs archive export 2026-03-09 --output 2026-03-09.jsonl
  tenon runs archive export 2026-03-09 | jq -c 'select(.run.status == \"failed\") | .run.error'

Days are those, in UTC, that runs were accepted on. There is an archive where the server has
`retention.archive` set.";

/// See runs that were archived.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ArchiveArgs {
    #[command(subcommand)]
    command: ArchiveCommand,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// List archived days, newest first, with how many runs and step records each holds.
    List(ListArgs),
    /// Show an archived run and its steps, as `tenon runs show` does.
    Show(ShowArgs),
    /// Write the runs of a day and their step records as JSON lines.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Days in one page.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The run: its whole id.
    #[arg(value_name = "ID")]
    run: RunId,
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// The day: 2026-03-09.
    day: Date,
    /// The file to write, which must not be there yet; standard output when left out.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(
    client: &Client,
    args: ArchiveArgs,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    match args.command {
        ArchiveCommand::List(args) => list(client, args, global).await,
        ArchiveCommand::Show(args) => show_one(client, args.run, global).await,
        ArchiveCommand::Export(args) => export(client, args, global).await,
    }
}

async fn list(client: &Client, args: ListArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let page = client.archived_days(args.cursor.as_deref(), args.limit).await?;
    if global.json {
        terminal::print_json(&page);
        return Ok(ExitCode::SUCCESS);
    }
    match page.days.is_empty() {
        true => terminal::print("nothing is archived"),
        false => terminal::print(&day_table(&page.days, global.paint())),
    }
    if let Some(next) = page.next {
        terminal::print(&format!("more with --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn day_table(days: &[ArchivedDay], paint: Paint) -> String {
    let mut table = terminal::table(&["day", "runs", "steps", "objects", "bytes"], paint);
    for day in days {
        table.add_row(vec![
            Cell::new(day.day),
            Cell::new(day.runs),
            Cell::new(day.steps),
            Cell::new(day.parts),
            Cell::new(day.bytes),
        ]);
    }
    table.to_string()
}

async fn show_one(client: &Client, run: RunId, global: &Global) -> anyhow::Result<ExitCode> {
    let mut lines = client.archived_run(run).await?;
    let Some(ArchiveLine::Run { run, .. }) = lines.next_record().await? else {
        bail!("the archive of {run} does not begin with it");
    };
    let mut steps = Vec::new();
    while let Some(line) = lines.next_record().await? {
        let ArchiveLine::Step { seq, step, .. } = line else {
            bail!("the archive of {} holds another run", run.id);
        };
        if steps.len() >= STEPS_MAX {
            eprintln!("only {STEPS_MAX} of its step records are shown; export the day to see all");
            break;
        }
        steps.push((seq, *step));
    }
    // They are archived in the order of their keys, and shown in the order they ended.
    steps.sort_by_key(|(seq, _)| *seq);
    let steps: Vec<_> = steps.into_iter().map(|(_, step)| step).collect();
    Ok(show::print(&run, &steps, global))
}

async fn export(client: &Client, args: ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let lines = client.archived_day(args.day).await?;
    let Some(path) = args.output else {
        let written = write(lines, io::stdout().lock()).await;
        return match written {
            // A reader that has gone away (`| head`) is no error.
            Err(error) if is_gone(&error) => Ok(ExitCode::SUCCESS),
            written => written.map(|_| ExitCode::SUCCESS),
        };
    };
    let file =
        File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let written = write(lines, &file).await.and_then(|written| Ok((written, file.sync_all()?)));
    let (count, ()) = match written {
        Ok(written) => written,
        Err(error) => {
            // Half a day would look like a whole one.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
    };
    match global.json {
        true => terminal::print_json(&json!({"day": args.day, "lines": count, "output": path})),
        false => terminal::print(&format!("{count} lines are in {}", path.display())),
    }
    Ok(ExitCode::SUCCESS)
}

async fn write(mut lines: ArchiveLines, to: impl Write) -> anyhow::Result<u64> {
    let mut to = BufWriter::new(to);
    let mut count = 0;
    while let Some(line) = lines.next().await? {
        to.write_all(&line)?;
        to.write_all(b"\n")?;
        count += 1;
    }
    to.flush()?;
    Ok(count)
}

fn is_gone(error: &anyhow::Error) -> bool {
    let source = error.downcast_ref::<io::Error>();
    source.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
