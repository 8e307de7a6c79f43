//! Group `envelope`: sealing and opening 1 KB in one thread, against `openssl speed` in the same
//! seconds.
//!
//! A secret has two layers: the value under a key of its own, and that key under a ring key. The
//! figures `*_both` seal and open a second envelope of 32 bytes; the vault's own wrapping costs a
//! little less, because a ring key is expanded once and not for each use.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tenon_contract::vault::{SecretOwner, Subject};
use tenon_domain::{CredentialId, EndUserId, ProjectId, SecretId};
use tenon_vault::envelope::{Binding, DataKey, FreshKey, InstallId, open, seal};

use super::nginx::find_program;
use super::{Calibration, Figure};

/// The value.
const VALUE_BYTES: usize = 1 << 10;
/// A data key, as a value.
const KEY_BYTES: usize = 32;
/// How often each figure is taken; the best one counts.
const ROUNDS: usize = 3;
/// How long each is taken for; as long as openssl's.
const LENGTH: Duration = Duration::from_secs(1);
/// Operations between two looks at the clock.
const BATCH: u64 = 256;

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
    let (value, key) = (vec![7_u8; VALUE_BYTES], [9_u8; KEY_BYTES]);
    let (sealed_value, sealed_key) = (sealed(&binding, &value), sealed(&binding, &key));
    let opened = open(&sealed_value.0, &binding, &sealed_value.1)?;
    ensure!(opened.expose() == value, "the envelope holds something else");

    let seal_one = |plaintext: &[u8]| drop(black_box(sealed(&binding, black_box(plaintext))));
    let open_one = |(key, envelope): &(DataKey, Vec<u8>)| {
        drop(black_box(open(key, &binding, black_box(envelope))));
    };
    let mut best = [0.0_f64; 4];
    let mut limit = 0.0_f64;
    for _ in 0..ROUNDS {
        if let Some(openssl) = &openssl {
            limit = limit.max(openssl_rate(openssl)?);
        }
        let rates = [
            rate(|| seal_one(&value)),
            rate(|| open_one(&sealed_value)),
            rate(|| {
                seal_one(&value);
                seal_one(&key);
            }),
            rate(|| {
                open_one(&sealed_key);
                open_one(&sealed_value);
            }),
        ];
        for (best, rate) in best.iter_mut().zip(rates) {
            *best = best.max(rate);
        }
    }
    let names = ["envelope.seal", "envelope.open", "envelope.seal_both", "envelope.open_both"];
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

/// How often a second something can be done.
fn rate(mut operation: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut done = 0_u64;
    while started.elapsed() < LENGTH {
        (0..BATCH).for_each(|_| operation());
        done += BATCH;
    }
    done as f64 / started.elapsed().as_secs_f64()
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
