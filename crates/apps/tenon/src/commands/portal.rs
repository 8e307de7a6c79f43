//! `tenon portal`: how the portal looks, and where its page may send users back to.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use tenon_client::{NewLogo, Portal, PortalChange};

use super::global::Global;
use crate::terminal;

/// The largest file that is read; the server's own limit may be smaller.
const LOGO_BYTES_MAX: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  tenon portal show
  tenon portal set --name Acorn --accent-color '#0a7cff' --logo logo.svg
  tenon portal set --logo https://cdn.example.com/logo.png
  tenon portal set --return-origin https://app.example.com --return-origin http://localhost:3000
  tenon portal set --no-logo

What is not named stays as it is.";

/// See and change how the portal looks.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PortalArgs {
    #[command(subcommand)]
    command: PortalCommand,
}

#[derive(Debug, Subcommand)]
enum PortalCommand {
    /// Show how the portal looks.
    Show,
    /// Change how the portal looks.
    Set(SetArgs),
}

#[derive(Debug, Default, Args)]
struct SetArgs {
    /// What users read as the name of your app.
    #[arg(long, conflicts_with = "no_name")]
    name: Option<String>,
    /// Show no name.
    #[arg(long)]
    no_name: bool,
    /// The colour of buttons, `#rrggbb`; integrations with a colour of their own keep it.
    #[arg(long, value_name = "COLOR", conflicts_with = "no_accent_color")]
    accent_color: Option<String>,
    /// Use the usual colour.
    #[arg(long)]
    no_accent_color: bool,
    /// Your logo: an https address, or an SVG or PNG file of at most 64 KB, which is uploaded.
    #[arg(long, value_name = "URL|FILE", conflicts_with = "no_logo")]
    logo: Option<String>,
    /// Show no logo.
    #[arg(long)]
    no_logo: bool,
    /// A web origin that the portal's page may send users back to; may be given several times. Those
    /// that are not named any more are removed.
    #[arg(long, value_name = "ORIGIN", conflicts_with = "no_return_origins")]
    return_origin: Vec<String>,
    /// Send users back nowhere.
    #[arg(long)]
    no_return_origins: bool,
}

/// Runs the command.
pub async fn run(args: PortalArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    let portal = match args.command {
        PortalCommand::Show => client.portal().await?,
        PortalCommand::Set(args) => client.change_portal(&change(args)?).await?,
    };
    match global.json {
        true => terminal::print_json(&portal),
        false => terminal::print(&text(&portal)),
    }
    Ok(ExitCode::SUCCESS)
}

fn change(args: SetArgs) -> anyhow::Result<PortalChange> {
    let of = |value: Option<String>, is_removed: bool| match is_removed {
        true => Some(None),
        false => value.map(Some),
    };
    let logo = match (args.no_logo, args.logo) {
        (true, _) => Some(None),
        (false, Some(logo)) => Some(Some(new_logo(logo)?)),
        (false, None) => None,
    };
    let change = PortalChange {
        name: of(args.name, args.no_name),
        accent_color: of(args.accent_color, args.no_accent_color),
        logo,
        return_origins: (args.no_return_origins || !args.return_origin.is_empty())
            .then_some(args.return_origin),
    };
    ensure!(change != PortalChange::default(), "say what to change, such as --name Acorn");
    Ok(change)
}

fn new_logo(given: String) -> anyhow::Result<NewLogo> {
    if given.starts_with("https://") || given.starts_with("http://") {
        return Ok(NewLogo::Url { url: given });
    }
    let path = Path::new(&given);
    let extension = path.extension().map(|it| it.to_ascii_lowercase());
    let media_type = match extension.as_ref().and_then(|it| it.to_str()) {
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => bail!("{given}: a logo is a file ending in .svg or .png, or an https address"),
    };
    let length = std::fs::metadata(path).with_context(|| format!("cannot read {given}"))?.len();
    ensure!(length <= LOGO_BYTES_MAX, "{given} is too large for a logo");
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {given}"))?;
    Ok(NewLogo::File { media_type: media_type.to_owned(), data: STANDARD.encode(bytes) })
}

fn text(portal: &Portal) -> String {
    let or_none = |text: Option<&str>| match text {
        Some(text) => terminal::one_line(text, 200),
        None => "-".to_owned(),
    };
    let logo = portal.logo.as_ref().map(|logo| match (&logo.url, &logo.media_type) {
        (Some(url), _) => url.clone(),
        (None, media_type) => {
            format!("{} that was uploaded", media_type.as_deref().unwrap_or("a file"))
        }
    });
    let origins = portal.return_origins.join(", ");
    let origins = (!origins.is_empty()).then_some(origins);
    format!(
        "name            {}\naccent colour   {}\nlogo            {}\nreturn origins  {}",
        or_none(portal.name.as_deref()),
        or_none(portal.accent_color.as_deref()),
        or_none(logo.as_deref()),
        or_none(origins.as_deref()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let name = SetArgs { name: Some("Acorn".to_owned()), no_logo: true, ..SetArgs::default() };
        let change = change(name).expect("it is a change");
        assert_eq!(change.name, Some(Some("Acorn".to_owned())));
        assert_eq!((change.logo, change.accent_color), (Some(None), None));
        assert_eq!(change.return_origins, None);
        assert!(super::change(SetArgs::default()).is_err(), "nothing is no change");
    }

    #[test]
    fn a_logo_is_an_address_or_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("logo.PNG");
        std::fs::write(&file, b"png").expect("it can be written");
        let shown = file.display().to_string();
        let logo = new_logo(shown).expect("it is a file");
        assert!(matches!(logo, NewLogo::File { media_type, .. } if media_type == "image/png"));
        let url = "https://cdn.example.com/logo".to_owned();
        assert_eq!(new_logo(url.clone()).expect("it is an address"), NewLogo::Url { url });
        for bad in ["logo.gif", "nothing.svg", ""] {
            assert!(new_logo(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
