//! The service.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tenon_exec::cluster::view::View;
use tenon_exec::ports::membership::Membership;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::v1::external_scaler_server::{ExternalScaler, ExternalScalerServer};
use crate::v1::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};

/// The one metric: how many workers there should be.
pub const METRIC: &str = "tenon_workers_desired";

/// The largest request, in bytes: a name, a namespace and some metadata.
const REQUEST_BYTES_MAX: usize = 64 << 10;

/// Limits of the service.
#[derive(Debug, Clone)]
pub struct ScalerSettings {
    /// How often those who follow are told, where something changed.
    pub follow_interval: Duration,
    /// Followers at once.
    pub followers_max: usize,
    /// Calls at once on one connection.
    pub calls_max: usize,
}

impl Default for ScalerSettings {
    fn default() -> Self {
        Self { follow_interval: Duration::from_secs(1), followers_max: 16, calls_max: 32 }
    }
}

/// The external scaler.
#[derive(Clone)]
pub struct Scaler {
    membership: Arc<dyn Membership>,
    settings: ScalerSettings,
    followers: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Scaler {
    /// A scaler that reads the view of the leader; followers are let go at `stop`.
    #[must_use]
    pub fn new(
        membership: Arc<dyn Membership>,
        settings: ScalerSettings,
        stop: CancellationToken,
    ) -> Self {
        let followers = Arc::new(Semaphore::new(settings.followers_max));
        Self { membership, settings, followers, stop }
    }

    /// Serves on a listener until `stop`.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(self, listener: TcpListener) -> Result<(), tonic::transport::Error> {
        let stop = self.stop.clone();
        let calls_max = self.settings.calls_max;
        let service = ExternalScalerServer::new(self).max_decoding_message_size(REQUEST_BYTES_MAX);
        Server::builder()
            .concurrency_limit_per_connection(calls_max)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .add_service(service)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.cancelled_owned())
            .await
    }

    async fn view(&self) -> Result<View, Status> {
        match self.membership.view().await {
            Ok(Some(view)) => Ok(view),
            Ok(None) => Err(Status::unavailable("no leader has published a view yet")),
            Err(error) => {
                tracing::debug!(error = %error, "the view could not be read");
                Err(Status::unavailable("the view cannot be read now"))
            }
        }
    }
}

fn is_active(view: &View) -> IsActiveResponse {
    IsActiveResponse { result: view.workers_desired > 0 }
}

#[tonic::async_trait]
impl ExternalScaler for Scaler {
    type StreamIsActiveStream =
        Pin<Box<dyn Stream<Item = Result<IsActiveResponse, Status>> + Send + 'static>>;

    async fn is_active(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        Ok(Response::new(is_active(&self.view().await?)))
    }

    async fn stream_is_active(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let permit = self.followers.clone().try_acquire_owned();
        let Ok(permit) = permit else {
            return Err(Status::resource_exhausted("too many followers"));
        };
        let (sender, receiver) = mpsc::channel(1);
        let scaler = self.clone();
        tokio::spawn(async move {
            let following = follow(&scaler, &sender);
            tokio::select! {
                () = following => {}
                () = scaler.stop.cancelled() => {}
                () = sender.closed() => {}
            }
            drop(permit);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_metric_spec(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let spec =
            MetricSpec { metric_name: METRIC.to_owned(), target_size: 1, target_size_float: 1.0 };
        Ok(Response::new(GetMetricSpecResponse { metric_specs: vec![spec] }))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let name = request.into_inner().metric_name;
        if !name.is_empty() && name != METRIC {
            return Err(Status::not_found(format!("the only metric is {METRIC}")));
        }
        let desired = self.view().await?.workers_desired;
        let value = MetricValue {
            metric_name: METRIC.to_owned(),
            metric_value: desired.into(),
            metric_value_float: desired.into(),
        };
        Ok(Response::new(GetMetricsResponse { metric_values: vec![value] }))
    }
}

/// Tells a follower what is so, and then each change.
async fn follow(scaler: &Scaler, to: &mpsc::Sender<Result<IsActiveResponse, Status>>) {
    let mut told = None;
    loop {
        if let Ok(view) = scaler.view().await {
            let now = is_active(&view);
            if told != Some(now) {
                told = Some(now);
                if to.send(Ok(now)).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(scaler.settings.follow_interval).await;
    }
}
