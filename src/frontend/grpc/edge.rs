//! What happens to a request before and after its service: paths are split, what is no gRPC is sent
//! away, and faults that tonic itself finds in a request get the details that all faults have.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tonic::body::Body;
use tonic::{Code, Status};

use super::contract::HttpAnswer;
use super::frames;
use super::seat::method_at;
use super::status::RequestFault;
use crate::error::Reason;
use crate::metrics::Metrics;

/// The content types of gRPC with protobuf. Parameters may follow.
const GRPC: [&[u8]; 2] = [b"application/grpc", b"application/grpc+proto"];

/// The service's name in a path: `a.b.C` of `/a.b.C/Method`.
pub(super) fn service_name(path: &str) -> &str {
    path.strip_prefix('/').and_then(|path| path.split_once('/')).map_or("", |(service, _)| service)
}

/// The HTTP status for what is not gRPC at all.
pub(super) fn not_grpc<B>(request: &Request<B>) -> Option<StatusCode> {
    if request.method() != Method::POST {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    let kind = request.headers().get(CONTENT_TYPE);
    let grpc = kind.is_some_and(|kind| is_grpc(kind.as_bytes()));
    (!grpc).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

fn is_grpc(kind: &[u8]) -> bool {
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    GRPC.iter().any(|grpc| kind.eq_ignore_ascii_case(grpc))
}

/// An empty answer with an HTTP status.
pub(super) fn http_status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

/// A gRPC status as a whole answer.
pub(super) fn trailers_only(status: Status) -> Response<Body> {
    status.into_http()
}

/// The answer to a method that does not exist.
pub(super) fn unknown_method(metrics: &Metrics, path: &str) -> Response<Body> {
    told(metrics, path, RequestFault::UnknownMethod.kind());
    let message = format!("there is no method {path}; reflection lists those there are");
    trailers_only(RequestFault::UnknownMethod.status(path, &message))
}

/// Takes note that a request was answered before it became a call, of which the layers tell.
pub(super) fn told(metrics: &Metrics, path: &str, reason: Reason) {
    metrics.calls.refused(method_at(path), reason);
    let (code, reason) = (reason.code().name(), reason.name());
    tracing::debug!(path, code, reason, "request refused");
}

pin_project! {
    /// The answer of one of the contract's services, with tonic's own faults completed.
    pub(super) struct Completed {
        answer: HttpAnswer,
        path: Option<PathAndQuery>,
        metrics: Arc<Metrics>,
    }
}

impl Completed {
    pub(super) const fn new(
        answer: HttpAnswer,
        path: Option<PathAndQuery>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { answer, path, metrics }
    }
}

impl Future for Completed {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.answer.as_mut().poll(cx))?;
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        Poll::Ready(Ok(complete(&self.metrics, frames::arrived(response), path)))
    }
}

/// Replaces a status that has no details, which can only be tonic's own: it could not read the
/// request. Replies and our own statuses pass unchanged.
fn complete(metrics: &Metrics, response: Response<Body>, path: &str) -> Response<Body> {
    // Replies have their status in trailers, so this is the usual way out.
    if !response.headers().contains_key(Status::GRPC_STATUS) {
        return response;
    }
    match Status::from_header_map(response.headers()) {
        Some(status) if status.details().is_empty() => replaced(metrics, response, &status, path),
        _ => response,
    }
}

fn replaced(
    metrics: &Metrics,
    response: Response<Body>,
    status: &Status,
    path: &str,
) -> Response<Body> {
    let fault = match status.code() {
        Code::OutOfRange => RequestFault::TooLarge,
        Code::ResourceExhausted => RequestFault::NoRoom,
        Code::DeadlineExceeded => RequestFault::TooSlow,
        Code::Unimplemented if status.message().is_empty() => return unknown_method(metrics, path),
        Code::Unimplemented => RequestFault::Compressed,
        _ => RequestFault::Malformed,
    };
    told(metrics, path, fault.kind());
    let mut replaced = trailers_only(fault.status(path, status.message()));
    // Tells which compressions would have been understood.
    if let Some(accepted) = response.headers().get(ACCEPT_ENCODING) {
        replaced.headers_mut().insert(ACCEPT_ENCODING, accepted.clone());
    }
    replaced
}

/// gRPC's own header, not HTTP's.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, kind: &str) -> Request<()> {
        Request::builder().method(method).header(CONTENT_TYPE, kind).body(()).unwrap()
    }

    #[test]
    fn services_of_paths() {
        let cases =
            [("/a.B/C", "a.B"), ("/a.B/C/D", "a.B"), ("/", ""), ("", ""), ("/a", ""), ("*", "")];
        for (path, service) in cases {
            assert_eq!(service_name(path), service, "{path}");
        }
    }

    #[test]
    fn what_is_grpc_and_what_is_not() {
        for kind in
            ["application/grpc", "application/grpc+proto", "Application/gRPC ; charset=utf-8"]
        {
            assert_eq!(not_grpc(&request(Method::POST, kind)), None, "{kind}");
        }
        assert_eq!(
            not_grpc(&request(Method::GET, "application/grpc")),
            Some(StatusCode::METHOD_NOT_ALLOWED)
        );
        for kind in [
            "application/json",
            "application/grpc-web",
            "application/grpc+json",
            "application/grpcx",
            "",
        ] {
            let refused = Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(not_grpc(&request(Method::POST, kind)), refused, "{kind}");
        }
    }

    #[test]
    fn statuses_with_details_and_replies_are_left_alone() {
        let ours = RequestFault::TooLarge.status("/a.B/C", "long");
        let passed = complete(&Metrics::default(), trailers_only(ours), "/x.Y/Z");
        let status = Status::from_header_map(passed.headers()).unwrap();
        assert_eq!(status.message(), "long");
        let reply = complete(&Metrics::default(), Response::new(Body::empty()), "/x.Y/Z");
        assert!(reply.headers().is_empty());
    }

    #[test]
    fn faults_of_tonic_get_a_reason() {
        use tonic_types::StatusExt;
        let cases = [
            (Status::out_of_range("too large"), "MESSAGE_TOO_LARGE"),
            (Status::unimplemented("Content is compressed"), "ENCODING_NOT_SUPPORTED"),
            (Status::unimplemented(""), "METHOD_UNKNOWN"),
            (Status::internal("failed to decode"), "MESSAGE_MALFORMED"),
            (Status::resource_exhausted("no room"), "TOO_MANY_BYTES"),
            (Status::deadline_exceeded("slow"), "MESSAGE_TOO_SLOW"),
        ];
        for (status, reason) in cases {
            let response = complete(&Metrics::default(), trailers_only(status), "/a.B/C");
            let status = Status::from_header_map(response.headers()).unwrap();
            assert_eq!(status.get_details_error_info().unwrap().reason, reason);
        }
    }
}
