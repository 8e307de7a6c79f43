//! The scaler, asked by a real gRPC client over loopback.

use std::sync::Arc;
use std::time::Duration;

use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::Membership;
use tenon_exec::ports::routing::Term;
use tenon_local::LocalMembership;
use tenon_scaler::v1::external_scaler_client::ExternalScalerClient;
use tenon_scaler::v1::{GetMetricsRequest, ScaledObjectRef};
use tenon_scaler::{METRIC, Scaler, ScalerSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;

struct Bench {
    membership: Arc<LocalMembership>,
    client: ExternalScalerClient<Channel>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Bench {
    async fn start() -> Self {
        let membership = Arc::new(LocalMembership::new());
        let settings = ScalerSettings {
            follow_interval: Duration::from_millis(20),
            followers_max: 1,
            ..ScalerSettings::default()
        };
        let stop = CancellationToken::new();
        let scaler = Scaler::new(membership.clone(), settings, stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let serving = tokio::spawn(async move {
            scaler.serve(listener).await.expect("the listener holds");
        });
        let address = Channel::from_shared(format!("http://{address}")).expect("it is a URL");
        let client = ExternalScalerClient::new(address.connect().await.expect("it listens"));
        Self { membership, client, stop, serving }
    }

    async fn publish(&self, number: u64, workers_desired: u32) {
        let view = View {
            term: Term(1),
            number,
            members: Vec::new(),
            leaving: Vec::new(),
            dedicated: Vec::new(),
            reserved_percent_max: 50,
            workers_min: 0,
            workers_desired,
        };
        assert!(self.membership.publish_view(&view).await.expect("it is in memory"));
    }
}

fn workers() -> ScaledObjectRef {
    ScaledObjectRef { name: "workers".to_owned(), ..ScaledObjectRef::default() }
}

fn metric(name: &str) -> GetMetricsRequest {
    GetMetricsRequest { scaled_object_ref: Some(workers()), metric_name: name.to_owned() }
}

#[tokio::test]
async fn the_metric_divided_by_its_target_is_the_number_of_workers() {
    let mut bench = Bench::start().await;
    bench.publish(1, 7).await;
    let spec = bench.client.get_metric_spec(workers()).await.expect("it answers").into_inner();
    let metrics = bench.client.get_metrics(metric(METRIC)).await.expect("it answers").into_inner();
    let (spec, value) = (&spec.metric_specs[0], &metrics.metric_values[0]);
    assert_eq!((spec.metric_name.as_str(), value.metric_name.as_str()), (METRIC, METRIC));
    assert_eq!(value.metric_value / spec.target_size, 7);
    assert!(bench.client.is_active(workers()).await.expect("it answers").into_inner().result);
    let unknown = bench.client.get_metrics(metric("other")).await.expect_err("there is none");
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn without_a_view_nothing_is_claimed() {
    let mut bench = Bench::start().await;
    let refused = bench.client.get_metrics(metric(METRIC)).await.expect_err("no view");
    assert_eq!(refused.code(), Code::Unavailable);
    let refused = bench.client.is_active(workers()).await.expect_err("no view");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_follower_hears_of_each_change_and_is_let_go_at_the_end() {
    let mut bench = Bench::start().await;
    bench.publish(1, 0).await;
    let mut news = bench.client.stream_is_active(workers()).await.expect("it answers").into_inner();
    let second = bench.client.stream_is_active(workers()).await.expect_err("one at a time");
    assert_eq!(second.code(), Code::ResourceExhausted);
    assert!(!news.message().await.expect("it streams").expect("a message").result);
    bench.publish(2, 3).await;
    assert!(news.message().await.expect("it streams").expect("a message").result);
    bench.stop.cancel();
    assert!(news.message().await.expect("it ends well").is_none());
    bench.serving.await.expect("it stops");
}
