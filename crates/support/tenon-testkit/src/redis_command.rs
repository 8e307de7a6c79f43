//! One command to a Redis server and its reply, without a client library.

use std::io::{BufRead as _, BufReader, Read, Write};

use anyhow::bail;

/// Sends a command and answers the first line of its reply, or the bulk text.
///
/// # Errors
/// When the server does not answer, or answers with an error.
pub(crate) fn exchange(mut stream: impl Read + Write, words: &[&str]) -> anyhow::Result<String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end();
    match line.split_at_checked(1) {
        Some(("-", error)) => bail!("redis answered `{words:?}` with `{error}`"),
        Some(("$", bytes)) if bytes != "-1" => {
            let mut text = vec![0; bytes.parse()?];
            reader.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        Some((_, rest)) => Ok(rest.to_owned()),
        None => bail!("redis closed the connection"),
    }
}
