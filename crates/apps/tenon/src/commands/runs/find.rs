//! Which run is meant: an id, the end of one, or `latest`.

use anyhow::bail;
use tenon_client::{Client, Run, RunFilter};
use tenon_domain::RunId;

/// How many of the newest runs an end of an id is compared with.
const RECENT: u32 = 200;

/// The run that is meant.
pub(super) async fn run(client: &Client, text: &str) -> anyhow::Result<Run> {
    match text.parse() {
        Ok(id) => Ok(client.run(id).await?),
        Err(_) => recent(client, text).await,
    }
}

/// The id of the run that is meant.
pub(super) async fn id(client: &Client, text: &str) -> anyhow::Result<RunId> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(recent(client, text).await?.id),
    }
}

async fn recent(client: &Client, text: &str) -> anyhow::Result<Run> {
    let filter = RunFilter { limit: Some(RECENT), ..RunFilter::default() };
    pick(client.runs(&filter).await?.runs, text)
}

fn pick(mut runs: Vec<Run>, text: &str) -> anyhow::Result<Run> {
    if text == "latest" {
        return match runs.into_iter().next() {
            Some(run) => Ok(run),
            None => bail!("there are no runs yet"),
        };
    }
    let end = text.to_ascii_lowercase();
    let is_end = end.len() >= 4 && end.chars().all(|char| char.is_ascii_hexdigit() || char == '-');
    if !is_end {
        bail!("`{text}` is not a run: give its id, at least 4 characters of its end, or `latest`");
    }
    runs.retain(|run| run.id.to_string().ends_with(&end));
    match runs.len() {
        0 => bail!("none of the newest {RECENT} runs ends with `{text}`; give its whole id"),
        1 => Ok(runs.swap_remove(0)),
        count => bail!("{count} runs end with `{text}`; give more of the id"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn runs() -> Vec<Run> {
        ["0199a1b2-c3d4-7000-8000-00000000abcd", "0199a1b2-c3d4-7000-8000-00001111abcd"]
            .into_iter()
            .map(|id| {
                serde_json::from_value(json!({
                    "id": id, "workflow_id": "00000000-0000-4000-8000-000000000001",
                    "version_id": "00000000-0000-4000-8000-000000000002",
                    "trigger": "request", "status": "queued", "attempts": 0,
                    "created_at": "2026-03-01T08:00:00Z", "crashes": 0
                }))
                .expect("it is a run")
            })
            .collect()
    }

    #[test]
    fn a_run_is_found_by_an_end_that_only_it_has() {
        let found = pick(runs(), "1111ABCD").expect("one ends so");
        assert!(found.id.to_string().ends_with("1111abcd"));
        let latest = pick(runs(), "latest").expect("there is one");
        assert!(latest.id.to_string().ends_with("0000abcd"));
    }

    #[test]
    fn what_is_not_one_run_is_refused_with_what_to_do() {
        for (text, part) in [
            ("abcd", "2 runs end with"),
            ("ffff", "whole id"),
            ("cd", "at least 4"),
            ("welcome", "at least 4"),
        ] {
            let error = pick(runs(), text).expect_err("not one run").to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(pick(Vec::new(), "latest").is_err());
    }
}
