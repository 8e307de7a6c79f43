//! `tenon project`: a first project and its key, made in the configuration database itself; and how
//! a project's queue is served.
//!
//! `ensure` needs no server, only the database of an installation. It does not publish: a server does
//! that, within a second when it runs, or when it starts.

mod queue;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use clap::{Args, Subcommand};
use serde::Serialize;
use tenon_config::ports::{Announcer, Store};
use tenon_config::{ApiKeyText, Configuration, Limits, PlanPublisher};
use tenon_contract::plan::{
    InstallationsPlan, PlanCache, PlanError, PlanSource, ProjectPlan, UserPlan, WorkflowPlan,
};
use tenon_domain::{EndUserId, ProjectId, SystemClock, VersionId, WorkflowId};

use super::global::Global;
use crate::config::{Settings, Sources, load};
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon project ensure shop          with the settings of the servers, from the environment
                                     or from tenon.toml in this folder
  tenon project ensure shop --json   for a script
  tenon project queue show           how the queue of the project is served

With --api-key (or TENON_API_KEY) a key that still works is kept and printed again.";

/// Make a project and a key of an installation; say how its queue is served.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProjectArgs {
    #[command(subcommand)]
    command: ProjectCommand,
}

#[derive(Debug, Subcommand)]
enum ProjectCommand {
    /// Make a project of this name, unless there is one, and a key of it.
    Ensure(EnsureArgs),
    /// How the project's queue is served, against those of other projects.
    Queue(queue::QueueArgs),
}

#[derive(Debug, Args)]
struct EnsureArgs {
    /// Its name.
    name: String,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Ensured {
    project: ProjectId,
    api_key: String,
    is_new_key: bool,
}

/// Runs the command.
///
/// # Errors
/// When the configuration database is not set or cannot be reached, or the name is not valid.
pub async fn run(args: ProjectArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let EnsureArgs { name } = match args.command {
        ProjectCommand::Ensure(args) => args,
        ProjectCommand::Queue(args) => return queue::run(args, global).await,
    };
    let settings = load(&Sources::of_process(None))?;
    let url = settings.postgres.config_url.as_ref().context(
        "there is no configuration database: set postgres.config_url (TENON_POSTGRES__CONFIG_URL)",
    )?;
    let configuration = open(&settings, url.expose()).await?;
    let held = global.api_key.clone().map(ApiKeyText::new);
    let made = configuration.ensure_dev_project(&name, held).await?;
    let ensured = Ensured {
        project: made.project,
        api_key: made.key.expose().to_owned(),
        is_new_key: made.is_new_key,
    };
    if global.json {
        terminal::print_json(&ensured);
    } else {
        terminal::print(&format!(
            "project  {}\nAPI key  {}{}",
            ensured.project,
            ensured.api_key,
            if ensured.is_new_key { "   (new; it is not shown again)" } else { "" }
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The use cases on a database, without anybody to publish to.
///
/// # Errors
/// When the database cannot be reached or brought up to date.
pub(super) async fn open(settings: &Settings, url: &str) -> anyhow::Result<Configuration> {
    let store = tenon_pg_config::PgConfigStore::new(&settings.config_store(url.to_owned()))?;
    store.migrate().await.context("cannot bring the configuration database up to date")?;
    let store: Arc<dyn Store> = Arc::new(store);
    let publisher = PlanPublisher::new(store.clone(), Arc::new(Elsewhere), Arc::new(Elsewhere));
    Ok(Configuration::new(store, publisher, Arc::new(SystemClock), Limits::default()))
}

/// Stands for the plans of the servers, which this process does not reach. Every write fails, so
/// that the store does not note as published what no server has seen.
struct Elsewhere;

fn elsewhere(action: &'static str) -> PlanError {
    PlanError { action, source: "only servers publish plans".into() }
}

#[async_trait]
impl PlanSource for Elsewhere {
    async fn project(&self, _: ProjectId) -> Result<Option<Arc<ProjectPlan>>, PlanError> {
        Err(elsewhere("read a project's plan"))
    }

    async fn workflow(&self, _: VersionId) -> Result<Option<Arc<WorkflowPlan>>, PlanError> {
        Err(elsewhere("read a workflow's plan"))
    }

    async fn user(&self, _: ProjectId, _: &EndUserId) -> Result<Option<Arc<UserPlan>>, PlanError> {
        Err(elsewhere("read a user's plan"))
    }

    async fn installations(
        &self,
        _: ProjectId,
        _: WorkflowId,
    ) -> Result<Option<Arc<InstallationsPlan>>, PlanError> {
        Err(elsewhere("read who a workflow runs for"))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, PlanError> {
        Err(elsewhere("list the projects"))
    }
}

#[async_trait]
impl PlanCache for Elsewhere {
    async fn put_project(&self, _: &ProjectPlan) -> Result<(), PlanError> {
        Err(elsewhere("put a project's plan"))
    }

    async fn put_user(&self, _: &UserPlan) -> Result<(), PlanError> {
        Err(elsewhere("put a user's plan"))
    }

    async fn put_installations(&self, _: &InstallationsPlan) -> Result<(), PlanError> {
        Err(elsewhere("put who a workflow runs for"))
    }

    async fn put_workflow(&self, _: &WorkflowPlan) -> Result<(), PlanError> {
        Err(elsewhere("put a workflow's plan"))
    }

    async fn is_filled(&self) -> Result<bool, PlanError> {
        Err(elsewhere("ask whether the plans are there"))
    }

    async fn mark_filled(&self) -> Result<(), PlanError> {
        Err(elsewhere("mark the plans as filled"))
    }
}

#[async_trait]
impl Announcer for Elsewhere {
    async fn announce(&self, _: &str) {}
}
