//! Traces, as a collector receives them.

use std::time::Duration;

use bitcoin_grpc_contract::v1;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::sight::World;

/// Longer than spans wait for company on a busy machine.
const LONG: Duration = Duration::from_secs(30);

struct Collector(mpsc::UnboundedSender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            self.0.send(span).unwrap();
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector, and the spans that it receives.
async fn collector() -> (String, mpsc::UnboundedReceiver<Span>) {
    let (sender, spans) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Collector(sender)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    (address, spans)
}

fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn dust(world: &World, traceparent: &str) {
    let mut request = Request::new(v1::ChainRelayDustFeeRequest {});
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    world.chain().relay_dust_fee(request).await.unwrap();
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn a_callers_trace_goes_on_to_the_node() {
    let (address, mut spans) = collector().await;
    let world = World::start(&["--otlp", &address, "--otlp-sample", "0"]).await;
    // Of what callers do not want to be traced, nothing is sent.
    dust(&world, &format!("00-{TRACE}-00f067aa0ba902b7-00")).await;
    dust(&world, &format!("00-{TRACE}-b7ad6b7169203331-01")).await;
    let mut found = Vec::new();
    while found.len() < 2 {
        found.push(tokio::time::timeout(LONG, spans.recv()).await.unwrap().unwrap());
    }
    let of = |kind: i32| found.iter().find(|span| span.kind == kind).unwrap();
    // The numbers are those of the protocol: server and client.
    let (call, node) = (of(2), of(3));
    assert_eq!(hex(&call.trace_id), TRACE);
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");
    assert_eq!(call.name, "bitcoin.ipc.v1.Chain/RelayDustFee");
    assert_eq!(text(call, "rpc.method"), Some("RelayDustFee"));
    assert_eq!((hex(&node.trace_id).as_str(), &node.parent_span_id), (TRACE, &call.span_id));
    assert_eq!(node.name, "relayDustFee");
    assert!(call.start_time_unix_nano <= node.start_time_unix_nano);
    assert!(node.end_time_unix_nano <= call.end_time_unix_nano);
    assert!(tokio::time::timeout(Duration::from_secs(2), spans.recv()).await.is_err());
}

#[tokio::test]
async fn calls_do_not_wait_for_a_collector_that_is_away() {
    let world = World::start(&["--otlp", "http://127.0.0.1:9"]).await;
    for _ in 0..50 {
        dust(&world, "what is this").await;
    }
}
