//! The messages of all streams, as they are written.

use std::time::SystemTime;

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, message, skip_field, uint64};
use prost_types::Timestamp;

use crate::stream::StreamMessage;

/// Number of the field `sequence` in every stream's message.
const SEQUENCE: u32 = 1;

/// Number of the field `time`.
const TIME: u32 = 2;

/// A message of any stream: its number and time, then an event that is encoded already.
///
/// It stands for the messages of the contract, which begin with the same two fields. Protobuf's
/// fields may be written one after the other, so an event is encoded once for all of its streams.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Envelope {
    sequence: u64,
    time: Option<Timestamp>,
    event: Bytes,
}

impl From<StreamMessage> for Envelope {
    fn from(message: StreamMessage) -> Self {
        Self {
            sequence: message.sequence,
            time: Some(timestamp(message.time)),
            event: message.event,
        }
    }
}

impl Envelope {
    /// What is written last, the same in every stream.
    pub(super) const fn event(&self) -> &Bytes {
        &self.event
    }

    /// Writes what is before the event.
    pub(super) fn write_head(&self, buf: &mut impl BufMut) {
        uint64::encode(SEQUENCE, &self.sequence, buf);
        if let Some(time) = &self.time {
            message::encode(TIME, time, buf);
        }
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from(time)
}

impl prost::Message for Envelope {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.write_head(buf);
        buf.put_slice(&self.event);
    }

    /// Servers only write it.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, buf, context)
    }

    fn encoded_len(&self) -> usize {
        let time = self.time.as_ref().map_or(0, |time| message::encoded_len(TIME, time));
        uint64::encoded_len(SEQUENCE, &self.sequence) + time + self.event.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bitcoin_grpc_codegen::{Generated, Paths};
    use bitcoin_grpc_contract::v1::chain_handle_notifications_response::Event as Field;
    use bitcoin_grpc_contract::{Event, Form, Inner, Method, v1};
    use prost::Message;

    use super::*;

    #[test]
    fn every_stream_begins_its_messages_alike() {
        let paths = Paths::new(env!("CARGO_MANIFEST_DIR"));
        let generated = Generated::derive(&paths).unwrap();
        let streams = generated.contract.services.iter().flat_map(|s| &s.methods);
        let mut met = 0;
        for rpc in streams.filter(|rpc| rpc.callback.is_some()) {
            let fields = &generated.contract.messages[&rpc.response].fields;
            let first: Vec<_> = fields.iter().take(4).map(|f| (&*f.name, f.number)).collect();
            assert_eq!(first, [("sequence", 1), ("time", 2), ("started", 3), ("heartbeat", 4)]);
            met += 1;
        }
        let streaming = Method::ALL.into_iter().filter(|m| m.info().form != Form::Unary);
        assert_eq!(met, streaming.count());
    }

    #[test]
    fn it_reads_as_the_message_that_it_stands_for() {
        let connected = v1::BlockConnectedEvent {
            block: Some(v1::BlockInfo { height: Some(7), ..Default::default() }),
            ..Default::default()
        };
        let method = Method::ChainHandleNotifications;
        let number = method.event_field(Inner::ChainNotificationsBlockConnected).unwrap();
        let mut event = Vec::new();
        Event::ChainNotificationsBlockConnected(connected.clone()).encode_field(number, &mut event);
        let time = SystemTime::UNIX_EPOCH + Duration::new(5, 6);
        let message = StreamMessage { sequence: 300, time, event: event.into() };
        let envelope = Envelope::from(message);
        let bytes = envelope.encode_to_vec();
        assert_eq!(bytes.len(), envelope.encoded_len());
        let expected = v1::ChainHandleNotificationsResponse {
            sequence: 300,
            time: Some(Timestamp { seconds: 5, nanos: 6 }),
            event: Some(Field::BlockConnected(connected)),
        };
        assert_eq!(v1::ChainHandleNotificationsResponse::decode(&*bytes), Ok(expected));
    }
}
