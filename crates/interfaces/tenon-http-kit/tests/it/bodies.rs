use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::wire::{Answer, Server};

#[tokio::test]
async fn a_good_body_is_echoed() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let answer = server.post(r#"{"b": 1, "a": [true]}"#).await?;
    assert_eq!((answer.status(), answer.body.as_str()), (200, r#"{"b":1,"a":[true]}"#));
    Ok(())
}

#[tokio::test]
async fn each_kind_of_bad_body_has_its_code_and_others_go_on() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let deep = "[".repeat(900);
    let cases: [(&[u8], u16, &str); 8] = [
        (b"", 400, "body_missing"),
        (b"{\"a\": }", 400, "json_syntax"),
        (b"{\"a\": \"\xff\xfe\"}", 400, "json_invalid_utf8"),
        (b"{\"a\": 1, \"a\": 2}", 400, "json_duplicate_key"),
        (deep.as_bytes(), 400, "json_too_deep"),
        (b"{\"a\": NaN}", 400, "json_invalid_number"),
        (b"{} {}", 400, "json_trailing_data"),
        (&[b' '; 1_001], 413, "body_too_large"),
    ];
    for (body, status, code) in cases {
        let answer = server.post(body).await?;
        assert_eq!((answer.status(), answer.code().as_str()), (status, code));
        assert_eq!(server.post("{}").await?.status(), 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    for header in ["", "content-type: text/plain\r\n", "content-type: application/xml\r\n"] {
        let answer = server
            .send(format!(
                "POST /echo HTTP/1.1\r\nhost: t\r\n{header}content-length: 2\r\n\
                 connection: close\r\n\r\n{{}}"
            ))
            .await?;
        assert_eq!((answer.status(), answer.code().as_str()), (415, "unsupported_media_type"));
    }
    Ok(())
}

#[tokio::test]
async fn two_hundred_megabytes_are_refused_before_they_are_sent() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let answer = server
        .send(
            "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
             content-length: 209715200\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        )
        .await?;
    assert_eq!((answer.status(), answer.code().as_str()), (413, "body_too_large"));
    Ok(())
}

#[tokio::test]
async fn a_chunked_body_is_refused_at_the_byte_too_much() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let chunk = format!("258\r\n{}\r\n", "1".repeat(600));
    let answer = server
        .send(format!(
            "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunk}{chunk}"
        ))
        .await?;
    assert_eq!((answer.status(), answer.code().as_str()), (413, "body_too_large"));
    Ok(())
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let mut stream = server.connect().await?;
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
              content-length: 900\r\nconnection: close\r\n\r\n{",
        )
        .await?;
    let (mut read, mut write) = stream.into_split();
    let drip = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut bytes = vec![0; 4_096];
    let count = tokio::io::AsyncReadExt::read(&mut read, &mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes[..count]);
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("body_timeout"), "{text}");
    drip.abort();
    Ok(())
}

#[tokio::test]
async fn a_length_given_in_two_ways_is_refused_in_either_order() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let length = "content-length: 5\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    for headers in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        let answer = server
            .send(format!(
                "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n{headers}\r\n\
                 2\r\n{{}}\r\n0\r\n\r\nGET /ok HTTP/1.1\r\nhost: t\r\n\r\n"
            ))
            .await?;
        assert_eq!(answer.status(), 400, "{answer:?}");
        assert!(answer.body.contains("ambiguous_length"), "{answer:?}");
        assert!(!answer.body.contains("200 OK"), "the request behind it is not answered");
    }
    Ok(())
}

#[tokio::test]
async fn a_chunked_body_alone_is_fine() -> std::io::Result<()> {
    let server = Server::with_defaults().await?;
    let mut stream = server.connect().await?;
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
              transfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        )
        .await?;
    assert_eq!(Answer::read(&mut stream).await?.status(), 200);
    Ok(())
}
