//! Requests and replies of a method that is known only at run time.

use bitcoin_grpc_contract::{Method, Reply, Request};
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};

mod generated {
    use bitcoin_grpc_contract::{Method, Reply, Request};
    use prost::Message;

    include!(concat!(env!("OUT_DIR"), "/any.rs"));
}

/// The request of a method, out of a message of its request's type.
///
/// # Panics
/// When the message is of another type.
#[must_use]
pub fn request(method: Method, message: &DynamicMessage) -> Request {
    generated::request(method, &message.encode_to_vec()).expect("a request of the method")
}

/// The reply of a method, out of a message of its response's type.
///
/// # Panics
/// When the message is of another type, or the method is a stream.
#[must_use]
pub fn reply(method: Method, message: &DynamicMessage) -> Reply {
    generated::reply(method, &message.encode_to_vec()).expect("a reply of the method")
}

/// The message inside a request.
///
/// # Panics
/// When the request is not of that type.
#[must_use]
pub fn request_message(request: &Request, descriptor: &MessageDescriptor) -> DynamicMessage {
    decode(&generated::request_bytes(request), descriptor)
}

/// The message inside a reply.
///
/// # Panics
/// When the reply is not of that type.
#[must_use]
pub fn reply_message(reply: &Reply, descriptor: &MessageDescriptor) -> DynamicMessage {
    decode(&generated::reply_bytes(reply), descriptor)
}

/// The message as it is after a way over the wire, so that two of them compare.
#[must_use]
pub fn normal(message: &DynamicMessage) -> DynamicMessage {
    decode(&message.encode_to_vec(), &message.descriptor())
}

fn decode(bytes: &[u8], descriptor: &MessageDescriptor) -> DynamicMessage {
    DynamicMessage::decode(descriptor.clone(), bytes).expect("a message of the type")
}
