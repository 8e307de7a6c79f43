use std::time::Duration;

use tenon_http_kit::{LayerSettings, ServeSettings, with_layers};
use tokio::io::AsyncWriteExt;

use crate::wire::{Answer, Server, routes};

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: t\r\n{headers}connection: close\r\n\r\n")
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let answer = server.send(get("/nothing", "")).await?;
    assert_eq!((answer.status(), answer.code().as_str()), (404, "not_found"));
    let answer = server.send(get("/echo", "")).await?;
    assert_eq!((answer.status(), answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), Some("post"));
    Ok(())
}

#[tokio::test]
async fn a_problem_of_a_handler_has_the_request_id_of_the_caller() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let answer = server.send(get("/gone", "x-request-id: call-7\r\n")).await?;
    let problem = answer.problem();
    assert_eq!(problem["request_id"], "call-7");
    assert_eq!(problem["detail"], "it went away");
    assert_eq!(problem["help"], "docs/errors/not_found.md");
    Ok(())
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let answer = server.send(get("/ok", "")).await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    Ok(())
}

#[tokio::test]
async fn a_panic_is_a_500_that_shows_nothing_and_stops_nobody() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let answer = server.send(get("/panic", "")).await?;
    assert_eq!((answer.status(), answer.code().as_str()), (500, "internal"));
    assert!(!answer.body.contains("secret"), "{answer:?}");
    assert_eq!(server.send(get("/ok", "")).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_handler_that_never_answers_is_given_up() -> std::io::Result<()> {
    let settings =
        LayerSettings { request_timeout: Duration::from_millis(50), ..LayerSettings::default() };
    let server = Server::start(with_layers(routes(), &settings), ServeSettings::default()).await?;
    let answer = server.send(get("/wait", "")).await?;
    assert_eq!((answer.status(), answer.code().as_str()), (504, "request_timeout"));
    Ok(())
}

#[tokio::test]
async fn more_requests_than_allowed_are_turned_away_and_the_slot_comes_back() -> std::io::Result<()>
{
    let settings = LayerSettings {
        requests_in_flight_max: 1,
        request_timeout: Duration::from_millis(300),
        overload_retry_after: Duration::from_millis(1_500),
    };
    let server = Server::start(with_layers(routes(), &settings), ServeSettings::default()).await?;
    let mut holding = server.connect().await?;
    holding.write_all(get("/wait", "").as_bytes()).await?;
    let mut answer = server.send(get("/ok", "")).await?;
    while answer.status() == 200 {
        answer = server.send(get("/ok", "")).await?;
    }
    assert_eq!((answer.status(), answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(Answer::read(&mut holding).await?.status(), 504);
    assert_eq!(server.send(get("/ok", "")).await?.status(), 200);
    Ok(())
}
