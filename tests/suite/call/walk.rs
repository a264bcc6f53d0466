//! Every method that a server lists is called, and every stream opened, on the embedded node.

use std::collections::BTreeMap;

use bitcoin::consensus::encode::serialize_hex;
use bitcoin_grpc_call::{CallError, Session, Wish};
use bitcoin_grpc_contract::{Access, Form as MethodForm, Method};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Value as Json, json};
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::plain::Plain;
use super::world::{World, carried_out, said};
use crate::suite::golden::proxy::raw_call;

/// Methods that the embedded node does not answer to this walk, with the reason that a caller is told.
const NOT_ANSWERED: [(&str, &str); 4] = [
    ("Mining.Interrupt", "REFUSED_FOR_SAFETY"),
    ("Node.AppInitMain", "REFUSED_FOR_SAFETY"),
    ("Node.AppShutdown", "REFUSED_FOR_SAFETY"),
    ("Node.BaseInitialize", "REFUSED_FOR_SAFETY"),
];

/// The reason that a method is not answered. The embedded node has no wallets.
fn barrier(name: &str) -> Option<&'static str> {
    if name.starts_with("Wallet") {
        return Some("METHOD_NOT_IN_NODE");
    }
    let mut known = NOT_ANSWERED.into_iter().chain(NO_STREAMS);
    known.find(|(known, _)| *known == name).map(|(_, reason)| reason)
}

/// What is put into requests.
struct Facts {
    hash: String,
    txid: String,
    tx: String,
    block: String,
    hashes: Vec<(String, String)>,
}

impl Facts {
    /// Of block 1 as the tonic clients have it.
    async fn of(world: &World, plain: &Plain) -> Self {
        let block = super::binary::block(world.channel().await, 1).await;
        let hashes = plain.hashes().map(|(message, field)| (message.to_owned(), field.to_owned()));
        Self {
            hash: block.block_hash().to_string(),
            txid: block.txdata[0].compute_txid().to_string(),
            tx: serialize_hex(&block.txdata[0]),
            block: serialize_hex(&block),
            hashes: hashes.collect(),
        }
    }

    /// A request that its server takes.
    fn request(&self, of: &MessageDescriptor, depth: usize) -> Json {
        let mut fields = serde_json::Map::new();
        for field in of.fields() {
            // One member of a oneof is enough, and so is one round of messages within themselves.
            let chosen = field
                .containing_oneof()
                .is_some_and(|choices| choices.fields().next().as_ref() != Some(&field));
            let is_option = field.kind().as_message().is_some_and(|inner| {
                IDLE.contains(&field.name()) && inner.name() != "BlockWaitOptions"
            });
            if chosen || is_option || depth > 3 {
                continue;
            }
            let value = self.value(of, &field, depth);
            let value = if field.is_list() { json!([value]) } else { value };
            fields.insert(field.name().to_owned(), value);
        }
        Json::Object(fields)
    }

    fn value(&self, of: &MessageDescriptor, field: &FieldDescriptor, depth: usize) -> Json {
        if self.hashes.contains(&(of.name().to_owned(), field.name().to_owned())) {
            let is_id = field.name().contains("txid");
            return json!(if is_id { &self.txid } else { &self.hash });
        }
        match (field.name(), field.kind()) {
            ("tx" | "coinbase", Kind::Bytes) => json!(self.tx),
            ("block", Kind::Bytes) => json!(self.block),
            ("pub_key", _) => json!("02".to_owned() + &self.hash),
            ("address", Kind::Bytes) => json!("c0000201"),
            (name, Kind::Bytes) if name.contains("hash") => json!("00".repeat(20)),
            (_, Kind::Bytes) => json!("51"),
            ("value" | "values", Kind::String) => json!("\"a value\""),
            ("params", Kind::String) => json!("[]"),
            ("method", Kind::String) => json!("getblockcount"),
            ("request", Kind::String) => json!("{\"method\": \"getblockcount\", \"id\": 1}"),
            ("subnet", Kind::String) => json!("192.0.2.0/24"),
            ("uri", Kind::String) => json!(""),
            ("filter_type", _) => json!(0),
            ("flags", _) => json!(1_u64 << 34),
            // Of three blocks at once, two may be wanted.
            ("want_data", _) => json!(false),
            ("broadcast_method", Kind::Enum(of)) => json!(of.values().next().unwrap().name()),
            ("timeout_ms", _) => json!(1.0),
            (_, Kind::String) => json!("some"),
            (_, Kind::Bool) => json!(true),
            (_, Kind::Enum(of)) => json!(of.values().last().unwrap().name()),
            (_, Kind::Message(inner)) if inner.name() == "OutPoint" => {
                json!(format!("{}:0", self.txid))
            }
            (_, Kind::Message(inner)) => self.request(&inner, depth + 1),
            _ => json!(1),
        }
    }
}

/// Messages that a request does without: they have defaults, or bounds that differ from node to node.
const IDLE: [&str; 3] = ["options", "coin_control", "next_block"];

/// What a listing has in its first column.
async fn listed(session: &Session, of: Option<&str>) -> Vec<String> {
    let wish = Wish { method: of.map(str::to_owned), ..Wish::default() };
    let text = carried_out(session, &wish, 2).await.unwrap().remove(0);
    text.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Every method of the contract, by its name in the listings.
async fn methods(session: &Session, plain: &Plain) -> BTreeMap<String, MethodDescriptor> {
    let mut found = BTreeMap::new();
    for service in listed(session, None).await {
        let full = format!("bitcoin.ipc.v1.{service}");
        let Some(descriptor) = plain.pool.get_service_by_name(&full) else { continue };
        for name in listed(session, Some(&service)).await {
            let method = descriptor.methods().find(|m| name == format!("{service}.{}", m.name()));
            assert!(found.insert(name, method.unwrap()).is_none());
        }
    }
    assert_eq!(found.len(), Method::ALL.len());
    found
}

/// The entry of the contract's own table.
fn info(name: &str) -> &'static bitcoin_grpc_contract::MethodInfo {
    Method::ALL.into_iter().map(Method::info).find(|info| info.full_name == name).unwrap()
}

/// What comes of a call: the line that is shown, or the reason.
async fn outcome(
    session: &Session,
    name: &str,
    request: &Json,
    most: usize,
) -> Result<String, String> {
    match said(session, name, &[request.to_string()], most).await {
        Ok(lines) => Ok(lines.into_iter().next().unwrap_or_default()),
        Err(CallError::Failed(status)) => {
            let info = status.get_details_error_info();
            Err(info.map_or_else(
                || format!("{status:?}"),
                |info| {
                    if info.reason == "INVALID_FIELD" { format!("{status:?}") } else { info.reason }
                },
            ))
        }
        Err(error) => panic!("{name} {request}: {error}"),
    }
}

/// The same by other means: bytes to a descriptor, and from there to JSON.
async fn otherwise(plain: &Plain, channel: Channel, method: &MethodDescriptor) -> Json {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let reply = raw_call(channel, &path, Vec::new()).await.unwrap();
    plain.json(&DynamicMessage::decode(method.output(), reply.as_slice()).unwrap())
}

async fn handle(session: &Session) -> String {
    let lines = said(session, "mining.createnewblock", &[], 2).await.unwrap();
    let template: Json = serde_json::from_str(&lines[0]).unwrap();
    let lease = template.as_object().unwrap().values().find(|value| value["handle"].is_string());
    lease.unwrap()["handle"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_method_is_called() {
    let (world, plain) = (World::start().await, Plain::load());
    let (session, channel) = (world.session().await, world.channel().await);
    let facts = Facts::of(&world, &plain).await;
    let methods = methods(&session, &plain).await;
    let (mut wrong, mut compared, mut answered) = (Vec::new(), 0, 0);
    let unary = methods.iter().filter(|(name, _)| info(name).form == MethodForm::Unary);
    let mut unary: Vec<_> = unary.collect();
    // What stops the node comes last.
    unary.sort_by_key(|(name, _)| (info(name).access == Access::Lifecycle, *name));
    for (name, method) in unary {
        let mut request = facts.request(&method.input(), 0);
        if method.input().get_field_by_name("handle").is_some() {
            request["handle"] = json!(handle(&session).await);
        }
        let expected = barrier(name);
        match (outcome(&session, name, &request, 2).await, expected) {
            (Ok(line), None) => {
                answered += 1;
                let shown: Json = serde_json::from_str(&line).unwrap();
                if method.input().fields().len() == 0 && info(name).access == Access::Read {
                    assert_eq!(shown, otherwise(&plain, channel.clone(), method).await, "{name}");
                    compared += 1;
                }
            }
            (Err(reason), Some(known)) if reason == known => {}
            (outcome, _) => wrong.push(format!("{name} {request}: {outcome:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(answered > 100 && compared > 30, "{answered} {compared}");
}

#[tokio::test]
async fn every_stream_is_opened() {
    let (world, plain) = (World::start().await, Plain::load());
    let session = world.session().await;
    let mut wrong = Vec::new();
    for (name, method) in methods(&session, &plain).await {
        if info(&name).form == MethodForm::Unary {
            continue;
        }
        let request = match method.is_client_streaming() {
            true if name == "Chain.HandleRpc" => json!({"start": {"command": {"name": "hello"}}}),
            true if name == "Chain.UpdateRwSetting" => json!({"start": {"name": "some"}}),
            true => json!({"start": {}}),
            false if method.input().get_field_by_name("wallet").is_some() => {
                json!({"wallet": "some"})
            }
            false => json!({}),
        };
        let expected = barrier(&name);
        match (outcome(&session, &name, &request, 1).await, expected) {
            (Ok(line), None) => {
                let first: Json = serde_json::from_str(&line).unwrap();
                if first["sequence"] != 1 {
                    wrong.push(format!("{name}: {line}"));
                }
            }
            (Err(reason), Some(known)) if reason == known => {}
            (outcome, _) => wrong.push(format!("{name} {request}: {outcome:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same of streams: commands can be served only before the node's own server runs.
const NO_STREAMS: [(&str, &str); 1] = [("Chain.HandleRpc", "NODE_EXCEPTION")];
