//! `tenon demo`: the main job once, in the terminal, with nothing installed but this program.
//!
//! It starts the whole product on a folder of its own, deploys the example project, fires real
//! triggers, follows the runs as they happen and prints the step table of each.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tenon_client::{Client, Document, DryRun, FollowEvent, Run, RunFilter, RunStatus};
use tenon_domain::RunId;

use super::dev::{Access, Plan, Product};
use super::global::Global;
use super::runs::follow::step_line;
use crate::config::{Log, Sources, load};
use crate::roles::Roles;
use crate::terminal::{self, Paint, Tone};

/// The example project, as it is in the repository.
const EXAMPLES: [(&str, &str); 5] = [
    (
        "contact-created.yaml",
        include_str!("../../../../../examples/quickstart/contact-created.yaml"),
    ),
    ("order-quote.yaml", include_str!("../../../../../examples/quickstart/order-quote.yaml")),
    ("sync-contacts.yaml", include_str!("../../../../../examples/quickstart/sync-contacts.yaml")),
    ("follow-up.yaml", include_str!("../../../../../examples/quickstart/follow-up.yaml")),
    ("nightly-report.yaml", include_str!("../../../../../examples/quickstart/nightly-report.yaml")),
];
/// Lines of a run that are shown as they come, and rows of its table.
const LINES_MAX: usize = 14;
/// How long one run of the demo may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// A tour in the terminal.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tenon demo\n\nIt uses a temporary folder and free ports, and exits 0 when every run ended well."
)]
pub struct DemoArgs {
    /// Keep the data in this folder; a temporary one when left out.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the product cannot be started, or a run did not end well.
pub async fn run(args: DemoArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let settings = load(&Sources::default())?;
    crate::telemetry::init_log(&Log { filter: "error".to_owned(), ..settings.log.clone() });
    let temporary = tempfile::Builder::new().prefix("tenon-demo-").tempdir()?;
    let any_port = "127.0.0.1:0".parse().context("an address")?;
    let tour = Tour { paint: global.paint() };
    tour.say("Starting Tenon: every role, a PostgreSQL of its own, and the demo service ...");
    let product = Product::start(Plan {
        metrics: None,
        dir: args.dir.unwrap_or_else(|| temporary.path().to_owned()),
        roles: Roles::all(),
        listen: any_port,
        demo_listen: Some(any_port),
        settings,
    })
    .await?;
    let toured = tokio::select! {
        toured = tour.run(&product.access) => toured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    product.stop().await;
    toured?;
    Ok(ExitCode::SUCCESS)
}

struct Tour {
    paint: Paint,
}

impl Tour {
    async fn run(&self, access: &Access) -> anyhow::Result<()> {
        let client = Client::new(&access.server, &access.project.to_string(), &access.api_key)?;
        self.deploy(&client, access).await?;

        self.say(
            "A contact is created in the builder's app: an event runs every workflow that listens.",
        );
        self.event(&client, access, "contact.created", json!({ "id": "c-1" })).await?;

        self.say("A customer asks for a quote over HTTP and waits for the answer.");
        let order = json!({ "contact_id": "c-3", "items": [
            { "product": "desk", "quantity": 2, "price_cents": 34900 } ] });
        let answer = post(access, "triggers/order-quote", &order).await?;
        self.quiet(&format!("answer: {answer}"));
        let quote = self.latest(&client, "order-quote").await?;
        self.follow(&client, quote).await?;

        self.say(
            "All contacts are read page by page, and each of a country is handled in parallel.",
        );
        self.event(&client, access, "sync.requested", json!({ "segment": "DE" })).await?;

        self.say("A follow-up waits two seconds, then calls a service that fails twice.");
        self.event(&client, access, "order.shipped", json!({ "id": "o-7" })).await?;

        self.say("What ran:");
        let runs = client.runs(&RunFilter::default()).await?;
        terminal::print(&terminal::run_table(&runs.runs));
        self.say("Done. `make dev` starts the same and stays up.");
        Ok(())
    }

    /// Sends an event and follows every run that it started.
    async fn event(
        &self,
        client: &Client,
        access: &Access,
        name: &str,
        payload: Value,
    ) -> anyhow::Result<()> {
        let event = json!({ "name": name, "user": "user-1", "payload": payload });
        let accepted = post(access, "events", &event).await?;
        let runs = accepted["runs"].as_array().context("the event was accepted")?;
        ensure!(!runs.is_empty(), "no workflow listens to the event {name}");
        for run in runs {
            let run = run["id"].as_str().context("a run has an id")?.parse()?;
            self.follow(client, run).await?;
        }
        Ok(())
    }

    async fn deploy(&self, client: &Client, access: &Access) -> anyhow::Result<()> {
        self.say("Deploying the example project ...");
        let demo = access.demo.as_deref().context("the demo service runs")?;
        let documents: Vec<Document> = EXAMPLES
            .iter()
            .map(|(file, text)| Document {
                file: (*file).to_owned(),
                text: text.replace("http://127.0.0.1:7071", demo),
            })
            .collect();
        let applied = client.apply(&documents, DryRun::No).await?;
        for one in &applied.applied {
            self.quiet(&format!("{} version {}", one.name, one.version));
        }
        Ok(())
    }

    /// Prints what happens to a run as it happens, then its table.
    async fn follow(&self, client: &Client, run: RunId) -> anyhow::Result<()> {
        let ended = tokio::time::timeout(RUN_TIMEOUT, self.follow_to_end(client, run)).await;
        let ended = ended.context("a run of the demo did not end in a minute")??;
        let mut steps = Vec::new();
        let mut cursor = None;
        loop {
            let page = client.steps(run, cursor.as_deref()).await?;
            steps.extend(page.steps);
            match page.next {
                Some(next) if steps.len() < 60 => cursor = Some(next),
                _ => break,
            }
        }
        steps.retain(|step| !terminal::ends_an_iteration(step));
        let left = steps.len().saturating_sub(LINES_MAX);
        steps.truncate(LINES_MAX);
        terminal::print(&terminal::step_table(&steps));
        if left > 0 {
            self.quiet(&format!("and {left} more"));
        }
        if ended.status != RunStatus::Succeeded {
            bail!("run {run} did not end well");
        }
        Ok(())
    }

    async fn follow_to_end(&self, client: &Client, run: RunId) -> anyhow::Result<Run> {
        terminal::print("");
        let mut events = client.follow(run);
        let mut shown = 0;
        while let Some(event) = events.next().await? {
            match event {
                FollowEvent::Step(step) if terminal::ends_an_iteration(&step) => {}
                FollowEvent::Step(step) if shown < LINES_MAX => {
                    shown += 1;
                    terminal::print(&step_line(&step, self.paint));
                }
                FollowEvent::Step(_) if shown == LINES_MAX => {
                    shown += 1;
                    self.quiet("...");
                }
                FollowEvent::Step(_) | FollowEvent::Run(_) => {}
                FollowEvent::End(run) => {
                    terminal::print(&super::runs::follow::run_line(&run, self.paint));
                    return Ok(*run);
                }
            }
        }
        bail!("the stream of run {run} ended before the run")
    }

    async fn latest(&self, client: &Client, workflow: &str) -> anyhow::Result<RunId> {
        let workflows = client.workflows().await?;
        let workflow =
            workflows.iter().find(|one| one.name == workflow).context("it is deployed")?;
        let filter = RunFilter { workflow: Some(workflow.id), ..Default::default() };
        let page = client.runs(&filter).await?;
        Ok(page.runs.first().context("it ran")?.id)
    }

    fn say(&self, text: &str) {
        terminal::print(&format!("\n{}", self.paint.text(Tone::Strong, text)));
    }

    fn quiet(&self, text: &str) {
        terminal::print(&format!("  {}", self.paint.text(Tone::Quiet, text)));
    }
}

async fn post(access: &Access, path: &str, body: &Value) -> anyhow::Result<Value> {
    let url = format!("{}/api/v1/projects/{}/{path}", access.server, access.project);
    let response =
        reqwest::Client::new().post(url).bearer_auth(&access.api_key).json(body).send().await?;
    let status = response.status();
    let text = response.text().await?;
    ensure!(status.is_success(), "{path} was answered with {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}
