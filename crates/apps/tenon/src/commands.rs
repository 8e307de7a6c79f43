//! The command line: one file a command.

mod apply;
mod bench;
mod blobs;
mod certificates;
mod chaos;
mod completions;
mod config;
mod configurations;
mod connector;
mod credentials;
mod demo;
mod dev;
mod events;
mod front;
mod global;
mod integrations;
mod portal;
mod portal_links;
mod project;
mod proxy_calls;
mod queues;
mod runs;
mod secrets;
mod server;
mod signing_keys;
mod test_run;
mod users;
mod vault;
mod webhooks;
mod workflows;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tenon_script::RunnerCommand;

use crate::demo_service::DemoServiceArgs;

pub use global::Global;

/// The hidden subcommand that a function process is started with.
pub const FUNCTION_RUNNER: &str = "function-runner";

/// Tenon: a self-hosted embedded integration platform.
#[derive(Debug, Parser)]
#[command(
    name = "tenon",
    version,
    after_help = "Examples:\n  tenon demo                          a tour in the terminal\n  tenon dev                           the whole product, on this machine\n  tenon apply -f examples/quickstart  deploy workflows\n  tenon runs list                     what ran"
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, for development.
    Dev(dev::DevArgs),
    /// Run the chosen roles of an installation.
    Server(server::ServerArgs),
    /// Route requests to the roles, where there is no load balancer.
    Front(front::FrontArgs),
    /// Deploy workflow documents.
    Apply(apply::ApplyArgs),
    /// Test a draft without deploying it.
    Test(test_run::TestArgs),
    /// See, follow, replay and cancel runs.
    Runs(runs::RunsArgs),
    /// See the calls that went through the proxy.
    ProxyCalls(proxy_calls::ProxyCallsArgs),
    /// See and change how queues are served.
    Queues(queues::QueuesArgs),
    /// See the workers.
    Workers(queues::WorkersArgs),
    /// See and undeploy workflows.
    Workflows(workflows::WorkflowsArgs),
    /// See and change connected users.
    Users(users::UsersArgs),
    /// Switch connectors on and set their OAuth apps.
    Integrations(integrations::IntegrationsArgs),
    /// See the URLs to enter at providers.
    Webhooks(webhooks::WebhooksArgs),
    /// Link, see, probe and disconnect accounts of users.
    Credentials(credentials::CredentialsArgs),
    /// See and change the sets of settings of an account.
    Configurations(configurations::ConfigurationsArgs),
    /// See what happened to accounts, or follow it.
    Events(events::EventsArgs),
    /// Keep, list and delete the secrets that workflows use.
    Secrets(secrets::SecretsArgs),
    /// Make, see and revoke the keys that sign the tokens of users.
    SigningKeys(signing_keys::SigningKeysArgs),
    /// See and change how the portal looks.
    Portal(portal::PortalArgs),
    /// Make links to the portal's page, for apps without the SDK.
    PortalLinks(portal_links::PortalLinksArgs),
    /// See, test and import connectors.
    Connector(connector::ConnectorArgs),
    /// Operate the vault: keys, rotation, audit.
    Vault(vault::VaultArgs),
    /// See, check and move large values.
    Blobs(blobs::BlobsArgs),
    /// Make the certificates by which the roles know each other.
    Certificates(certificates::CertificatesArgs),
    /// A tour in the terminal: deploys examples, fires them, shows what ran.
    Demo(demo::DemoArgs),
    /// The service that the examples call.
    DemoService(DemoServiceArgs),
    /// Make a project and a key of an installation.
    Project(project::ProjectArgs),
    /// Break an installation under load, and check what it promised.
    Chaos(chaos::ChaosArgs),
    /// Measure this build on this machine.
    Bench(bench::BenchArgs),
    /// Print shell completions.
    Completions(completions::CompletionsArgs),
    /// See the settings in force.
    Config(config::ConfigArgs),
    /// A sandboxed process for function steps; started by workers only.
    #[command(name = FUNCTION_RUNNER, hide = true)]
    FunctionRunner,
}

/// Runs the command that the arguments name.
///
/// # Errors
/// Whatever the command could not do, for people.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let global = cli.global;
    match cli.command {
        Command::Dev(args) => dev::run(args, &global).await,
        Command::Server(args) => server::run(args).await,
        Command::Front(args) => front::run(args).await,
        Command::Apply(args) => apply::run(args, &global).await,
        Command::Test(args) => test_run::run(args, &global).await,
        Command::Runs(args) => runs::run(args, &global).await,
        Command::ProxyCalls(args) => proxy_calls::run(args, &global).await,
        Command::Queues(args) => queues::run(args, &global).await,
        Command::Workers(args) => queues::run_workers(args, &global).await,
        Command::Workflows(args) => workflows::run(args, &global).await,
        Command::Users(args) => users::run(args, &global).await,
        Command::Integrations(args) => integrations::run(args, &global).await,
        Command::Webhooks(args) => webhooks::run(args, &global).await,
        Command::Credentials(args) => credentials::run(args, &global).await,
        Command::Configurations(args) => configurations::run(args, &global).await,
        Command::Events(args) => events::run(args, &global).await,
        Command::Secrets(args) => secrets::run(args, &global).await,
        Command::SigningKeys(args) => signing_keys::run(args, &global).await,
        Command::Portal(args) => portal::run(args, &global).await,
        Command::PortalLinks(args) => portal_links::run(args, &global).await,
        Command::Connector(args) => connector::run(args, &global),
        Command::Vault(args) => vault::run(args, &global).await,
        Command::Blobs(args) => blobs::run(args, &global).await,
        Command::Certificates(args) => certificates::run(&args),
        Command::Demo(args) => demo::run(args, &global).await,
        Command::DemoService(args) => crate::demo_service::run(args).await,
        Command::Project(args) => project::run(args, &global).await,
        Command::Chaos(args) => chaos::run(args, &global).await,
        Command::Bench(args) => bench::run(args, &global).await,
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Config(args) => config::run(args),
        Command::FunctionRunner => Ok(tenon_script::runner_main()),
    }
}

/// How workers start a function process: this very program.
fn function_runner() -> anyhow::Result<RunnerCommand> {
    let program = std::env::current_exe().context("this program's own path cannot be found")?;
    Ok(RunnerCommand { program, args: vec![FUNCTION_RUNNER.into()] })
}
