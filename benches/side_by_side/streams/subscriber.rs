//! One gRPC subscriber, as lean as can be: it reads a stream's frames, looks at what it needs, and
//! copies nothing else.

use bitcoin_grpc_contract::v1::chain_handle_notifications_response::Event;
use bitcoin_grpc_contract::v1::{
    ChainHandleNotificationsRequest, ChainHandleNotificationsResponse, ChainNotificationKind,
};
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use prost::Message;
use serde::Serialize;

use crate::plan::Outcome;

const PATH: &str = "/bitcoin.ipc.v1.Chain/HandleNotifications";

/// Bytes before every message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Messages up to this length are read as a whole, of longer ones only the number.
const READ_WHOLE: usize = 16 * 1024;

/// What a subscriber got.
pub(crate) enum Heard {
    /// The stream is open.
    Started,
    /// A block, with its hash if the message was short.
    Block(Option<Bytes>),
    /// Anything else.
    Other,
}

/// How a stream ended.
#[derive(Debug, Serialize)]
pub(crate) struct End {
    /// gRPC's code; `None` without a status.
    pub(crate) code: Option<i32>,
    /// The reason and the last number as `ErrorInfo` has them, printable.
    pub(crate) details: String,
    /// Number of the last message that arrived.
    pub(crate) last: u64,
}

/// An open stream.
pub(crate) struct Subscriber {
    body: Incoming,
    /// What is left of the frame that came last.
    rest: Bytes,
    sequence: u64,
}

/// The request's body: one message.
pub(crate) fn request() -> Bytes {
    let request = ChainHandleNotificationsRequest {
        kinds: vec![ChainNotificationKind::BlockConnected.into()],
        include_block_data: true,
        ..Default::default()
    };
    let mut bytes = vec![0];
    // A request is some ten bytes long.
    bytes.extend((request.encoded_len() as u32).to_be_bytes());
    bytes.extend(request.encode_to_vec());
    bytes.into()
}

impl Subscriber {
    pub(crate) async fn open(connection: &mut SendRequest<Full<Bytes>>) -> Outcome<Self> {
        connection.ready().await?;
        let request = http::Request::post(format!("http://localhost{PATH}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(request()))?;
        let response = connection.send_request(request).await?;
        if let Some(status) = response.headers().get("grpc-status") {
            return Err(format!("refused with {status:?}").into());
        }
        Ok(Self { body: response.into_body(), rest: Bytes::new(), sequence: 0 })
    }

    /// The next message. An error is a fault of the stream.
    pub(crate) async fn next(&mut self) -> Outcome<Result<Heard, End>> {
        let mut prefix = [0; PREFIX];
        if let Err(end) = self.fill(&mut prefix).await? {
            return Ok(Err(end));
        }
        let [_, length @ ..] = prefix;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        let mut head = vec![0; length.min(READ_WHOLE)];
        self.fill(&mut head).await?.map_err(|_| "ended inside a message")?;
        self.skip(length - head.len()).await?;
        self.hear(&head, length).map(Ok)
    }

    fn hear(&mut self, head: &[u8], length: usize) -> Outcome<Heard> {
        let (heard, sequence) = match length > READ_WHOLE {
            true => (Heard::Block(None), number(head)?),
            false => {
                let message = ChainHandleNotificationsResponse::decode(head)?;
                (kind(message.event), message.sequence)
            }
        };
        self.sequence += 1;
        if sequence != self.sequence {
            return Err(format!("{sequence} where {} should be", self.sequence).into());
        }
        Ok(heard)
    }

    async fn fill(&mut self, into: &mut [u8]) -> Outcome<Result<(), End>> {
        let mut filled = 0;
        while filled < into.len() {
            if let Err(end) = self.more().await? {
                return Ok(Err(end));
            }
            let step = self.rest.len().min(into.len() - filled);
            self.rest.copy_to_slice(&mut into[filled..filled + step]);
            filled += step;
        }
        Ok(Ok(()))
    }

    async fn skip(&mut self, mut length: usize) -> Outcome {
        while length > 0 {
            self.more().await?.map_err(|_| "ended inside a message")?;
            let step = self.rest.len().min(length);
            self.rest.advance(step);
            length -= step;
        }
        Ok(())
    }

    /// Waits until there is something in `rest`.
    async fn more(&mut self) -> Outcome<Result<(), End>> {
        while self.rest.is_empty() {
            let Some(frame) = self.body.frame().await.transpose()? else {
                return Ok(Err(End { code: None, details: String::new(), last: self.sequence }));
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(frame) => {
                    let trailers = frame.into_trailers().map_err(|_| "an unknown frame")?;
                    return Ok(Err(self.end(&trailers)));
                }
            }
        }
        Ok(Ok(()))
    }

    fn end(&self, trailers: &http::HeaderMap) -> End {
        let status = tonic::Status::from_header_map(trailers);
        let details = status.as_ref().map(|status| printable(status.details()));
        let code = status.map(|status| status.code().into());
        End { code, details: details.unwrap_or_default(), last: self.sequence }
    }
}

/// The text in protobuf's bytes: names and values of `ErrorInfo` stand in them as they are.
fn printable(bytes: &[u8]) -> String {
    let shown = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' };
    bytes.iter().map(shown).collect()
}

fn kind(event: Option<Event>) -> Heard {
    match event {
        Some(Event::Started(_)) => Heard::Started,
        Some(Event::BlockConnected(event)) => {
            Heard::Block(Some(event.block.map(|block| block.hash).unwrap_or_default()))
        }
        _ => Heard::Other,
    }
}

/// The first field of a message.
fn number(mut head: &[u8]) -> Outcome<u64> {
    if !head.has_remaining() || head.get_u8() != 8 {
        return Err("a message does not begin with its number".into());
    }
    Ok(prost::encoding::decode_varint(&mut head)?)
}
