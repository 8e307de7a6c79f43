//! Traces: the context that goes from the trigger of a run to its steps and calls, and spans that
//! exist only where something gathers them.
//!
//! Who gathers is installed once, by the program ([`install`]). Spans hold ids of ours, kinds and
//! outcomes: never bodies, headers, query strings or secrets.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use tracing::Span;

/// Where in which trace something happens: the `traceparent` of W3C Trace Context. It is made of
/// sampled spans only; what is not sampled has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
}

impl TraceContext {
    /// The length of [`TraceContext::to_bytes`].
    pub const BYTES: usize = 24;

    /// Of these ids; `None` where one of them is all zeros, which is no id.
    #[must_use]
    pub fn new(trace: [u8; 16], span: [u8; 8]) -> Option<Self> {
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span })
    }

    /// The trace.
    #[must_use]
    pub const fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// The span that what follows is a child of.
    #[must_use]
    pub const fn span(&self) -> [u8; 8] {
        self.span
    }

    /// How it is stored: the ids, one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace);
        bytes[16..].copy_from_slice(&self.span);
        bytes
    }

    /// Reads what [`TraceContext::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        Self::new(bytes[..16].try_into().ok()?, bytes[16..].try_into().ok()?)
    }
}

impl fmt::Display for TraceContext {
    /// As `traceparent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-01")
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({self})")
    }
}

/// The name of the header that carries a [`TraceContext`] between roles.
pub const HEADER: &str = "traceparent";

/// What the header of a request says, where spans are gathered.
#[must_use]
pub fn of_header(value: Option<&[u8]>) -> Option<TraceContext> {
    if !is_on() {
        return None;
    }
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// Text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTraceparent;

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// Reads a `traceparent`. Whether its sender samples is passed over: that is decided here, by
    /// the id of the trace, so that nobody outside can have everything recorded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(InvalidTraceparent);
        let (version, trace, span, flags) = (part()?, part()?, part()?, part()?);
        let [version] = hex::<1>(version)?;
        // A later version may go on after the flags; this one may not.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(InvalidTraceparent);
        }
        hex::<1>(flags)?;
        Self::new(hex(trace)?, hex(span)?).ok_or(InvalidTraceparent)
    }
}

/// Lower-case hexadecimal digits, two a byte.
fn hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidTraceparent> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(InvalidTraceparent);
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(InvalidTraceparent),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Ok(bytes)
}

/// Gathers spans. One for a process.
pub trait Tracer: Send + Sync + 'static {
    /// Where a span is; `None` when it is not sampled.
    fn context_of(&self, span: &Span) -> Option<TraceContext>;

    /// Makes a span that has not begun yet a child of something elsewhere.
    fn follow(&self, span: &Span, parent: TraceContext);
}

static TRACER: OnceLock<Box<dyn Tracer>> = OnceLock::new();

/// Installs who gathers spans, once, before any is made; answers whether it is this one.
pub fn install(tracer: Box<dyn Tracer>) -> bool {
    TRACER.set(tracer).is_ok()
}

/// Whether anybody gathers spans.
#[must_use]
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// Where the current span is; `None` when nothing is traced or this is not sampled.
#[must_use]
pub fn current() -> Option<TraceContext> {
    TRACER.get()?.context_of(&Span::current())
}

/// Makes a span that has not begun yet a child of something elsewhere, where there is something.
pub fn follow(span: &Span, parent: Option<TraceContext>) {
    if let (Some(tracer), Some(parent)) = (TRACER.get(), parent) {
        tracer.follow(span, parent);
    }
}

/// A span of something within a trace: made only where spans are gathered and what is around it
/// is sampled, so that it costs nothing otherwise.
pub fn span(make: impl FnOnce() -> Span) -> Span {
    if current().is_some() { make() } else { Span::none() }
}

/// A span that goes on with a trace of elsewhere; none where there is none to go on with.
pub fn span_after(parent: Option<TraceContext>, make: impl FnOnce() -> Span) -> Span {
    if parent.is_none() || !is_on() {
        return Span::none();
    }
    let span = make();
    follow(&span, parent);
    span
}

/// A span that begins a trace, where spans are gathered.
pub fn root(make: impl FnOnce() -> Span) -> Span {
    if is_on() { make() } else { Span::none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_written_and_stored() {
        let context: TraceContext = TEXT.parse().expect("it is one");
        assert_eq!(context.to_string(), TEXT);
        assert_eq!(TraceContext::from_bytes(&context.to_bytes()), Some(context));
    }

    #[test]
    fn whether_the_sender_samples_does_not_matter() {
        let unsampled: TraceContext = TEXT.replace("-01", "-00").parse().expect("it is one");
        assert_eq!(unsampled.to_string(), TEXT);
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = format!("{}-more", TEXT.replacen("00", "01", 1));
        assert!(later.parse::<TraceContext>().is_ok());
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e47é6-00f067aa0ba902b7-01",
        ] {
            assert!(text.parse::<TraceContext>().is_err(), "{text}");
        }
        assert_eq!(TraceContext::from_bytes(&[1; 23]), None);
        assert_eq!(TraceContext::from_bytes(&[0; 24]), None);
    }

    #[test]
    fn nothing_is_made_where_nobody_gathers() {
        let context: TraceContext = TEXT.parse().expect("it is one");
        let never = || -> Span { unreachable!("nobody gathers") };
        assert!(span(never).is_none());
        assert!(span_after(Some(context), never).is_none());
        assert!(root(never).is_none());
    }
}
