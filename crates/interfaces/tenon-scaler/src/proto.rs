//! What is made of `proto/externalscaler.proto`.

// The made code names both.
use prost as _;
use tonic_prost as _;

/// Messages, the service and a client of it.
#[expect(clippy::allow_attributes, reason = "made by the build script")]
pub mod v1 {
    tonic::include_proto!("externalscaler");
}
