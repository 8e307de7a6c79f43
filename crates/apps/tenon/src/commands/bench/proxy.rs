//! Group `proxy`: calls through the proxy against nginx that adds a header, and against none.
//!
//! The upstream answers files from memory and refuses whoever's `Authorization` is not their own,
//! so an answer proves that the right credential was looked up, opened and put in.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tenon_client::{Client, ConnectRequest};
use tokio::task::JoinSet;

use super::nginx::{Nginx, find_program};
use super::product::Product;
use super::wrk::Target;
use super::{Calibration, Figure};

/// Users, each with an account of their own.
const USERS: usize = 1_000;
/// Accounts that are linked at once, before the measurement.
const LINKS_AT_ONCE: usize = 8;
/// Connections of the load.
const CONNECTIONS: usize = 64;
/// How often each figure is taken; the better one counts, as others use the machine too.
const ROUNDS: usize = 2;
/// How often the latency of one connection is taken, a second each; the lowest median counts. It
/// depends on which core the scheduler puts whom, so it takes more tries.
const ALONE_ROUNDS: usize = 6;
/// The connector of the measurement.
const CONNECTOR: &str = "custom.bench";
/// A download through the proxy.
const DOWNLOAD_BYTES: u64 = 1 << 30;
/// How often its memory is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// What is measured at one way to the upstream.
#[derive(Debug, Clone, Copy)]
struct Way {
    rate_1k: f64,
    rate_64k: f64,
    /// CPU of the proxy for one call, in microseconds.
    cpu_1k_us: f64,
    /// Median at one connection, in microseconds.
    p50_us: f64,
}

impl Way {
    const NONE: Self = Self { rate_1k: 0.0, rate_64k: 0.0, cpu_1k_us: f64::MAX, p50_us: f64::MAX };
}

/// Measures the group. Without nginx and wrk there is nothing to compare with, and no figure.
///
/// # Errors
/// When an answer is wrong: then no figure counts.
pub async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let (Some(nginx), Some(wrk)) = (find_program("nginx"), find_program("wrk")) else {
        eprintln!("skipped: nginx and wrk are needed (Debian: apt install nginx-light wrk)");
        return Ok(Vec::new());
    };
    let folder = tempfile::Builder::new().prefix("tenon-bench-").tempdir()?;
    let upstream = upstream(&nginx, &folder.path().join("upstream")).await?;
    let peer = peer(&nginx, &folder.path().join("peer"), &upstream).await?;
    let product = Product::start(&folder.path().join("product")).await?;
    link_accounts(&product, &upstream).await?;

    let calls = Calls { wrk: &wrk, length };
    let hops = [Hop::Direct(&upstream), Hop::Nginx(&peer), Hop::Tenon(&product)];
    let mut best = [Way::NONE; 3];
    for _ in 0..ROUNDS {
        for (best, hop) in best.iter_mut().zip(&hops) {
            calls.at_full_speed(hop, best).await?;
        }
    }
    for _ in 0..ALONE_ROUNDS {
        for (best, hop) in best.iter_mut().zip(&hops) {
            calls.alone(hop, best).await?;
        }
    }
    let growth = download_growth(&product).await?;
    product.stop().await?;
    let [direct, nginx, tenon] = best;
    Ok(figures(direct, nginx, tenon, growth))
}

fn figures(direct: Way, nginx: Way, tenon: Way, growth_bytes: u64) -> Vec<Figure> {
    let of = |name, value, unit| Calibration { name, value, unit };
    let added = |way: Way| way.p50_us - direct.p50_us;
    vec![
        Figure::against(
            "proxy.rate_1k",
            tenon.rate_1k,
            "req/s",
            of("nginx", nginx.rate_1k, "req/s"),
        ),
        Figure::against(
            "proxy.rate_1k_of_direct",
            tenon.rate_1k,
            "req/s",
            of("direct", direct.rate_1k, "req/s"),
        ),
        Figure::against(
            "proxy.rate_64k",
            tenon.rate_64k,
            "req/s",
            of("nginx", nginx.rate_64k, "req/s"),
        ),
        Figure::against(
            "proxy.rate_64k_of_direct",
            tenon.rate_64k,
            "req/s",
            of("direct", direct.rate_64k, "req/s"),
        ),
        Figure::against("proxy.cpu_1k", tenon.cpu_1k_us, "us", of("nginx", nginx.cpu_1k_us, "us")),
        Figure::against("proxy.p50_added", added(tenon), "us", of("nginx", added(nginx), "us")),
        Figure::plain("proxy.rss_growth", growth_bytes as f64 / 1e6, "MB"),
    ]
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The credential of a user: as long as a real one.
fn credential(number: usize) -> String {
    format!("bench-{number:06}-{}", "k".repeat(40))
}

/// Serves files to those who come with their own credential.
async fn upstream(program: &Path, folder: &Path) -> anyhow::Result<Nginx> {
    use std::fmt::Write as _;

    let files = folder.join("files");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("1k"), "a".repeat(1 << 10))?;
    std::fs::write(files.join("64k"), "a".repeat(64 << 10))?;
    std::fs::File::create(files.join("1g"))?.set_len(DOWNLOAD_BYTES)?;
    let mut known = String::new();
    for number in 0..USERS {
        let _ = writeln!(known, "  \"{}:Bearer {}\" 1;", user(number), credential(number));
    }
    let http = format!(
        "map \"$http_x_bench_user:$http_authorization\" $is_known {{ default 0;\n{known} }}\n\
         open_file_cache max=16 inactive=1h; open_file_cache_valid 1h;\n\
         server {{ listen LISTEN; default_type application/octet-stream; root {};\n\
         if ($is_known = 0) {{ return 401; }}\n location / {{ }} }}",
        files.display()
    );
    Nginx::start(program, folder, &http).await
}

/// nginx as the proxy: looks the user's credential up in a table in memory, and adds it.
async fn peer(program: &Path, folder: &Path, upstream: &Nginx) -> anyhow::Result<Nginx> {
    use std::fmt::Write as _;

    let mut known = String::new();
    for number in 0..USERS {
        let _ = writeln!(known, "  {} 'Bearer {}';", user(number), credential(number));
    }
    let http = format!(
        "map $http_x_bench_user $credential {{ default '';\n{known} }}\n\
         upstream u {{ server {}; keepalive 128; keepalive_requests 1000000000; }}\n\
         server {{ listen LISTEN;\n location / {{ if ($credential = '') {{ return 403; }}\n\
         proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection '';\n\
         proxy_set_header Authorization $credential; }} }}",
        upstream.address
    );
    Nginx::start(program, folder, &http).await
}

/// A connector whose accounts say where it is, and an account for each user.
async fn link_accounts(product: &Product, upstream: &Nginx) -> anyhow::Result<()> {
    let access = &product.access;
    let client = Client::new(&access.server, &access.project, &access.api_key)?;
    client.put_connector(CONNECTOR, &manifest()).await.context("the connector was refused")?;
    client.add_integration(CONNECTOR).await?;
    let base = format!("http://{}", upstream.address);
    let mut links = JoinSet::new();
    for first in 0..LINKS_AT_ONCE {
        let (client, base) = (client.clone(), base.clone());
        links.spawn(async move {
            for number in (first..USERS).step_by(LINKS_AT_ONCE) {
                let fields = json!({ "base": base, "api_key": credential(number) });
                let Value::Object(fields) = fields else { continue };
                let request = ConnectRequest {
                    integration: CONNECTOR.to_owned(),
                    auth_method: None,
                    fields,
                    credential_id: None,
                    external_id: None,
                    allow_multiple: false,
                };
                client.link(&user(number), &request).await.context("an account was refused")?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(linked) = links.join_next().await {
        linked??;
    }
    Ok(())
}

fn manifest() -> Value {
    json!({
        "format": 1, "name": "bench", "version": "1.0.0", "title": "Benchmark",
        "description": "The upstream of the benchmark.", "categories": ["testing"],
        "docs": "https://bench.example/docs",
        "auth": [{
            "id": "key", "type": "api_key", "title": "Key",
            "fields": [
                {"name": "base", "title": "Address", "type": "url"},
                {"name": "api_key", "title": "Key", "type": "password"},
            ],
            "inject": {"headers": {"authorization": "Bearer {{fields.api_key}}"}},
        }],
        "proxy": {"base_url": [{"url": "{{fields.base}}"}], "allow_http": true},
    })
}

/// A way to the upstream.
enum Hop<'a> {
    Direct(&'a Nginx),
    Nginx(&'a Nginx),
    Tenon(&'a Product),
}

impl Hop<'_> {
    fn target(&self, file: &str) -> Target {
        let url = match self {
            Self::Direct(nginx) | Self::Nginx(nginx) => format!("http://{}/{file}", nginx.address),
            Self::Tenon(product) => url(product, file),
        };
        Target { url, requests: (0..USERS).map(|number| self.headers(number)).collect() }
    }

    fn headers(&self, number: usize) -> Vec<(&'static str, String)> {
        let mut headers = vec![("X-Bench-User", user(number))];
        match self {
            Self::Direct(_) => {
                headers.push(("Authorization", format!("Bearer {}", credential(number))));
            }
            Self::Nginx(_) => {}
            Self::Tenon(product) => {
                headers.push(("Authorization", format!("Bearer {}", product.access.api_key)));
                headers.push(("X-Tenon-User", user(number)));
            }
        }
        headers
    }

    /// CPU time of what is between the load and the upstream.
    fn cpu(&self) -> Duration {
        match self {
            Self::Direct(_) => Duration::ZERO,
            Self::Nginx(nginx) => nginx.tree().cpu(),
            Self::Tenon(product) => product.tree().cpu(),
        }
    }
}

fn url(product: &Product, file: &str) -> String {
    let access = &product.access;
    format!("{}/api/v1/projects/{}/proxy/{CONNECTOR}/{file}", access.server, access.project)
}

struct Calls<'a> {
    wrk: &'a Path,
    length: Duration,
}

impl Calls<'_> {
    async fn at_full_speed(&self, hop: &Hop<'_>, best: &mut Way) -> anyhow::Result<()> {
        let (small, large) = (hop.target("1k"), hop.target("64k"));
        // Opens the connections, and every account into the caches.
        small.load(self.wrk, CONNECTIONS, Duration::from_secs(1)).await?;
        let before = hop.cpu();
        let at_1k = small.load(self.wrk, CONNECTIONS, self.length).await?;
        let cpu_1k_us = (hop.cpu() - before).as_secs_f64() * 1e6 / at_1k.requests as f64;
        let at_64k = large.load(self.wrk, CONNECTIONS, self.length).await?;
        best.rate_1k = best.rate_1k.max(at_1k.rate());
        best.rate_64k = best.rate_64k.max(at_64k.rate());
        best.cpu_1k_us = best.cpu_1k_us.min(cpu_1k_us);
        Ok(())
    }

    async fn alone(&self, hop: &Hop<'_>, best: &mut Way) -> anyhow::Result<()> {
        let load = hop.target("1k").load(self.wrk, 1, Duration::from_secs(1)).await?;
        best.p50_us = best.p50_us.min(load.p50_us());
        Ok(())
    }
}

/// How much the product's memory grows over a download of 1 GB, at its highest.
async fn download_growth(product: &Product) -> anyhow::Result<u64> {
    let tree = product.tree();
    let before = tree.rss_without_postgres();
    let request = reqwest::Client::new()
        .get(url(product, "1g"))
        .bearer_auth(&product.access.api_key)
        .header("x-tenon-user", user(0))
        .header("x-bench-user", user(0));
    let download = async {
        let mut response = request.send().await?.error_for_status()?;
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await? {
            bytes += chunk.len() as u64;
        }
        anyhow::Ok(bytes)
    };
    let mut download = std::pin::pin!(download);
    let mut highest = before;
    loop {
        tokio::select! {
            bytes = &mut download => {
                let bytes = bytes?;
                ensure!(bytes == DOWNLOAD_BYTES, "the download ended after {bytes} bytes");
                return Ok(highest.saturating_sub(before));
            }
            () = tokio::time::sleep(MEMORY_INTERVAL) => {
                highest = highest.max(tree.rss_without_postgres());
            }
        }
    }
}
