//! How a provider can fail the steps that call it.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use http::{StatusCode, header};

/// Zeros in gzip: 10 MiB of them in 10 KiB, repeated as members of one stream.
const BOMB_MEMBERS: usize = 1_024;
/// A chunk of an answer that is too large.
const CHUNK: usize = 1024 * 1024;
/// Chunks of an answer that is too large: 10 GiB.
const CHUNKS: usize = 10 * 1024;

/// What a provider does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// It answers.
    None,
    /// 429, and when to come again.
    TooMany,
    /// 500.
    Fails,
    /// It says nothing for long.
    Hangs,
    /// A byte now and then.
    Drips,
    /// 10 GiB.
    Floods,
    /// What becomes 10 GiB when it is unpacked.
    Bomb,
    /// It ends before it is complete.
    Truncates,
    /// The connection breaks amid the answer.
    Breaks,
}

impl Misbehaviour {
    /// All that is bad.
    pub const ALL: [Self; 8] = [
        Self::TooMany,
        Self::Fails,
        Self::Hangs,
        Self::Drips,
        Self::Floods,
        Self::Bomb,
        Self::Truncates,
        Self::Breaks,
    ];
}

/// The answer of a provider that behaves so.
pub(crate) async fn answer(misbehaviour: Misbehaviour) -> Response {
    match misbehaviour {
        Misbehaviour::None => Body::from("{}").into_response(),
        Misbehaviour::TooMany => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response()
        }
        Misbehaviour::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Misbehaviour::Hangs => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        Misbehaviour::Drips => {
            let drops = futures::stream::iter(0..50).then(|_| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok::<_, std::io::Error>(Bytes::from_static(b" "))
            });
            Body::from_stream(drops).into_response()
        }
        Misbehaviour::Floods => {
            let chunk = Bytes::from(vec![b' '; CHUNK]);
            let chunks = futures::stream::iter((0..CHUNKS).map(move |_| Ok(chunk.clone())));
            Body::from_stream(chunks.map(|chunk: std::io::Result<Bytes>| chunk)).into_response()
        }
        Misbehaviour::Bomb => {
            let member = Bytes::from(zeros());
            let members = futures::stream::iter((0..BOMB_MEMBERS).map(move |_| Ok(member.clone())));
            let body = Body::from_stream(members.map(|member: std::io::Result<Bytes>| member));
            ([(header::CONTENT_ENCODING, "gzip")], body).into_response()
        }
        Misbehaviour::Truncates => {
            let short = futures::stream::once(async { Ok(Bytes::from_static(b"{\"a\":")) });
            let broken = short.chain(futures::stream::once(async { Err(cut_off()) }));
            ([(header::CONTENT_LENGTH, "1000")], Body::from_stream(broken)).into_response()
        }
        Misbehaviour::Breaks => {
            let short = futures::stream::once(async { Ok(Bytes::from_static(b"{")) });
            let broken = short.chain(futures::stream::once(async { Err(cut_off()) }));
            Body::from_stream(broken).into_response()
        }
    }
}

fn cut_off() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}

/// A gzip member of 10 MiB of zeros: stored data would do, but not as small.
fn zeros() -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; CHUNK];
    for _ in 0..10 {
        encoder.write_all(&zeros).expect("a vector takes everything");
    }
    encoder.finish().expect("a vector takes everything")
}
