//! Spans of `tracing` as spans of OpenTelemetry.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tenon_telemetry::TraceContext;
use tenon_telemetry::trace::{self, Tracer};
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// What spans of ours have in common: those of libraries may hold SQL and addresses.
const OUR_TARGETS: &str = "tenon";

/// The layer that makes spans. Events stay in the log: they are for people, and say more.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let is_ours = |metadata: &Metadata<'_>| {
        metadata.is_span()
            && *metadata.level() <= LevelFilter::INFO
            && metadata.target().starts_with(OUR_TARGETS)
    };
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("tenon"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_filter(filter_fn(is_ours))
        .boxed()
}

/// From here on libraries see where in a trace they are.
pub(super) fn install() {
    trace::install(Box::new(OpenTelemetry));
}

struct OpenTelemetry;

impl Tracer for OpenTelemetry {
    fn context_of(&self, span: &Span) -> Option<TraceContext> {
        if span.is_none() {
            return None;
        }
        let context = span.context();
        let span = context.span();
        let known = span.span_context();
        if !known.is_sampled() {
            return None;
        }
        TraceContext::new(known.trace_id().to_bytes(), known.span_id().to_bytes())
    }

    fn follow(&self, span: &Span, parent: TraceContext) {
        let remote = SpanContext::new(
            TraceId::from_bytes(parent.trace()),
            SpanId::from_bytes(parent.span()),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        // Only a span that has begun refuses, and that is never asked of one.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote));
    }
}
