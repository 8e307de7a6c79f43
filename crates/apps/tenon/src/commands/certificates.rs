//! `tenon certificates`: an authority of the installation and a certificate for each role.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::roles::Role;

/// Make the certificates by which the roles know each other.
///
/// They prove to the vault which role a process has. The authority is for this installation alone;
/// keep `ca.key` offline once all certificates are made.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tenon certificates --out /etc/tenon/tls --vault-host vault.internal\n  tenon certificates --out /etc/tenon/tls --vault-host 10.0.0.5 --days 90   # again: the authority stays"
)]
pub struct CertificatesArgs {
    /// The folder for the files; made when it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Host names or addresses by which the other roles reach the vault.
    #[arg(long, value_name = "HOST", required = true)]
    vault_host: Vec<String>,
    /// How long the certificates of the roles hold. The authority holds ten years.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=825))]
    days: u32,
}

/// The name of a role in its certificate: `<role>.role.tenon.internal`.
fn role_name(role: &str) -> String {
    format!("{role}.role.tenon.internal")
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be written or an authority that is there cannot be read.
pub fn run(args: &CertificatesArgs) -> anyhow::Result<ExitCode> {
    let made = make(&args.out, &args.vault_host, args.days)?;
    let mut out = std::io::stdout().lock();
    for path in made {
        writeln!(out, "{}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the certificates of all roles in a folder, under the authority that is there or a new
/// one. Answers their files.
///
/// # Errors
/// As for the command.
pub(super) fn make(out: &Path, vault_hosts: &[String], days: u32) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    let authority = authority(out)?;
    let mut made = Vec::new();
    for role in Role::ALL {
        let role = role.name();
        let mut names = vec![role_name(role)];
        if role == Role::Vault.name() {
            names.extend(vault_hosts.iter().cloned());
        }
        let key = KeyPair::generate()?;
        let mut params =
            CertificateParams::new(names).context("a host is neither a name nor an address")?;
        params.distinguished_name.push(DnType::CommonName, format!("Tenon {role}"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        validity(&mut params, i64::from(days));
        let certificate = params.signed_by(&key, &authority)?;
        let path = out.join(format!("{role}.pem"));
        std::fs::write(&path, certificate.pem())
            .with_context(|| format!("cannot write {}", path.display()))?;
        write_private(&out.join(format!("{role}.key")), &key.serialize_pem())?;
        made.push(path);
    }
    Ok(made)
}

/// The authority in the folder; a new one where there is none.
fn authority(folder: &Path) -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let (certificate, key) = (folder.join("ca.pem"), folder.join("ca.key"));
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Tenon internal authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params, 3_650);
    match (certificate.exists(), key.exists()) {
        (false, false) => {
            let pair = KeyPair::generate()?;
            let text = pair.serialize_pem();
            let issuer = CertifiedIssuer::self_signed(params, pair)?;
            std::fs::write(&certificate, issuer.pem())
                .with_context(|| format!("cannot write {}", certificate.display()))?;
            write_private(&key, &text)?;
            Ok(issuer)
        }
        (true, true) => {
            // Name and key decide what it signs; the stored certificate stays as it is.
            let text = std::fs::read_to_string(&key)
                .with_context(|| format!("cannot read {}", key.display()))?;
            Ok(CertifiedIssuer::self_signed(params, KeyPair::from_pem(&text)?)?)
        }
        _ => bail!(
            "{} holds one of ca.pem and ca.key; put the other back, or remove it to begin anew",
            folder.display()
        ),
    }
}

fn validity(params: &mut CertificateParams, days: i64) {
    let now = std::time::SystemTime::now();
    // Clocks of machines differ a little.
    params.not_before = (now - std::time::Duration::from_secs(300)).into();
    let seconds = u64::try_from(days).unwrap_or(0) * 86_400;
    params.not_after = (now + std::time::Duration::from_secs(seconds)).into();
}

/// Writes a file that only the owner can read, in the place of an older one.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
