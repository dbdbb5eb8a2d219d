//! OTLP metrics, over HTTP (protobuf) and gRPC.
//!
//! Follows the OpenTelemetry Protocol specification 1.x and its environment variables. [`encode`] writes
//! requests and does no I/O; [`Otlp`] brings them to a receiver and judges its answers.

pub mod encode;
