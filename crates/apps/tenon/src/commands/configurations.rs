//! `tenon configurations`: sets of settings of an account.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use clap::Subcommand;
use serde_json::{Map, Value};
use tenon_client::{AccountConfiguration, ConfigurationChange};
use tenon_domain::CredentialId;

use super::credentials::table;
use super::global::Global;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  tenon configurations list 3f2a91c0-0000-4000-8000-000000000001
  tenon configurations create 3f2a91c0-0000-4000-8000-000000000001 --external-id team-a
  tenon configurations update 3f2a91c0-0000-4000-8000-000000000001 ext:team-a \\
      --shared '{\"channel\": \"C042\", \"old\": null}'       members are merged, null removes one
  tenon configurations update 3f2a91c0-0000-4000-8000-000000000001 ext:team-a --meta @meta.json
  tenon configurations delete 3f2a91c0-0000-4000-8000-000000000001 ext:team-a

A configuration is named by its id, or by `ext:` and its external id.";

/// See and change the sets of settings of an account.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigurationsArgs {
    #[command(subcommand)]
    command: ConfigurationsCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigurationsCommand {
    /// List the configurations of an account, oldest first; the first is the default.
    List(ListArgs),
    /// Add a configuration.
    Create(CreateArgs),
    /// Change settings or meta of a configuration.
    Update(UpdateArgs),
    /// Remove a configuration; the default one stays as long as its account.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// The account's id.
    credential: CredentialId,
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The account's id.
    credential: CredentialId,
    /// Your own name for it, unique in the account.
    #[arg(long, value_name = "NAME")]
    external_id: Option<String>,
}

#[derive(Debug, Args)]
struct UpdateArgs {
    /// The account's id.
    credential: CredentialId,
    /// The configuration: its id, or `ext:` and its external id.
    configuration: String,
    /// Settings of the integration to merge in, a JSON object; `@FILE` reads a file, `-` standard
    /// input.
    #[arg(long, value_name = "JSON", required_unless_present_any = ["workflows", "meta"])]
    shared: Option<String>,
    /// Settings of workflows to merge in, a JSON object by workflow id.
    #[arg(long, value_name = "JSON")]
    workflows: Option<String>,
    /// Meta to merge in, a JSON object.
    #[arg(long, value_name = "JSON")]
    meta: Option<String>,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The account's id.
    credential: CredentialId,
    /// The configuration: its id, or `ext:` and its external id.
    configuration: String,
}

/// Runs the command.
pub async fn run(args: ConfigurationsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        ConfigurationsCommand::List(args) => {
            let found = global.client()?.configurations(args.credential).await?;
            match global.json {
                true => terminal::print_json(&found),
                false => terminal::print(&table::of_configurations(&found)),
            }
        }
        ConfigurationsCommand::Create(args) => {
            let client = global.client()?;
            let external_id = args.external_id.as_deref();
            show(global, &client.add_configuration(args.credential, external_id).await?);
        }
        ConfigurationsCommand::Update(args) => {
            let change = change(&args)?;
            let client = global.client()?;
            let name = &args.configuration;
            show(global, &client.change_configuration(args.credential, name, &change).await?);
        }
        ConfigurationsCommand::Delete(args) => {
            let client = global.client()?;
            client.remove_configuration(args.credential, &args.configuration).await?;
            if !global.json {
                let name = terminal::one_line(&args.configuration, 100);
                terminal::print(&format!("{name} is deleted"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn change(args: &UpdateArgs) -> anyhow::Result<ConfigurationChange> {
    let of_input = [&args.shared, &args.workflows, &args.meta].into_iter().flatten();
    if of_input.filter(|text| *text == "-").count() > 1 {
        bail!("only one of --shared, --workflows and --meta can be `-`");
    }
    let part = |text: &Option<String>, option: &str| match text {
        Some(text) => object(text).with_context(|| format!("{option} cannot be used")),
        None => Ok(Map::new()),
    };
    Ok(ConfigurationChange {
        shared_settings: part(&args.shared, "--shared")?,
        workflow_settings: part(&args.workflows, "--workflows")?,
        meta: part(&args.meta, "--meta")?,
    })
}

/// A JSON object: given, in a file, or on standard input.
fn object(text: &str) -> anyhow::Result<Map<String, Value>> {
    let text = match (text, text.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            text
        }
        (_, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?
        }
        (text, None) => text.to_owned(),
    };
    match serde_json::from_str(&text).context("it is not valid JSON")? {
        Value::Object(members) => Ok(members),
        _ => bail!("it must be a JSON object, such as {{\"channel\": \"C042\"}}"),
    }
}

fn show(global: &Global, configuration: &AccountConfiguration) {
    match global.json {
        true => terminal::print_json(configuration),
        false => {
            terminal::print(&table::of_configurations(std::slice::from_ref(configuration)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn args(shared: Option<&str>, meta: Option<&str>) -> UpdateArgs {
        UpdateArgs {
            credential: CredentialId::new(),
            configuration: "ext:a".to_owned(),
            shared: shared.map(str::to_owned),
            workflows: None,
            meta: meta.map(str::to_owned),
        }
    }

    #[test]
    fn a_change_is_of_objects_given_or_in_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("meta.json");
        std::fs::write(&file, r#"{"team": null}"#).expect("it is writable");
        let meta = format!("@{}", file.display());
        let change = change(&args(Some(r#"{"a": 1}"#), Some(&meta))).expect("they are objects");
        assert_eq!(Value::Object(change.shared_settings), json!({"a": 1}));
        assert_eq!(Value::Object(change.meta), json!({"team": null}));
        assert!(change.workflow_settings.is_empty());
    }

    #[test]
    fn a_fault_names_the_option() {
        for text in ["[1]", "1", "{", "", "@/no/such/file"] {
            let error = change(&args(Some(text), None)).expect_err("it is no object");
            assert!(format!("{error:#}").contains("--shared"), "{error:#}");
        }
        assert!(change(&args(Some("-"), Some("-"))).is_err(), "there is one standard input");
    }
}
