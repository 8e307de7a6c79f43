//! Looks for a text in everything that was written: as it is, and as base64, hexadecimal, or with
//! any of its characters percent-encoded.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures::TryStreamExt as _;
use memchr::memmem;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

/// How much is shown around a find.
const AROUND: usize = 60;

/// A search and what it found.
pub struct Traces {
    /// Each way to write it, by the way's name.
    forms: Vec<(&'static str, Vec<u8>)>,
    found: Vec<String>,
    bytes: usize,
}

impl Traces {
    /// Looks for a text of ASCII letters, digits and hyphens, which stay as they are in URLs.
    pub fn of(text: &str) -> Self {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut forms = vec![
            ("plain", text.as_bytes().to_vec()),
            ("percent", percent.to_uppercase().into_bytes()),
            ("percent", percent.into_bytes()),
            ("hex", hex.to_uppercase().into_bytes()),
            ("hex", hex.into_bytes()),
        ];
        // It may begin at any of three places of a group.
        for shift in 0..3 {
            let mut bytes = vec![0; shift];
            bytes.extend(text.as_bytes());
            let (from, to) = ((shift * 8).div_ceil(6), bytes.len() * 8 / 6);
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let form = engine.encode(&bytes).as_bytes()[from..to].to_vec();
                if !forms.iter().any(|(_, known)| *known == form) {
                    forms.push(("base64", form));
                }
            }
        }
        Self { forms, found: Vec::new(), bytes: 0 }
    }

    /// Looks for a text as it is.
    pub fn of_plain(text: &str) -> Self {
        Self { forms: vec![("plain", text.as_bytes().to_vec())], found: Vec::new(), bytes: 0 }
    }

    /// Where it was found, in which form, and what is around it.
    pub fn found(&self) -> &[String] {
        &self.found
    }

    /// Whether it was found in a place of which this is a part of the name.
    pub fn is_in(&self, place: &str) -> bool {
        self.found.iter().any(|trace| trace.contains(place))
    }

    /// How much was searched.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every row of every table of a database, as text.
    pub async fn search_rows(&mut self, url: &str) {
        let mut connection = PgConnection::connect(url).await.expect("the database is there");
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        )
        .fetch_all(&mut connection)
        .await
        .expect("tables can be listed");
        assert!(!tables.is_empty(), "there are no tables");
        for table in tables {
            let query = format!("SELECT row_text::text FROM {table} AS row_text");
            let mut rows = sqlx::query(AssertSqlSafe(query)).fetch(&mut connection);
            let place = format!("rows of {table}");
            while let Some(row) = rows.try_next().await.expect("rows can be read") {
                let text: String = row.get(0);
                self.search(&place, text.as_bytes());
            }
        }
    }

    /// A file, or everything below a folder.
    pub fn search_files(&mut self, place: &Path) {
        for file in files_below(place) {
            // The server removes files while it runs.
            let Ok(bytes) = fs::read(&file) else { continue };
            self.search(&file.display().to_string(), &bytes);
        }
    }

    fn search(&mut self, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        for (form, wanted) in &self.forms {
            let Some(at) = memmem::find(bytes, wanted) else { continue };
            let around = &bytes[at.saturating_sub(AROUND)..bytes.len().min(at + AROUND)];
            let around = String::from_utf8_lossy(around).into_owned();
            let is_known = self.found.iter().filter(|it| it.starts_with(place)).count() >= 5;
            if !is_known {
                self.found.push(format!("{place} ({form}): {around:?}"));
            }
        }
    }
}

/// Files below a place.
fn files_below(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(place) else {
        return vec![place.to_owned()];
    };
    let entries = entries.filter_map(Result::ok);
    // Sockets and pipes have nothing to read.
    let kept =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_file()));
    kept.flat_map(|entry| files_below(&entry.path())).collect()
}

#[test]
fn a_text_is_found_in_each_of_its_forms_wherever_it_begins() {
    for lead in ["", "a", "ab", "abc"] {
        let whole = format!("{lead}canary-7f/+");
        let forms = [
            whole.clone(),
            STANDARD_NO_PAD.encode(&whole),
            URL_SAFE_NO_PAD.encode(&whole),
            whole.bytes().map(|byte| format!("{byte:02x}")).collect(),
            whole.bytes().map(|byte| format!("{byte:02X}")).collect(),
            whole.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        ];
        for form in forms {
            let mut traces = Traces::of("canary-");
            traces.search("here", form.as_bytes());
            assert_eq!(traces.found().len(), 1, "{form}");
        }
    }
    let mut traces = Traces::of("canary-");
    traces.search("here", b"canary, Y2FuYXJ, 63616e617279");
    assert!(traces.found().is_empty());
}
