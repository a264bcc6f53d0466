//! Every error of the stack as a client receives it.

use std::convert::Infallible;
use std::time::Duration;

use bitcoin_grpc::app::listen::ListenerConfig;
use bitcoin_grpc::error::{CallError, LeaseEnd, Limit, Reason, Stage};
use bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient;
use bitcoin_grpc::layer::admission::{Limits, OwnLimits};
use bitcoin_grpc::layer::rights::Rights;
use bitcoin_grpc_contract::{Access, Method, Reply, Request, Violation};
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, Setup, echo, echo_request, failing, loopback, mock};
use super::raw::post;

async fn received(error: CallError) -> tonic::Status {
    let harness = Harness::start(failing(error)).await;
    harness.echo().await.echo(echo_request("x")).await.unwrap_err()
}

#[tokio::test]
async fn codes_and_reasons_arrive() {
    let method = Method::EchoEcho;
    let cases = [
        (
            CallError::NotInProfile { method, profile: "core-30", why: None },
            Code::Unimplemented,
            "METHOD_NOT_IN_NODE",
        ),
        (
            CallError::Busy { retry_after: Duration::from_millis(100) },
            Code::ResourceExhausted,
            "TOO_MANY_CALLS",
        ),
        (CallError::NoNode("gone".to_owned()), Code::Unavailable, "NODE_UNAVAILABLE"),
        (CallError::NodeLost, Code::Unavailable, "NODE_LOST"),
        (CallError::AboveTip { height: 5 }, Code::OutOfRange, "HEIGHT_ABOVE_TIP"),
        (CallError::NodeException("what".to_owned()), Code::Internal, "NODE_EXCEPTION"),
        (CallError::Draining, Code::Unavailable, "DRAINING"),
    ];
    for (error, code, reason) in cases {
        let status = received(error).await;
        assert_eq!(status.code(), code, "{reason}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("bitcoin-grpc", reason));
        assert_eq!(info.metadata["method"], "bitcoin.ipc.v1.Echo/Echo");
    }
}

/// An error with each reason that a call can have. A new reason must have its line here.
fn sample(reason: Reason) -> Option<CallError> {
    let (method, profile, retry_after) = (Method::EchoEcho, "core-30", Duration::from_millis(100));
    let limited = |limit| CallError::Limited { limit, retry_after };
    Some(match reason {
        Reason::InvalidField => {
            let violation = Violation { field: "echo".to_owned(), description: "x".to_owned() };
            CallError::Invalid(vec![violation])
        }
        Reason::AccessNotGranted => CallError::Denied { method, class: Access::Read },
        Reason::RpcCommandNotGranted => CallError::CommandDenied { command: "stop".to_owned() },
        Reason::RpcWalletNotGranted => CallError::CommandWalletDenied { wallet: "w".to_owned() },
        Reason::MethodNotInNode => CallError::NotInProfile { method, profile, why: None },
        Reason::FieldNotInNode => CallError::FieldNotInProfile { method, profile, field: "echo" },
        Reason::RefusedForSafety => CallError::Refused { method, why: "it would end the node" },
        Reason::TooManyCalls => CallError::Busy { retry_after },
        Reason::TooManyCallsOfCaller => limited(Limit::OwnCalls),
        Reason::RateOfCallerExceeded => limited(Limit::OwnRate),
        Reason::RateExceeded => limited(Limit::Rate),
        Reason::TooManyStreams => CallError::TooManyStreams { limit: 1 },
        Reason::SubscriberTooSlow => CallError::SubscriberTooSlow,
        Reason::NotificationsUnsafe => CallError::NotificationsUnsafe { profile },
        Reason::NotificationsOff => CallError::NotificationsOff,
        Reason::DeadlineExceeded => CallError::DeadlineExceeded,
        Reason::NodeUnavailable => CallError::NoNode("gone".to_owned()),
        Reason::NodeLost => CallError::NodeLost,
        Reason::NodeStuck => CallError::NodeStuck,
        Reason::Draining => CallError::Draining,
        Reason::HeightAboveTip => CallError::AboveTip { height: 5 },
        Reason::LeaseGone => CallError::LeaseGone(LeaseEnd::Elsewhere("east".to_owned())),
        Reason::TooManyLeases => CallError::TooManyLeases { limit: 1 },
        Reason::WalletNotLoaded => CallError::WalletNotLoaded("w".to_owned()),
        Reason::NodeException => CallError::NodeException("std::exception".to_owned()),
        Reason::NodeReplyInvalid => CallError::BadReply("short".to_owned()),
        Reason::Internal => CallError::Internal("bug".to_owned()),
        // Of requests that never become calls; see receive.rs, requests.rs, rights.rs and secrecy.rs.
        Reason::CredentialInvalid
        | Reason::IdentityRequired
        | Reason::ServiceNotGranted
        | Reason::MethodUnknown
        | Reason::MessageTooLarge
        | Reason::EncodingNotSupported
        | Reason::MessageMalformed
        | Reason::TooManyBytes
        | Reason::MessageTooSlow => return None,
    })
}

#[tokio::test]
async fn every_row_of_the_table_arrives_as_it_promises() {
    let harness = Harness::start(mock(|call| async move {
        let Request::EchoEcho(request) = call.request else { return Err(CallError::NodeLost) };
        let reason = Reason::ALL.into_iter().find(|reason| reason.name() == request.echo);
        Err::<Reply, _>(reason.and_then(sample).unwrap_or(CallError::Draining))
    }))
    .await;
    let mut client = harness.echo().await;
    for reason in Reason::ALL {
        assert_eq!(sample(reason).is_some(), reason.row().stage == Stage::Call, "{reason:?}");
        if sample(reason).is_none() {
            continue;
        }
        let status = client.echo(echo_request(reason.name())).await.unwrap_err();
        assert_eq!(status.code(), Code::from(reason.code() as i32), "{reason:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("bitcoin-grpc", reason.name()));
        let row = reason.row();
        assert_eq!(status.get_details_retry_info().is_some(), row.waits, "{reason:?}");
        assert_eq!(status.get_details_bad_request().is_some(), row.details.contains("BadRequest"));
        for name in row.details.split("metadata ").skip(1) {
            let name = name.split('`').nth(1).unwrap();
            // A stream's end has a number, too, which this is not.
            assert!(
                info.metadata.contains_key(name) || name == "last_sequence",
                "{reason:?} {name}"
            );
        }
    }
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let own = OwnLimits { rate: Some(2), ..OwnLimits::default() };
    let limits = Limits { own, ..Limits::default() };
    let harness = Harness::with(Setup { limits, ..Setup::default() }, echo()).await;
    let mut client = harness.echo().await;
    let (mut answered, mut refused) = (0, None);
    for _ in 0..20 {
        match client.echo(echo_request("x")).await {
            Ok(_) => answered += 1,
            Err(status) => refused = Some(status),
        }
    }
    let status = refused.unwrap();
    assert!((2..20).contains(&answered), "{answered}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "RATE_OF_CALLER_EXCEEDED");
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(delay <= Duration::from_millis(500), "{delay:?}");
    tokio::time::sleep(delay).await;
    assert!(client.echo(echo_request("x")).await.is_ok());
}

#[tokio::test]
async fn one_callers_calls_do_not_fill_the_line_for_others() {
    let limits = Limits { in_flight: 1, queue: 4, ..Limits::default() };
    let silent = mock(|_| std::future::pending::<Result<Reply, CallError>>());
    let listen = vec![ListenerConfig::new(loopback()), ListenerConfig::new(loopback())];
    let harness = Harness::with(Setup { limits, listen, ..Setup::default() }, silent).await;
    let heavy = harness.echo().await;
    // One runs, three wait, which are three quarters of the seats.
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let mut client = heavy.clone();
            // One that was refused for a call below comes back.
            tokio::spawn(async move {
                while client.echo(echo_request("x")).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
        })
        .collect();
    let mut client = heavy.clone();
    let reason = loop {
        // Those have to have come in before.
        let mut request = tonic::Request::new(echo_request("x"));
        request.set_timeout(Duration::from_millis(100));
        let status = client.echo(request).await.unwrap_err();
        if status.code() == Code::ResourceExhausted {
            break status.get_details_error_info().unwrap().reason;
        }
    };
    assert_eq!(reason, "TOO_MANY_CALLS_OF_CALLER");
    let address = format!("http://{}", harness.addresses[1]);
    let channel =
        tonic::transport::Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut request = tonic::Request::new(echo_request("x"));
    request.set_timeout(Duration::from_millis(300));
    // There is a seat for it, in which its time passes; tonic's client may be the first to say so, in its own words.
    let other = EchoClient::new(channel).echo(request).await.unwrap_err();
    assert!(matches!(other.code(), Code::DeadlineExceeded | Code::Cancelled), "{other:?}");
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn retry_info_and_field_violations_arrive() {
    let busy = received(CallError::Busy { retry_after: Duration::from_millis(250) }).await;
    assert_eq!(
        busy.get_details_retry_info().unwrap().retry_delay,
        Some(Duration::from_millis(250))
    );
    let violation = Violation { field: "a.b[1]".to_owned(), description: "is short".to_owned() };
    let invalid = received(CallError::Invalid(vec![violation; 20])).await;
    let violations = invalid.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 20);
    assert_eq!(violations[0].field, "a.b[1]");
}

#[tokio::test]
async fn a_message_in_any_script_and_length_arrives() {
    let status = received(CallError::NodeException("µ→字 \n".repeat(1000))).await;
    assert!(status.message().contains("µ→字"), "{}", status.message());
    assert_eq!(status.get_details_error_info().unwrap().reason, "NODE_EXCEPTION");
}

#[tokio::test]
async fn rights_come_before_validation() {
    use bitcoin_grpc::frontend::grpc::services::node_client::NodeClient;
    use bitcoin_grpc_contract::v1;
    let harness = Harness::start(echo()).await;
    let mut client = NodeClient::new(harness.channel().await);
    let status = client.ban(v1::NodeBanRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.get_details_error_info().unwrap().metadata["access"], Access::Control.name());
    assert!(status.get_details_bad_request().is_none());
}

#[tokio::test]
async fn a_conversation_in_which_nothing_is_said_ends() {
    let rights = Rights::open().grant(Access::Control);
    let harness = Harness::with(Setup { rights, ..Setup::default() }, echo()).await;
    let path = bitcoin_grpc_contract::Method::NodeHandleMessageBox.info().path;
    let stream = tokio::net::TcpStream::connect(&harness.address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // No word is ever said.
    let silence = tokio_stream::pending::<Result<http_body::Frame<bytes::Bytes>, Infallible>>();
    let request = post(&harness.address, path).header("grpc-timeout", "100m");
    let response = sender.send_request(request.body(StreamBody::new(silence)).unwrap()).await;
    let status = tonic::Status::from_header_map(response.unwrap().headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let mut client = harness.echo().await;
    assert!(client.echo(echo_request("still there")).await.is_ok());
}
