//! The embedded server with real programs: they are on every machine that runs the tests.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use super::*;

/// A temporary folder that the server's account may enter too, when the tests run as root.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("opened");
    folder
}

async fn connect(server: &EmbeddedPostgres, database: Database) -> PgConnection {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match PgConnection::connect(&server.url(database)).await {
            Ok(connection) => return connection,
            Err(error) if Instant::now() > deadline => panic!("no connection: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn count(connection: &mut PgConnection) -> i64 {
    let row = connection.fetch_one("SELECT count(*) FROM kept").await.expect("rows");
    row.get(0)
}

async fn start(directory: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start(directory, &EmbeddedSettings::default()).await.expect("a server")
}

#[tokio::test(flavor = "multi_thread")]
async fn data_outlive_a_stop_and_a_crash_of_the_server() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let server = start(&directory).await;
    let mut connection = connect(&server, Database::Config).await;
    connection.execute("CREATE TABLE kept (id int)").await.expect("the role owns the database");
    connection.execute("INSERT INTO kept VALUES (1)").await.expect("a row");
    server.stop().await;

    let began = Instant::now();
    let server = start(&directory).await;
    let took = began.elapsed();
    let mut connection = connect(&server, Database::Config).await;
    assert_eq!(count(&mut connection).await, 1);
    connection.execute("INSERT INTO kept VALUES (2)").await.expect("a row");

    let first = server.supervisor.pid().expect("it runs");
    process::signal(first, rustix::process::Signal::KILL);
    drop(connection);
    let mut connection = connect(&server, Database::Config).await;
    assert_eq!(count(&mut connection).await, 2);
    assert_ne!(server.supervisor.pid(), Some(first), "another process serves now");
    server.stop().await;
    assert!(took < Duration::from_secs(10), "a start with data took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_are_no_superusers_and_every_database_is_there() {
    let folder = folder();
    let server = start(folder.path()).await;
    for database in Database::ALL {
        let mut connection = connect(&server, database).await;
        let query = "SELECT current_user::text, rolsuper OR rolbypassrls, current_database()::text \
                     FROM pg_roles WHERE rolname = current_user";
        let row = connection.fetch_one(query).await.expect("a row");
        assert_eq!(row.get::<String, _>(0), database.role());
        assert!(!row.get::<bool, _>(1), "row security would not apply");
        assert_eq!(row.get::<String, _>(2), database.name());
        for (name, wanted) in [("fsync", "on"), ("listen_addresses", ""), ("jit", "off")] {
            let query = sqlx::query("SELECT current_setting($1)").bind(name);
            let row = query.fetch_one(&mut connection).await.expect("a row");
            assert_eq!(row.get::<String, _>(0), wanted, "{name}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_serves_one_server_at_a_time() {
    let folder = folder();
    let server = start(folder.path()).await;
    let second = EmbeddedPostgres::start(folder.path(), &EmbeddedSettings::default()).await;
    let message = second.expect_err("in use").to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_outlived_its_parent_is_stopped_and_its_data_are_kept() {
    let folder = folder();
    let server = start(folder.path()).await;
    let mut connection = connect(&server, Database::Config).await;
    connection.execute("CREATE TABLE kept (id int)").await.expect("a table");
    connection.execute("INSERT INTO kept VALUES (1)").await.expect("a row");
    let (data_dir, socket_dir) = (folder.path().join("data"), server.socket_dir.clone());
    server.stop().await;

    let mut orphan = start_unsupervised(&data_dir, &socket_dir);
    let server = start(folder.path()).await;
    let ended = orphan.try_wait().expect("it is our child");
    assert!(ended.is_some(), "the old server still runs");
    assert_eq!(count(&mut connect(&server, Database::Config).await).await, 1);
    server.stop().await;
}

/// A server as a killed `tenon` leaves it behind where no parent-death signal exists.
fn start_unsupervised(data_dir: &Path, socket_dir: &Path) -> std::process::Child {
    let account = Account::choose().expect("an account");
    let version = cluster::version(data_dir).expect("readable");
    let binaries = Binaries::choose(Candidate::find(None), version, data_dir).expect("programs");
    let mut command = std::process::Command::new(binaries.program("postgres"));
    process::prepare(&mut command, &account, data_dir);
    command.arg("-D").arg(data_dir).args(["-c", "listen_addresses=", "-c"]);
    command.arg(format!("unix_socket_directories={}", socket_dir.display()));
    command.stderr(std::process::Stdio::null());
    let child = command.spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !process::is_ready(data_dir, child.id()) {
        assert!(Instant::now() < deadline, "it does not get ready");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_another_major_version_are_refused() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    std::fs::write(folder.path().join("data/PG_VERSION"), "9\n").expect("a file");
    let outcome = EmbeddedPostgres::start(folder.path(), &EmbeddedSettings::default()).await;
    let message = outcome.expect_err("too old").to_string();
    assert!(message.contains("belong to PostgreSQL 9"), "{message}");
}
