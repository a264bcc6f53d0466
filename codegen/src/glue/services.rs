//! The gRPC side: every generated tonic service forwards to one place.

use std::fmt::Write;

use crate::contract::Form;
use crate::names::snake;
use crate::output::Generated;

/// Writes the implementations of tonic's service traits for the crate's `Frontend`, and a directory
/// of the services by name.
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
                    "    type {0}Stream = Events;\n    async fn {name}(&self, request: tonic::Request<v1::{request}>) -> Result<tonic::Response<Events>, tonic::Status> {{\n        self.server_streaming(request.map(Request::{method})).await\n    }}",
                    rpc.name
                ),
                Form::Bidirectional => writeln!(
                    out,
                    "    type {0}Stream = Events;\n    async fn {name}(&self, request: tonic::Request<tonic::Streaming<v1::{request}>>) -> Result<tonic::Response<Events>, tonic::Status> {{\n        self.bidirectional(Method::{method}, request).await\n    }}",
                    rpc.name
                ),
            };
        }
        out.push_str("}\n\n");
    }
    out + &directory(generated)
}

/// Writes `Contract`: a tonic server for every service, and the way from a name to its server.
fn directory(generated: &Generated) -> String {
    let names = || generated.contract.services.iter().map(|s| (s.name.as_str(), snake(&s.name)));
    let mut out = String::from(
        "/// The contract's services for one client.\n#[derive(Debug, Clone)]\npub(super) struct Contract {\n",
    );
    for (name, module) in names() {
        let _ = writeln!(out, "    {module}: server::{module}_server::{name}Server<Frontend>,");
    }
    out.push_str("}\n\nimpl Contract {\n    /// Names of the services, as in the contract's paths.\n    pub(super) const NAMES: &[&str] = &[\n");
    for (_, module) in names() {
        let _ = writeln!(out, "        server::{module}_server::SERVICE_NAME,");
    }
    out.push_str(
        "    ];\n\n    pub(super) fn new(frontend: Arc<Frontend>) -> Self {\n        Self {\n",
    );
    for (name, module) in names() {
        let _ = writeln!(
            out,
            "            {module}: server::{module}_server::{name}Server::from_arc(Arc::clone(&frontend))\n                .max_decoding_message_size(MAX_REQUEST)\n                .max_encoding_message_size(MAX_REPLY),"
        );
    }
    out.push_str("        }\n    }\n\n    /// Hands a request to the service of that name; gives it back if there is none.\n    #[allow(clippy::result_large_err, reason = \"the request comes back as it was given, which costs one move\")]\n    pub(super) fn call<B>(&self, service: &str, request: http::Request<B>) -> Result<HttpAnswer, http::Request<B>>\n    where\n        B: http_body::Body + Send + 'static,\n        B::Error: Into<tonic::codegen::StdError> + Send + 'static,\n    {\n        match service {\n");
    for (_, module) in names() {
        let _ = writeln!(
            out,
            "            server::{module}_server::SERVICE_NAME => Ok(self.{module}.clone().call(request)),"
        );
    }
    out.push_str("            _ => Err(request),\n        }\n    }\n}\n");
    out
}
