use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use super::*;
use crate::ports::script::ConsoleLine;

const SECRET: &str = r#"canary/1+"x"&<ä>?"#;

fn output(secrets: &[&str], mut value: Value) -> Value {
    Mask::of(secrets.iter().copied()).clean_value(&mut value, Reach::Output);
    value
}

fn record(secrets: &[&str], mut value: Value) -> Value {
    Mask::of(secrets.iter().copied()).clean_value(&mut value, Reach::Record);
    value
}

#[test]
fn every_form_of_a_secret_is_taken_out() {
    let in_json = Value::from(SECRET).to_string();
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02X}")).collect();
    let written = [
        SECRET.to_owned(),
        tenon_connector::request::url::encode(SECRET),
        in_json[1..in_json.len() - 1].to_owned(),
        hex.clone(),
        hex.to_lowercase(),
        SECRET
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;"),
    ];
    for text in written {
        let masked = output(&[SECRET], json!({ "a": [format!("x{text}y")] }));
        assert_eq!(masked, json!({ "a": ["x***y"] }), "{text}");
    }
}

#[test]
fn base64_is_found_at_every_offset() {
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "z", "zz"] {
            let whole = format!("{before}{SECRET}{after}");
            for text in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                let masked = output(&[SECRET], json!(text));
                let masked = masked.as_str().expect("text");
                assert!(masked.contains("***"), "{before} {after}: {text}");
                // Not even a few characters of it can be decoded from what is left.
                assert!(masked.len() < text.len() - SECRET.len() + 3, "{masked}");
            }
        }
    }
}

#[test]
fn lines_of_a_key_and_members_of_an_object_are_secret_too() {
    let pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n";
    assert_eq!(
        output(&[pem], json!("line 2 is hkiG9w0BAQEFAASC; -----BEGIN KEY-----")),
        json!("line 2 is ***; -----BEGIN KEY-----")
    );
    assert_eq!(output(&[pem], json!(pem.trim_end())), json!("***"));
    let object = json!({ "user": "ann", "private_key": pem, "list": ["member-canary"] });
    let object = object.to_string();
    let given = json!([pem, "MIIEvQIBADANBgkq", "a member-canary", "ann"]);
    let masked = output(&[&object], given);
    assert_eq!(masked, json!(["***", "***", "a ***", "ann"]));
}

#[test]
fn what_holds_another_secret_goes_as_a_whole() {
    let masked = output(&["canary-one", "canary-one-and-two"], json!("canary-one-and-two"));
    assert_eq!(masked, json!("***"));
}

#[test]
fn names_and_numbers_are_searched() {
    let masked = output(&["1234567890"], json!({ "1234567890": 1_234_567_890, "b": 12 }));
    assert_eq!(masked, json!({ "***": "***", "b": 12 }));
}

#[test]
fn a_short_password_leaves_no_trace_in_records_and_spoils_no_output() {
    let given = json!({ "a": "pin 1234", "b": "1234", "c": 1234, "d": 12345 });
    assert_eq!(
        record(&["1234"], given.clone()),
        json!({ "a": "pin ***", "b": "***", "c": "***", "d": "***" })
    );
    let masked = output(&["1234"], given);
    assert_eq!(masked, json!({ "a": "pin 1234", "b": "***", "c": "***", "d": 12345 }));
}

#[tokio::test]
async fn all_that_an_attempt_leaves_behind_is_searched() {
    let console = || {
        let message = format!("said {SECRET}");
        vec![ConsoleLine { level: "log".to_owned(), message }]
    };
    let large = format!("{}{SECRET}", "x".repeat(INLINE_BYTES_MAX));
    for text in [SECRET.to_owned(), large] {
        let outcome = Outcome {
            input: Some(json!({ "i": text })),
            output: json!({ "o": text }),
            console: console(),
            console_dropped: 3,
        };
        let cleaned = Mask::of([SECRET].into_iter()).clean(Ok(outcome)).await.expect("it is one");
        let shown = format!("{cleaned:?}");
        assert!(shown.contains("***") && !shown.contains("canary"), "{}", &shown[..200]);
        assert_eq!(cleaned.console_dropped, 3);
        let failure = Failure {
            input: Some(Box::new(json!({ "i": text }))),
            output: Some(Box::new(json!({ "o": text }))),
            console: console(),
            ..Failure::new("step_failed", format!("no {SECRET}"), FailureClass::Transient)
        };
        let cleaned = Mask::of([SECRET].into_iter()).clean(Err(failure)).await.expect_err("it is");
        let shown = format!("{cleaned:?}");
        assert!(shown.contains("***") && !shown.contains("canary"), "{}", &shown[..200]);
        assert_eq!(cleaned.class, FailureClass::Transient);
    }
}
