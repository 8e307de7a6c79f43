//! `wrk` as the load: cheap enough beside what is measured, which a load in this process is not.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// Ends each script: one line of JSON.
const DONE: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\nJSON {"requests":%d,"us":%d,"bad":%d,"broken":%d,"p50_us":%.1f}\n',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50)))
end
"#;

/// A target with requests that differ.
pub struct Target {
    /// `http://host:port/path`.
    pub url: String,
    /// The headers of each request, sent in turn.
    pub requests: Vec<Vec<(&'static str, String)>>,
}

/// What came out.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Load {
    /// Answers.
    pub requests: u64,
    us: u64,
    bad: u64,
    broken: u64,
    p50_us: f64,
}

impl Load {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.us as f64
    }

    /// The median latency.
    pub fn p50_us(&self) -> f64 {
        self.p50_us
    }
}

impl Target {
    /// Sends for a while over so many keep-alive connections, with one request under way on each.
    ///
    /// # Errors
    /// When an answer's status was an error's or a connection broke: then no figure counts.
    pub async fn load(
        &self,
        program: &Path,
        connections: usize,
        length: Duration,
    ) -> anyhow::Result<Load> {
        let script = tempfile::Builder::new().suffix(".lua").tempfile()?;
        std::fs::write(script.path(), self.script())?;
        let output = Command::new(program)
            .args(["-t1", &format!("-c{connections}"), &format!("-d{}s", length.as_secs().max(1))])
            .args(["--timeout", "10s", "-s"])
            .arg(script.path())
            .arg(&self.url)
            .kill_on_drop(true)
            .output()
            .await
            .context("wrk could not be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let json = text.lines().find_map(|line| line.strip_prefix("JSON "));
        let json = json.with_context(|| {
            format!("wrk says nothing: {text}{}", String::from_utf8_lossy(&output.stderr))
        })?;
        let load: Load = serde_json::from_str(json)?;
        ensure!(
            load.bad == 0 && load.broken == 0 && load.requests > 0,
            "{}: {} of {} answers are wrong, {} connections broke",
            self.url,
            load.bad,
            load.requests,
            load.broken
        );
        Ok(load)
    }

    fn script(&self) -> String {
        use std::fmt::Write as _;

        let mut script = "local all = {}\ninit = function()\n local h\n".to_owned();
        for headers in &self.requests {
            script.push_str(" h = {}\n");
            for (name, value) in headers {
                let _ = writeln!(script, " h[\"{name}\"] = \"{value}\"");
            }
            script.push_str(" all[#all + 1] = wrk.format(\"GET\", nil, h)\n");
        }
        script.push_str(
            "end\nlocal k = 0\nrequest = function() k = k % #all + 1; return all[k] end\n",
        );
        script + DONE
    }
}
