//! Archived history from outside: what history showed is in the archive, and nothing that it hid.

use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::product::{PATIENCE, Product, text_of};

/// What a secret holds that must not be anywhere.
const CANARY: &str = "canary-of-the-archive";
/// How long ago the run is moved to.
const DAYS_AGO: i64 = 60;

fn archiving() -> Product {
    Product::own(&[
        ("TENON_RETENTION__ARCHIVE", "true"),
        ("TENON_RETENTION__RUNS_DAYS", "30"),
        ("TENON_RETENTION__INTERVAL_MS", "200"),
    ])
}

fn tenon(product: &Product, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["runs", "archive"])
        .args(arguments)
        .current_dir(product.data_folder())
        .env("TENON_SERVER", &product.base)
        .env("TENON_PROJECT", &product.project)
        .env("TENON_API_KEY", &product.key)
        .output()
        .expect("the program can be started")
}

/// What a command printed; it must have ended well.
fn printed(product: &Product, arguments: &[&str]) -> String {
    let output = tenon(product, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Moves an ended run into the past, rows and partitions in one transaction; answers its new id.
async fn moved_into_the_past(product: &Product, run: &str) -> String {
    let run: Uuid = run.parse().expect("a UUID");
    let then = Timestamp::now() - SignedDuration::from_hours(24 * DAYS_AGO);
    let then = then.to_zoned(jiff::tz::TimeZone::UTC).date();
    let first = |day: jiff::civil::Date| {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp();
        u128::try_from(midnight.as_millisecond()).expect("after 1970") << 80
    };
    let (from, to) = (first(then), first(then.tomorrow().expect("a day")));
    // The same id but for its time, an hour after midnight.
    let id = Uuid::from_u128(from + (3_600_000 << 80) + (run.as_u128() & ((1 << 80) - 1)));
    let mut database = PgConnection::connect(&product.execution_url).await.expect("it runs");
    let mut transaction = database.begin().await.expect("a transaction");
    let scope = "SELECT set_config('tenon.scope', 'system', true)";
    sqlx::query(scope).execute(&mut *transaction).await.expect("a setting can be made");
    for table in ["run", "step_result"] {
        let name = format!("{table}_{}", then.strftime("%Y%m%d"));
        let (from, to) = (Uuid::from_u128(from), Uuid::from_u128(to));
        let statement = format!(
            "CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{from}') TO ('{to}')"
        );
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await.expect("made");
        let statement = format!("UPDATE {table} SET run_id = $2 WHERE run_id = $1");
        let moved = sqlx::query(AssertSqlSafe(statement))
            .bind(run)
            .bind(id)
            .execute(&mut *transaction)
            .await;
        assert!(moved.expect("an update").rows_affected() > 0, "nothing of it is in {table}");
    }
    transaction.commit().await.expect("committed");
    id.to_string()
}

/// Waits until something is archived; answers the days.
async fn archived_days(product: &Product) -> Value {
    let give_up = std::time::Instant::now() + PATIENCE;
    loop {
        let (status, page) = product.get("/archive/days").await;
        assert_eq!(status, StatusCode::OK, "{page:#}");
        if page["days"][0].is_object() {
            return page;
        }
        assert!(std::time::Instant::now() < give_up, "nothing is archived");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// As it is shown, without what only the living have: a name that may change, an id that was moved.
fn comparable(mut run: Value) -> Value {
    let members = run.as_object_mut().expect("a run");
    members.retain(|name, value| !value.is_null() && name != "workflow" && name != "id");
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_holds_what_history_showed_and_no_secret() {
    let product = archiving();
    let secret = json!({ "key": "TOKEN", "value": CANARY });
    let (status, kept) = product.post("/secrets", &secret).await;
    assert_eq!(status, StatusCode::CREATED, "{kept:#}");
    let steps = json!([
        { "id": "tells", "type": "function", "next": "large",
          "parameters": { "secret": "{{secrets.TOKEN}}", "given": "{{trigger.event.given}}" },
          "code": "export function run(p) { console.log('it is ' + p.secret); return p; }" },
        { "id": "large", "type": "function",
          "code": "export function run() { return 'é'.repeat(200000); }" },
    ]);
    let run = product.run(steps, json!({ "given": "a value" })).await;
    let run = text_of(&run["id"]);
    let (_, shown) = product.get(&format!("/runs/{run}")).await;
    let (_, page) = product.get(&format!("/runs/{run}/steps?payloads=full")).await;
    assert!(page.to_string().contains("a value"), "{page:#}");

    let moved = moved_into_the_past(&product, &run).await;
    let days = archived_days(&product).await;
    assert_eq!((&days["days"][0]["runs"], &days["days"][0]["steps"]), (&json!(1), &json!(2)));
    let day = text_of(&days["days"][0]["day"]);
    let (status, _) = product.get(&format!("/runs/{moved}")).await;
    let give_up = std::time::Instant::now() + PATIENCE;
    let mut status = status;
    while status != StatusCode::NOT_FOUND {
        assert!(std::time::Instant::now() < give_up, "the day is not dropped");
        status = product.get(&format!("/runs/{moved}")).await.0;
    }

    let listed = parsed(&printed(&product, &["list", "--json"]));
    assert_eq!(listed, days);
    assert!(printed(&product, &["list"]).contains(&day));
    let found = parsed(&printed(&product, &["show", &moved, "--json"]));
    assert_eq!(found["run"]["id"], moved);
    let shown: Value =
        serde_json::from_value::<tenon_client::Run>(shown).map(|run| json!(run)).expect("a run");
    assert_eq!(comparable(found["run"].clone()), comparable(shown));
    assert_eq!(found["steps"], page["steps"], "with the value from its segment");
    let table = printed(&product, &["show", &moved]);
    assert!(table.contains("tells") && table.contains("succeeded"), "{table}");

    let export = printed(&product, &["export", &day]);
    let file = product.data_folder().join("day.jsonl");
    let path = file.display().to_string();
    let said = parsed(&printed(&product, &["export", &day, "--output", &path, "--json"]));
    assert_eq!(said["lines"], 3);
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), export);
    assert!(export.contains("a value") && !export.contains(CANARY), "a secret is in it");
    let again = tenon(&product, &["export", &day, "--output", &path]);
    assert_eq!(again.status.code(), Some(2), "a file that is there is left alone");
    let missing = tenon(&product, &["show", &run]);
    assert_eq!(missing.status.code(), Some(2), "{}", String::from_utf8_lossy(&missing.stderr));
    let other = tenon(&product, &["export", "2001-01-01"]);
    assert_eq!(other.status.code(), Some(2));

    let blobs = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["blobs", "--json", "verify"])
        .current_dir(product.data_folder())
        .env("TENON_BLOBS__DIR", product.data_folder().join("blobs"))
        .env("TENON_LOG__FILTER", "warn")
        .output()
        .expect("the program can be started");
    let seen = parsed(&String::from_utf8_lossy(&blobs.stdout));
    assert_eq!((&seen["archive_parts"], &seen["damaged"]), (&json!(1), &json!(0)), "{seen}");
}
