//! Secrets are in no error, no `Debug` and no log line, whatever the provider does with them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tenon_testkit::fakes::oauth_provider::{Fault, Manners};
use tracing_subscriber::fmt::MakeWriter;

use crate::rig::{Rig, quick};

/// Log lines of a test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// On one thread, so that the subscriber sees the renewal's task too.
#[tokio::test]
async fn no_secret_is_in_errors_debug_output_or_logs() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let life = Duration::from_secs(1);
    let rig = Rig::start(Manners { life, ..Manners::default() }).await;
    let mut shown = String::new();
    for fault in [
        Fault::EchoesTheToken,
        Fault::Torn,
        Fault::WrongClient,
        Fault::Html,
        Fault::ServerErrorAfterRotating,
    ] {
        let (plan, _) = rig.account().await;
        tokio::time::sleep(life).await;
        // The echo comes twice, so that it ends the credential.
        rig.provider.spoil([fault, fault]);
        let process = rig.process(quick());
        for _ in 0..2 {
            match process.ready(rig.of(&plan), &rig.step()).await {
                Ok(ready) => {
                    shown.push_str(&format!("{ready:?}\n"));
                    process.report_dead(rig.of(&plan), &ready, "a canary-free reason").await;
                }
                Err(error) => shown.push_str(&format!("{error} {error:?}\n")),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        shown.push_str(&format!("{:?}\n", rig.head(&plan).await));
    }
    drop(guard);

    let logs = String::from_utf8(lines.0.lock().clone()).expect("text");
    assert!(logs.contains("cannot be renewed any more"), "the log was captured: {logs}");
    assert!(shown.contains("is not good"), "the provider's words are shown: {shown}");
    for (what, text) in [("logs", &logs), ("errors", &shown)] {
        let found = text.lines().find(|line| {
            ["canary-access", "canary-refresh", "canary-client", "canary-torn"]
                .iter()
                .any(|canary| line.contains(canary))
        });
        assert!(found.is_none(), "a secret is in the {what}: {found:?}");
    }
}
