//! `/file.pdf` and `/xml`: answers that are not JSON.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Shared;

/// `GET /file.pdf`: one page that says what it is.
pub(super) async fn pdf() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"demo.pdf\"")),
    ];
    (headers, one_page("A page of the demo service")).into_response()
}

/// A whole PDF with one line of text, which holds no brackets or backslashes.
fn one_page(line: &str) -> Vec<u8> {
    let drawing = format!("BT /F1 24 Tf 72 720 Td ({line}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec();
    // Readers find each object by its offset, in entries of exactly 20 bytes.
    let mut offsets = String::from("0000000000 65535 f \n");
    for (object, number) in objects.iter().zip(1..) {
        offsets.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let count = objects.len() + 1;
    let start = file.len();
    let end = format!(
        "xref\n0 {count}\n{offsets}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    file.extend(end.bytes());
    file
}

/// `GET /xml`: the first ten contacts.
pub(super) async fn xml(State(demo): State<Shared>) -> Response {
    let (contacts, _) = demo.contacts.page(0, 10);
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<contacts>\n");
    for contact in &contacts {
        let text =
            |name: &str| escaped(contact.get(name).and_then(Value::as_str).unwrap_or_default());
        let (id, name, email) = (text("id"), text("name"), text("email"));
        writeln!(
            document,
            "  <contact id=\"{id}\"><name>{name}</name><email>{email}</email></contact>"
        )
        .expect("writing to a string does not fail");
    }
    document.push_str("</contacts>\n");
    ([(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"))], document)
        .into_response()
}

/// Text as it may stand in an element or an attribute. Control characters, which XML has no
/// way to write, are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => {}
            character if character.is_control() && !"\t\n\r".contains(character) => {}
            character => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{escaped, one_page};

    #[test]
    fn every_object_of_the_pdf_is_at_its_offset() {
        let file = one_page("hello");
        let text = String::from_utf8_lossy(&file[15..]);
        let (_, table) = text.split_once("xref\n0 6\n").expect("there is a table of offsets");
        let entries: Vec<&str> = table.lines().take(6).collect();
        for (number, entry) in entries.iter().enumerate().skip(1) {
            let offset: usize = entry[..10].parse().expect("an offset is a number");
            assert!(file[offset..].starts_with(format!("{number} 0 obj").as_bytes()));
        }
        let start = text.lines().rev().nth(1).expect("the last line but one is the offset");
        let start: usize = start.parse().expect("an offset is a number");
        assert!(file[start..].starts_with(b"xref\n"));
    }

    #[test]
    fn text_stays_text_in_xml() {
        assert_eq!(escaped("<a b=\"c\">&\u{0}"), "&lt;a b=&quot;c&quot;&gt;&amp;");
    }
}
