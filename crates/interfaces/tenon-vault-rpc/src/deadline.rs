//! How long whoever asks still waits, told with each call: the vault does no work for nobody.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use crate::wire::Fault;

/// The header: milliseconds from when the call was sent.
pub(crate) const HEADER: &str = "tenon-deadline-ms";

/// What is left of `until`, at most `max`; zero when it has passed.
pub(crate) fn left(until: std::time::Instant, max: Duration) -> Duration {
    until.saturating_duration_since(std::time::Instant::now()).min(max)
}

/// What a caller has said, where it is a number.
fn of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_millis)
}

/// Gives a call up when its caller does. Each operation of the vault may be cut off anywhere: its
/// writes are transactions, and a connection that breaks cuts it off as well.
pub(crate) async fn within(request: Request, next: Next) -> Response {
    let Some(left) = of(request.headers()) else { return next.run(request).await };
    match tokio::time::timeout(left, next.run(request)).await {
        Ok(response) => response,
        Err(_) => crate::server::refused(&Fault::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_is_a_deadline() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().expect("a header"));
            of(&headers)
        };
        assert_eq!(with("250"), Some(Duration::from_millis(250)));
        assert_eq!(with("soon"), None);
        assert_eq!(with("-1"), None);
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
