//! JSON-RPC requests and replies, versions 1.x and 2.0, alone and in batches.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::command::{Kind, find};
use super::error::{RpcError, code};
use crate::node::Node;
use crate::settings::Json;

type Fields = BTreeMap<String, Box<RawValue>>;
type Outcome = Result<Box<RawValue>, RpcError>;

/// What the reply to a request has to look like, as far as the request could be read.
#[derive(Default)]
struct Frame {
    /// Absent if the request has none.
    id: Option<Box<RawValue>>,
    version_2: bool,
}

/// The reply of version 1: both keys, one of them null.
#[derive(Serialize)]
struct Reply1<'a> {
    result: Option<&'a RawValue>,
    error: Option<&'a RpcError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
}

/// The reply of version 2: one of the two keys.
#[derive(Serialize)]
struct Reply2<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RpcError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
}

/// Answers a request, or an array of requests, in JSON. A notification has no answer, which is said as `null`.
pub(super) fn answer(node: &mut Node, text: &str) -> String {
    let json = Json::parse(text);
    match Kind::of(json.as_str()) {
        Kind::Object => {
            let mut frame = Frame::default();
            let outcome = run(node, json.as_str(), &mut frame);
            if frame.is_notification() { "null".to_owned() } else { frame.reply(&outcome) }
        }
        Kind::Array => batch(node, json.as_str()),
        _ => {
            Frame::unknown().reply(&Err(RpcError::new(code::PARSE, "Top-level object parse error")))
        }
    }
}

fn batch(node: &mut Node, array: &str) -> String {
    let items: Vec<Box<RawValue>> = serde_json::from_str(array).unwrap_or_default();
    let mut replies = Vec::new();
    for item in &items {
        let mut frame = Frame::unknown();
        let outcome = run(node, item.get(), &mut frame);
        if !frame.is_notification() {
            replies.push(frame.reply(&outcome));
        }
    }
    if replies.is_empty() && !items.is_empty() {
        return "null".to_owned();
    }
    format!("[{}]", replies.join(","))
}

/// Runs one request; `frame` is filled as far as the request is read.
fn run(node: &mut Node, request: &str, frame: &mut Frame) -> Outcome {
    let mut fields: Fields =
        serde_json::from_str(request).map_err(|_| invalid("Invalid Request object"))?;
    frame.id = fields.remove("id");
    frame.version_2 = is_version_2(fields.get("jsonrpc").map(Box::as_ref))?;
    let method = match fields.get("method").map(|method| (Kind::of(method.get()), method)) {
        None | Some((Kind::Null, _)) => return Err(invalid("Missing method")),
        Some((Kind::Text, method)) => serde_json::from_str::<String>(method.get()),
        Some(_) => return Err(invalid("Method must be a string")),
    };
    let method = method.map_err(|_| invalid("Method must be a string"))?;
    let params = match fields.get("params").map(|params| (Kind::of(params.get()), params)) {
        None | Some((Kind::Null, _)) => "[]",
        Some((Kind::Array | Kind::Object, params)) => params.get(),
        Some(_) => return Err(invalid("Params must be an array or object")),
    };
    find(&method)?.call(node, params)
}

fn is_version_2(version: Option<&RawValue>) -> Result<bool, RpcError> {
    let Some(version) = version.filter(|version| Kind::of(version.get()) != Kind::Null) else {
        return Ok(false);
    };
    match version.get() {
        r#""1.0""# => Ok(false),
        r#""2.0""# => Ok(true),
        text if text.starts_with('"') => Err(invalid("JSON-RPC version not supported")),
        _ => Err(invalid("jsonrpc field must be a string")),
    }
}

fn invalid(message: &str) -> RpcError {
    RpcError::new(code::INVALID_REQUEST, message)
}

impl Frame {
    /// The frame of a request whose id could not be read.
    fn unknown() -> Self {
        Self { id: Some(RawValue::NULL.to_owned()), version_2: false }
    }

    fn is_notification(&self) -> bool {
        self.version_2 && self.id.is_none()
    }

    fn reply(&self, outcome: &Outcome) -> String {
        let (result, error) = match outcome {
            Ok(result) => (Some(result.as_ref()), None),
            Err(error) => (None, Some(error)),
        };
        let id = self.id.as_deref();
        let text = if self.version_2 {
            serde_json::to_string(&Reply2 { jsonrpc: "2.0", result, error, id })
        } else {
            serde_json::to_string(&Reply1 { result, error, id })
        };
        // Nothing in a reply can fail to be written: keys are texts and the rest is JSON already.
        text.unwrap_or_else(|_| "null".to_owned())
    }
}
