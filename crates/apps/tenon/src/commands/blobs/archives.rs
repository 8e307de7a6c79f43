//! Parts of archives in `tenon blobs`: counted, checked and copied beside the segments.

use anyhow::Context;
use futures::StreamExt;
use serde_json::json;
use tenon_blob::{Copied, Store, copy_part};
use tenon_exec::ports::archive::{ArchiveStore as _, Error, Part};

use super::PARALLEL;
use crate::commands::global::Global;
use crate::terminal;

/// Parts and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) parts: usize,
    pub(super) bytes: u64,
    pub(super) damaged: usize,
}

/// The parts of one project after another, of every attempt.
async fn each(
    store: &Store,
    mut visit: impl AsyncFnMut(Vec<Part>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for project in store.projects().await? {
        for day in store.days(project).await? {
            visit(store.parts(project, day).await?).await?;
        }
    }
    Ok(())
}

/// Counts them, by their names.
pub(super) async fn count(store: &Store) -> anyhow::Result<Count> {
    let mut count = Count::default();
    each(store, async |parts| {
        count.parts += parts.len();
        count.bytes += parts.iter().map(|part| part.bytes).sum::<u64>();
        Ok(())
    })
    .await?;
    Ok(count)
}

/// Reads them and checks every byte.
pub(super) async fn verify(store: &Store, global: &Global) -> anyhow::Result<Count> {
    let mut count = Count::default();
    each(store, async |parts| {
        let checks = futures::stream::iter(&parts)
            .map(|part| async move { (part, store.check_part(part).await) });
        let mut checks = checks.buffered(PARALLEL);
        while let Some((part, checked)) = checks.next().await {
            match checked {
                Ok(_) => {
                    count.parts += 1;
                    count.bytes += part.bytes;
                }
                // Archives come to their end at any time.
                Err(Error::Missing { .. }) => {}
                Err(error @ Error::Damaged { .. }) => {
                    count.damaged += 1;
                    let project = part.name.project;
                    match global.json {
                        true => terminal::print_json_line(
                            &json!({ "project": project, "fault": error.to_string() }),
                        ),
                        false => terminal::print(&format!("project {project}: {error}")),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
    .await?;
    Ok(count)
}

/// Copies them; answers how many were written, were there, and are damaged.
pub(super) async fn copy(from: &Store, to: &Store) -> anyhow::Result<(Count, usize)> {
    let (mut count, mut already) = (Count::default(), 0);
    each(from, async |parts| {
        let copies = futures::stream::iter(&parts)
            .map(|part| async move { (part, copy_part(from, to, part).await) });
        let mut copies = copies.buffered(PARALLEL);
        while let Some((part, copied)) = copies.next().await {
            let name = part.name;
            let place = || format!("the archive of {} of project {}", name.day, name.project);
            match copied.with_context(|| format!("{} could not be copied", place()))? {
                Copied::Written => {
                    count.parts += 1;
                    count.bytes += part.bytes;
                }
                Copied::Already => already += 1,
                Copied::Gone => {}
                Copied::Damaged => {
                    count.damaged += 1;
                    eprintln!("{} is damaged where it is, and was not copied", place());
                }
            }
        }
        Ok(())
    })
    .await?;
    Ok((count, already))
}
