//! The gRPC side: every generated tonic service forwards to one place.

use std::fmt::Write;

use crate::contract::Form;
use crate::names::snake;
use crate::output::Generated;

/// Writes the implementations of tonic's service traits for the crate's `Frontend`.
#[must_use]
pub fn services(generated: &Generated) -> String {
    let mut out = String::from("// Generated from schema/ by codegen.\n\n");
    for service in &generated.contract.services {
        let module = format!("{}_server", snake(&service.name));
        let _ = writeln!(
            out,
            "#[tonic::async_trait]\nimpl server::{module}::{} for Frontend {{",
            service.name
        );
        for rpc in &service.methods {
            let (name, method) = (snake(&rpc.name), format!("{}{}", service.name, rpc.name));
            let (request, response) = (&rpc.request, &rpc.response);
            let _ = match rpc.form {
                Form::Unary => writeln!(
                    out,
                    "    async fn {name}(&self, request: tonic::Request<v1::{request}>) -> Result<tonic::Response<v1::{response}>, tonic::Status> {{\n        self.unary(request).await\n    }}"
                ),
                Form::ServerStreaming => writeln!(
                    out,
                    "    type {0}Stream = EventStream<v1::{response}>;\n    async fn {name}(&self, request: tonic::Request<v1::{request}>) -> Result<tonic::Response<Self::{0}Stream>, tonic::Status> {{\n        self.server_streaming(Method::{method}, request.map(Request::{method})).await\n    }}",
                    rpc.name
                ),
                Form::Bidirectional => writeln!(
                    out,
                    "    type {0}Stream = EventStream<v1::{response}>;\n    async fn {name}(&self, request: tonic::Request<tonic::Streaming<v1::{request}>>) -> Result<tonic::Response<Self::{0}Stream>, tonic::Status> {{\n        self.bidirectional(Method::{method}, request).await\n    }}",
                    rpc.name
                ),
            };
        }
        out.push_str("}\n\n");
    }
    out
}
