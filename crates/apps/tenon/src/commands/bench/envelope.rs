//! Group `envelope`: sealing and opening 1 KB in one thread, against `openssl speed` a moment before.
//! Both count operations by CPU time, so that other work on the machine does not count.
//!
//! `envelope.seal` and `envelope.open` are what the vault does with a secret between its stores: the
//! value under a fresh key of its own, and that key under a ring key that is ready. The figures
//! `*_value` leave the ring out.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tenon_contract::vault::{SecretOwner, Subject};
use tenon_domain::{CredentialId, EndUserId, ProjectId, SecretId};
use tenon_vault::envelope::{Binding, DataKey, FreshKey, InstallId, open, seal};
use tenon_vault::layers::Layers;

use super::nginx::find_program;
use super::proc::cpu_of_this_thread;
use super::{Calibration, Figure};

/// The value.
const VALUE_BYTES: usize = 1 << 10;
/// How often each figure is taken; the best one counts.
const ROUNDS: usize = 3;
/// How long each is taken for; as long as openssl's.
const LENGTH: Duration = Duration::from_secs(1);
/// Operations between two looks at the clock, which takes some microseconds.
const BATCH: u64 = 4_096;

/// Measures the group.
///
/// # Errors
/// When something sealed does not open.
pub async fn measure() -> anyhow::Result<Vec<Figure>> {
    tokio::task::spawn_blocking(measure_here).await?
}

fn measure_here() -> anyhow::Result<Vec<Figure>> {
    let openssl = find_program("openssl");
    if openssl.is_none() {
        eprintln!("openssl is missing: there is nothing to compare with");
    }
    let owner = SecretOwner {
        project: ProjectId::new(),
        subject: Subject::Credential {
            credential: CredentialId::new(),
            user: EndUserId::new("user-17".to_owned()),
        },
    };
    let install = InstallId::from_uuid(ProjectId::new().uuid());
    let binding = Binding { install, owner: &owner, secret: SecretId::new(), version: 3 };
    let value = vec![7_u8; VALUE_BYTES];
    let layers = Layers::new(install, owner.project, &[9; 32]);
    let (in_both, in_one) = (layers.seal(&binding, &value), sealed(&binding, &value));
    ensure!(layers.open(&binding, &in_both)?.expose() == value, "it holds something else");
    ensure!(open(&in_one.0, &binding, &in_one.1)?.expose() == value, "it holds something else");

    let mut best = [0.0_f64; 4];
    let mut limit = 0.0_f64;
    for _ in 0..ROUNDS {
        if let Some(openssl) = &openssl {
            limit = limit.max(openssl_rate(openssl)?);
        }
        let rates = [
            rate(|| drop(black_box(layers.seal(&binding, black_box(&value)))))?,
            rate(|| drop(black_box(layers.open(&binding, black_box(&in_both)))))?,
            rate(|| drop(black_box(sealed(&binding, black_box(&value)))))?,
            rate(|| drop(black_box(open(&in_one.0, &binding, black_box(&in_one.1)))))?,
        ];
        for (best, rate) in best.iter_mut().zip(rates) {
            *best = best.max(rate);
        }
    }
    let names = ["envelope.seal", "envelope.open", "envelope.seal_value", "envelope.open_value"];
    let figures = names.into_iter().zip(best).map(|(name, rate)| match openssl {
        Some(_) => {
            let limit = Calibration { name: "openssl_aes256gcm_1k", value: limit, unit: "op/s" };
            Figure::against(name, rate, "op/s", limit)
        }
        None => Figure::plain(name, rate, "op/s"),
    });
    Ok(figures.collect())
}

fn sealed(binding: &Binding<'_>, plaintext: &[u8]) -> (DataKey, Vec<u8>) {
    let key = FreshKey::generate();
    let reader = key.reader();
    (reader, seal(key, binding, plaintext))
}

/// How often something can be done in a second of CPU time.
fn rate(mut operation: impl FnMut()) -> anyhow::Result<f64> {
    let started = cpu_of_this_thread()?;
    let mut done = 0_u64;
    loop {
        (0..BATCH).for_each(|_| operation());
        done += BATCH;
        let used = cpu_of_this_thread()?.saturating_sub(started);
        if used >= LENGTH {
            return Ok(done as f64 / used.as_secs_f64());
        }
    }
}

/// Encryptions of 1 KB a second, by `openssl speed`.
fn openssl_rate(program: &Path) -> anyhow::Result<f64> {
    let seconds = LENGTH.as_secs().to_string();
    let bytes = VALUE_BYTES.to_string();
    let output = Command::new(program)
        .args(["speed", "-mr", "-seconds", &seconds, "-bytes", &bytes, "-evp", "aes-256-gcm"])
        .stdin(Stdio::null())
        .output()
        .context("openssl could not be started")?;
    // `+F:25:AES-256-GCM:1827104581.82`: bytes a second.
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("+F:"));
    let rate = line.and_then(|line| line.rsplit(':').next()?.parse::<f64>().ok());
    let rate = rate.with_context(|| format!("openssl says no rate: {text}"))?;
    Ok(rate / VALUE_BYTES as f64)
}
