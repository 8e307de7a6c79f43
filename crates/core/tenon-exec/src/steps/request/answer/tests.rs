use super::*;

fn decoded(content_type: &str, body: &[u8], format: ResponseFormat) -> Value {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a header value"));
    }
    body_value(&headers, &Bytes::copy_from_slice(body), format, StatusCode::OK, "/files/a%20b.bin")
        .expect("decoded")
}

#[test]
fn by_default_the_content_type_decides() {
    let auto = |content_type, body: &[u8]| decoded(content_type, body, ResponseFormat::Auto);
    assert_eq!(auto("application/json", b"{\"a\":1}"), json!({"a": 1}));
    assert_eq!(auto("application/problem+json", b"[1]"), json!([1]));
    assert_eq!(auto("APPLICATION/JSON; charset=UTF-8", b"\xef\xbb\xbf1"), json!(1));
    assert_eq!(auto("text/json", b"1"), json!(1));
    assert_eq!(auto("text/html; charset=utf-8", "é".as_bytes()), json!("é"));
    assert_eq!(auto("text/plain; charset=\"ISO-8859-1\"", b"\xe9"), json!("é"));
    assert_eq!(auto("application/xml", b"<a/>"), json!("<a/>"));
    assert_eq!(auto("image/svg+xml", b"<svg/>")["dataType"], "FILE");
    assert_eq!(auto("application/pdf", b"%PDF")["mimeType"], "application/pdf");
    assert_eq!(auto("", b"plain"), json!("plain"));
    assert_eq!(auto("", b"\x00\x01")["mimeType"], "application/octet-stream");
}

#[test]
fn what_does_not_fit_its_type_is_kept_as_it_is() {
    let auto = |content_type, body: &[u8]| decoded(content_type, body, ResponseFormat::Auto);
    assert_eq!(auto("application/json", b"{not json"), json!("{not json"));
    assert_eq!(auto("application/json", b"\xff\xfe")["data"], "//4=");
    assert_eq!(auto("text/plain", b"\xff")["dataType"], "FILE");
    assert_eq!(auto("text/plain; charset=shift_jis", b"a")["dataType"], "FILE");
}

#[test]
fn an_empty_body_is_null_whatever_is_asked_for() {
    use ResponseFormat::{Auto, Binary, Json, Text};
    for format in [Auto, Binary, Json, Text] {
        assert_eq!(decoded("application/json", b"", format), Value::Null);
    }
}

#[test]
fn text_that_is_asked_for_is_given() {
    let text = |content_type, body: &[u8]| decoded(content_type, body, ResponseFormat::Text);
    assert_eq!(text("application/json", b"{\"a\":1}"), json!("{\"a\":1}"));
    assert_eq!(text("application/pdf", b"a\xffb"), json!("a\u{fffd}b"));
}

#[test]
fn a_file_has_a_name_and_a_size() {
    let file = decoded("image/png", b"\x89PNG", ResponseFormat::Binary);
    assert_eq!(
        file,
        json!({
            "data": "iVBORw==", "dataType": "FILE", "encoding": "base64",
            "mimeType": "image/png", "name": "a b.bin", "size": 4,
        })
    );
}

#[test]
fn json_in_an_error_answer_is_wanted_but_not_needed() {
    let headers = HeaderMap::new();
    let body = Bytes::from_static(b"Bad Gateway");
    let status = StatusCode::BAD_GATEWAY;
    let value = body_value(&headers, &body, ResponseFormat::Json, status, "/");
    assert_eq!(value, Ok(json!("Bad Gateway")));
    let (kept, problem) = body_value(&headers, &body, ResponseFormat::Json, StatusCode::OK, "/")
        .expect_err("not JSON");
    assert_eq!(kept, json!("Bad Gateway"));
    assert!(problem.starts_with("the answer is not JSON: "), "{problem}");
}

#[test]
fn json_nested_too_deep_is_text() {
    let deep = "[".repeat(100_000);
    assert_eq!(decoded("application/json", deep.as_bytes(), ResponseFormat::Auto), json!(deep));
}

#[test]
fn a_files_name_is_a_name_and_never_a_place() {
    let name = |disposition: &str, path: &str| {
        let mut headers = HeaderMap::new();
        if !disposition.is_empty() {
            let value = header::HeaderValue::from_bytes(disposition.as_bytes());
            headers.insert(header::CONTENT_DISPOSITION, value.expect("a header value"));
        }
        file_name(&headers, path)
    };
    assert_eq!(name("attachment; filename=\"a; b.txt\"", "/x"), "a; b.txt");
    assert_eq!(name("attachment; filename=plain.txt", "/x"), "plain.txt");
    assert_eq!(name("attachment; filename=\"say \\\"hi\\\".txt\"", "/x"), "say \"hi\".txt");
    assert_eq!(name("attachment; filename=\"x\"; filename*=UTF-8''%e2%82%ac.txt", "/x"), "€.txt");
    assert_eq!(name("attachment; filename=\"../../etc/passwd\"", "/x"), "passwd");
    assert_eq!(name("attachment; filename*=utf-8''..%2f..%5cboot.ini", "/x"), "boot.ini");
    assert_eq!(name("attachment", "/a/report.csv"), "report.csv");
    for nothing in ["/", "", "/..", "/%2e%2e", "/%00"] {
        assert_eq!(name("", nothing), "file", "{nothing}");
    }
    assert_eq!(name("", &format!("/{}", "x".repeat(999))).len(), 255);
}
