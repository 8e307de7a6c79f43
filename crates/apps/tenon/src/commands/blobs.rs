//! `tenon blobs`: what is in the blob store, whether it is whole, and moving it to another.
//!
//! It opens the store itself and no database: a segment says what is in it.

mod archives;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::json;
use tenon_blob::{Copied, Finding, Inspection, Store, StoreUrl, copy_segment};
use tenon_exec::ports::blobs::{BlobStore as _, Segment, begun_ms};
use uuid::Uuid;

use super::dev;
use super::global::Global;
use crate::config::{Settings, Sources, load};
use crate::roles::open_blobs;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon blobs stats
  tenon blobs verify                             read every segment and check every byte
  tenon blobs copy --to s3://runs/production     move to a bucket; again for what came meanwhile";

/// Segments listed at once.
const PAGE: usize = 1_000;
/// Segments in work at once, each at most one segment in memory.
const PARALLEL: usize = 4;

/// See, check and move large values.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BlobsArgs {
    /// Configuration file; `tenon.toml` in the working directory when left out.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder of `tenon dev`, whose blobs are meant where no place is set.
    #[arg(long, value_name = "FOLDER", default_value = ".tenon", global = true)]
    dir: PathBuf,
    #[command(subcommand)]
    command: BlobsCommand,
}

#[derive(Debug, Subcommand)]
enum BlobsCommand {
    /// Count segments and bytes.
    Stats,
    /// Read segments and archives and check every byte by their own index. Exit code 1 when one is damaged.
    Verify(VerifyArgs),
    /// Copy segments and archives to another store, each checked on both sides. What is there already is left
    /// as it is, so it may be interrupted and run again.
    Copy(CopyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Only this segment.
    #[arg(long, value_name = "UUID")]
    segment: Option<Uuid>,
}

#[derive(Debug, Args)]
struct CopyArgs {
    /// Where they are; the place of the settings when left out.
    #[arg(long, value_name = "URL")]
    from: Option<StoreUrl>,
    /// Where they go.
    #[arg(long, value_name = "URL")]
    to: StoreUrl,
    /// The credentials file for `--from`; blobs.credentials_file when left out.
    #[arg(long, value_name = "FILE")]
    from_credentials: Option<PathBuf>,
    /// The credentials file for `--to`; blobs.credentials_file when left out.
    #[arg(long, value_name = "FILE")]
    to_credentials: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the settings or the store cannot be used.
pub async fn run(args: BlobsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut settings = load(&Sources::of_process(args.config.clone()))?;
    crate::telemetry::init_log(&settings.log);
    let has_place = settings.blobs.url.is_some() || settings.blobs.dir.is_some();
    if !has_place && dev::read_access(&args.dir).is_some() {
        settings.blobs.dir = Some(args.dir.join("blobs"));
    }
    match args.command {
        BlobsCommand::Stats => stats(&open_blobs(&settings).await?, global).await,
        BlobsCommand::Verify(verified) => {
            verify(&open_blobs(&settings).await?, verified.segment, global).await
        }
        BlobsCommand::Copy(copied) => copy(&settings, copied, global).await,
    }
}

/// Every page of segments, in the order of their ids.
async fn next_page(store: &Store, after: &mut Option<Uuid>) -> anyhow::Result<Vec<Segment>> {
    let page = store.segments(*after, i64::MAX, PAGE).await?;
    *after = page.last().map(|segment| segment.id).or(*after);
    Ok(page)
}

async fn stats(store: &Store, global: &Global) -> anyhow::Result<ExitCode> {
    let (mut segments, mut bytes, mut after) = (0, 0, None);
    let (mut oldest, mut newest) = (None, None);
    loop {
        let page = next_page(store, &mut after).await?;
        segments += page.len();
        bytes += page.iter().map(|segment| segment.bytes).sum::<u64>();
        oldest = oldest.or(page.first().map(|segment| begun(segment.id)));
        newest = page.last().map(|segment| begun(segment.id)).or(newest);
        if page.len() < PAGE {
            break;
        }
    }
    let archives = archives::count(store).await?;
    if global.json {
        terminal::print_json(&json!({
            "segments": segments, "bytes": bytes, "oldest": oldest, "newest": newest,
            "archive_parts": archives.parts, "archive_bytes": archives.bytes
        }));
    } else {
        terminal::print(&format!("{segments} segments, {bytes} bytes"));
        if archives.parts > 0 {
            let archives::Count { parts, bytes, .. } = archives;
            terminal::print(&format!("archived history: {parts} objects, {bytes} bytes"));
        }
        if let (Some(oldest), Some(newest)) = (oldest, newest) {
            terminal::print(&format!("written from {oldest} to {newest}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn begun(segment: Uuid) -> Timestamp {
    Timestamp::from_millisecond(begun_ms(segment)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What a look at many segments adds up to.
#[derive(Default)]
struct Tally {
    sound: usize,
    values: usize,
    bytes: u64,
    unindexed: usize,
    damaged: usize,
    archives: archives::Count,
}

async fn verify(store: &Store, only: Option<Uuid>, global: &Global) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    if let Some(segment) = only {
        tally.add(&store.inspect(segment).await?, global);
    } else {
        let mut after = None;
        loop {
            let page = next_page(store, &mut after).await?;
            let inspected = futures::stream::iter(&page).map(|segment| store.inspect(segment.id));
            let mut inspected = inspected.buffered(PARALLEL);
            while let Some(seen) = inspected.next().await {
                match seen {
                    Ok(seen) => tally.add(&seen, global),
                    // Retention removes segments at any time.
                    Err(tenon_exec::ports::blobs::Error::Missing { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        tally.archives = archives::verify(store, global).await?;
        tally.damaged += tally.archives.damaged;
    }
    tally.print(global);
    Ok(if tally.damaged > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Tally {
    fn add(&mut self, seen: &Inspection, global: &Global) {
        self.bytes += seen.bytes;
        self.values += seen.values;
        let fault = match seen.finding {
            Finding::Sound => {
                self.sound += 1;
                return;
            }
            Finding::Unindexed => {
                self.unindexed += 1;
                return;
            }
            Finding::BadIndex => "its index is damaged or another segment's".to_owned(),
            Finding::BadValue { offset } => format!("the value at {offset} fails its checksum"),
        };
        self.damaged += 1;
        match global.json {
            true => terminal::print_json_line(&json!({ "segment": seen.segment, "fault": fault })),
            false => terminal::print(&format!("{}: {fault}", seen.segment)),
        }
    }

    fn print(&self, global: &Global) {
        let Self { sound, values, bytes, unindexed, damaged, archives } = self;
        if global.json {
            return terminal::print_json_line(&json!({
                "sound": sound, "values": values, "bytes": bytes, "without_index": unindexed,
                "damaged": damaged, "archive_parts": archives.parts,
                "archive_bytes": archives.bytes
            }));
        }
        if archives.parts > 0 {
            let archives::Count { parts, bytes, .. } = archives;
            terminal::print(&format!(
                "archived history: {parts} objects are sound; {bytes} bytes read"
            ));
        }
        terminal::print(&format!(
            "{sound} segments are sound ({values} values), {damaged} damaged; {bytes} bytes read"
        ));
        if *unindexed > 0 {
            terminal::print(&format!(
                "{unindexed} have no index, as earlier versions wrote them: each of their values \
                 is checked when it is read"
            ));
        }
    }
}

async fn copy(settings: &Settings, args: CopyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let place = settings.blobs.place(&settings.server.data_dir)?;
    let from = args.from.unwrap_or(place);
    anyhow::ensure!(from != args.to, "--from and --to are the same place");
    let from = open(settings, &from, args.from_credentials.as_deref()).await?;
    let to = open(settings, &args.to, args.to_credentials.as_deref()).await?;
    let (mut written, mut already, mut damaged, mut bytes) = (0, 0, 0, 0);
    let mut after = None;
    loop {
        let page = next_page(&from, &mut after).await?;
        let copies = page.iter().map(|segment| {
            let (from, to) = (&from, &to);
            async move { (segment, copy_segment(from, to, segment).await) }
        });
        let mut copies = futures::stream::iter(copies).buffered(PARALLEL);
        while let Some((segment, copied)) = copies.next().await {
            let id = segment.id;
            match copied.with_context(|| format!("segment {id} could not be copied"))? {
                Copied::Written => {
                    written += 1;
                    bytes += segment.bytes;
                }
                Copied::Already => already += 1,
                Copied::Gone => {}
                Copied::Damaged => {
                    damaged += 1;
                    eprintln!("{id} is damaged where it is, and was not copied");
                }
            }
        }
        if page.len() < PAGE {
            break;
        }
    }
    let (archives, archives_already) = archives::copy(&from, &to).await?;
    damaged += archives.damaged;
    match global.json {
        true => terminal::print_json(&json!({
            "copied": written, "bytes": bytes, "already": already, "damaged": damaged,
            "archive_parts_copied": archives.parts, "archive_bytes": archives.bytes,
            "archive_parts_already": archives_already
        })),
        false => terminal::print(&format!(
            "{written} segments copied ({bytes} bytes), {already} were there; {} objects of archived \
             history copied ({} bytes), {archives_already} were there; {damaged} damaged",
            archives.parts, archives.bytes
        )),
    }
    Ok(if damaged > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn open(
    settings: &Settings,
    place: &StoreUrl,
    credentials: Option<&Path>,
) -> anyhow::Result<Store> {
    let mut settings = settings.blobs.store();
    if let Some(file) = credentials {
        settings.credentials_file = Some(file.to_owned());
    }
    Store::open(place, &settings).await.with_context(|| format!("cannot use {place}"))
}
