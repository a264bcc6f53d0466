//! Messages of the contract that mirror no struct of the schema: the structures inside `Data`, and
//! the envelopes of streams.

use crate::contract::{Enumeration, Limits, Message, Origin, ProtoField, Shape, Source};
use crate::schema::{Content, Target};

const FILE: &str = "common";
const TIMESTAMP: &str = ".google.protobuf.Timestamp";
const DURATION: &str = ".google.protobuf.Duration";

/// Longest handle of a lease. Those that are given out have some 40 bytes, and the instance's name.
const MAX_HANDLE: u32 = 200;

/// Longest name of a wallet, as where wallets are made.
const MAX_NAME: u32 = 1000;

/// A plain field that mirrors nothing yet.
#[must_use]
pub(crate) fn field(name: &str, doc: &str, shape: Shape) -> ProtoField {
    ProtoField {
        name: name.to_owned(),
        doc: doc.to_owned(),
        shape,
        optional: false,
        oneof: None,
        source: Source::Contract,
        number: 0,
        limits: Limits::default(),
    }
}

fn message(name: &str, doc: &str, fields: Vec<ProtoField>) -> Message {
    Message {
        name: name.to_owned(),
        file: FILE.to_owned(),
        doc: doc.to_owned(),
        fields,
        origin: Origin::Contract,
        requested: false,
    }
}

/// Message that stands for a structure inside `Data`; `None` where a plain type does.
#[must_use]
pub(crate) fn message_of(content: Content) -> Option<&'static str> {
    match content {
        Content::OutPoint => Some("OutPoint"),
        Content::FeeRate => Some("FeeRate"),
        Content::Locator => Some("BlockLocator"),
        Content::Coin => Some("Coin"),
        Content::TxOut => Some("TxOut"),
        Content::TxIn => Some("TxIn"),
        Content::NetAddress => Some("NetAddress"),
        Content::NetService => Some("NetService"),
        Content::PeerAddress => Some("PeerAddress"),
        Content::BanMap => Some("BanEntry"),
        _ => None,
    }
}

/// All messages of this file.
#[must_use]
pub(crate) fn messages() -> Vec<Message> {
    let mut all = chain_data();
    all.extend(network_data());
    all.extend(stream_data());
    all
}

fn chain_data() -> Vec<Message> {
    let typed = Shape::Typed;
    vec![
        message(
            "OutPoint",
            "Names one output of one transaction.",
            vec![
                field("txid", "Transaction that has the output.", Shape::Bytes(Content::Txid)),
                field("vout", "Number of the output in its transaction, from 0.", Shape::UInt32),
            ],
        ),
        message(
            "TxOut",
            "An output of a transaction.",
            vec![
                field("value_sat", "Amount in satoshi.", Shape::Int64),
                field("script_pubkey", "Script that locks the output, without a length.", Shape::Bytes(Content::Script)),
            ],
        ),
        message(
            "TxIn",
            "An input of a transaction, without its witness.",
            vec![
                field("previous_output", "Output that the input spends.", typed(Content::OutPoint)),
                field("script_sig", "Script that unlocks the output, without a length.", Shape::Bytes(Content::Script)),
                field("sequence", "Sequence number (BIP 68, BIP 125).", Shape::UInt32),
            ],
        ),
        message(
            "Coin",
            "An unspent output with what the UTXO set says of it.",
            vec![
                field("height", "Height of the block that confirmed it; absent while it is only in the mempool.", Shape::UInt32),
                field("coinbase", "It was made by a coinbase transaction.", Shape::Bool),
                field("output", "The output itself.", typed(Content::TxOut)),
            ],
        ),
        message(
            "FeeRate",
            "A feerate. 1 sat/vB is 1000 satoshi per 1000 vB.",
            vec![field("sat_per_kvb", "Satoshi per 1000 virtual bytes.", Shape::Int64)],
        ),
        message(
            "BlockLocator",
            "Block hashes from a tip towards genesis, dense near the tip, by which a fork point is found.",
            vec![field("block_hashes", "Hashes, highest block first.", Shape::List(Box::new(Shape::Bytes(Content::BlockHash))))],
        ),
    ]
    .into_iter()
    .map(|mut m| {
        if m.name == "Coin" {
            m.fields[0].optional = true;
        }
        if m.name == "BlockLocator" {
            // Core takes at most this many hashes from a peer (MAX_LOCATOR_SZ in net_processing.cpp).
            m.fields[0].limits.max_items = Some(101);
        }
        for f in &mut m.fields {
            f.limits.required |= f.name == "output" || f.name == "previous_output" || f.name == "address";
        }
        m
    })
    .collect()
}

fn network_data() -> Vec<Message> {
    let typed = Shape::Typed;
    vec![
        message(
            "NetAddress",
            "An address of a peer, on one of the networks of BIP 155.",
            vec![
                field(
                    "network",
                    "Network by its BIP 155 number: 1 IPv4, 2 IPv6, 4 Tor v3, 5 I2P, 6 CJDNS.",
                    Shape::UInt32,
                ),
                field(
                    "address",
                    "Address bytes: 4 for IPv4, 16 for IPv6 and CJDNS, 32 for Tor v3 and I2P.",
                    Shape::Bytes(Content::Raw),
                ),
            ],
        ),
        message(
            "NetService",
            "An address and a port.",
            vec![
                field("address", "The address.", typed(Content::NetAddress)),
                field("port", "TCP port.", Shape::UInt32),
            ],
        ),
        message(
            "PeerAddress",
            "A peer as it is gossiped: where it listens, what it offers, when it was last heard of.",
            vec![
                field(
                    "time",
                    "When it was last heard of, in seconds since the Unix epoch.",
                    Shape::UInt32,
                ),
                field("services", "Service bits that it announced.", Shape::UInt64),
                field("service", "Where it listens.", typed(Content::NetService)),
            ],
        ),
        message(
            "BanEntry",
            "A ban in force.",
            vec![
                field(
                    "subnet",
                    "Banned address or subnet, in text: 192.0.2.7/32.",
                    Shape::String(Content::Raw),
                ),
                field(
                    "created",
                    "When the ban was made, in seconds since the Unix epoch.",
                    Shape::Int64,
                ),
                field("until", "When the ban ends, in seconds since the Unix epoch.", Shape::Int64),
            ],
        ),
        message(
            "Lease",
            "A handle on an object that the node holds for the caller.",
            vec![
                field("handle", "Names the object in later calls.", Shape::String(Content::Raw)),
                field(
                    "time_to_live",
                    "The lease ends when it has gone unused for this long.",
                    Shape::Message(DURATION.to_owned()),
                ),
                field(
                    "instance",
                    "Which instance of bitcoin-grpc holds it, for callers behind a load balancer.",
                    Shape::String(Content::Raw),
                ),
            ],
        ),
    ]
}

fn stream_data() -> Vec<Message> {
    vec![
        message(
            "StreamStarted",
            "First message of a stream: everything after it is live.",
            vec![
                field(
                    "tip_hash",
                    "Block hash of the tip when the stream began.",
                    Shape::Bytes(Content::BlockHash),
                ),
                field("tip_height", "Height of that tip.", Shape::Int32),
                field(
                    "heartbeat_interval",
                    "A stream without events sends a heartbeat this often.",
                    Shape::Message(DURATION.to_owned()),
                ),
                field(
                    "buffered_events",
                    "A client that falls this many events behind loses its stream.",
                    Shape::UInt64,
                ),
                field(
                    "buffered_bytes",
                    "A client that falls this many bytes behind loses its stream.",
                    Shape::UInt64,
                ),
            ],
        ),
        message("Heartbeat", "Says that a stream without events is alive.", Vec::new()),
    ]
}

/// Name of the enum of [`notification_kinds`].
const NOTIFICATION_KIND: &str = "ChainNotificationKind";

/// Kinds of chain notifications, by the names of the events in the stream.
const NOTIFICATION_KINDS: [(&str, &str); 6] = [
    ("TransactionAddedToMempool", "A transaction entered the mempool."),
    ("TransactionRemovedFromMempool", "A transaction left the mempool other than by a block."),
    ("BlockConnected", "A block was connected."),
    ("BlockDisconnected", "A block was disconnected."),
    ("UpdatedBlockTip", "The tip changed."),
    ("ChainStateFlushed", "The chain state was written to disk."),
];

/// The enum by which a subscriber names the kinds of events it wants.
#[must_use]
pub(crate) fn notification_kinds() -> Enumeration {
    let values = NOTIFICATION_KINDS.map(|(name, doc)| (name.to_owned(), doc.to_owned()));
    Enumeration {
        name: NOTIFICATION_KIND.to_owned(),
        file: "chain".to_owned(),
        doc: "A kind of event in a stream of Chain.HandleNotifications.".to_owned(),
        values: values.to_vec(),
    }
}

/// What a subscriber can say of the events it wants. They are chosen by bitcoin-grpc: the node sends
/// every event once, whoever subscribes.
#[must_use]
pub(crate) fn stream_options(callback: &str, rpc: &str) -> Vec<ProtoField> {
    if callback != "ChainNotifications" || rpc != "Chain.HandleNotifications" {
        return Vec::new();
    }
    let mut kinds = field(
        "kinds",
        "Kinds of events to send; empty: all.",
        Shape::List(Box::new(Shape::Enum(NOTIFICATION_KIND.to_owned()))),
    );
    kinds.limits.max_items = u32::try_from(NOTIFICATION_KINDS.len()).ok();
    vec![
        kinds,
        field(
            "include_block_data",
            "Send connected and disconnected blocks whole; otherwise `block.data` is absent.",
            Shape::Bool,
        ),
        field(
            "include_undo_data",
            "Send undo data where the node provides it; otherwise `block.undo_data` is absent.",
            Shape::Bool,
        ),
    ]
}

/// The field that names the object a call is made on.
#[must_use]
pub(crate) fn key_of(target: Target) -> Vec<ProtoField> {
    match target {
        Target::Root => Vec::new(),
        Target::Leased => {
            vec![key("handle", "Handle of the lease on the object.", MAX_HANDLE)]
        }
        Target::Named => vec![key("wallet", "Name of the wallet.", MAX_NAME)],
    }
}

fn key(name: &str, doc: &str, max_bytes: u32) -> ProtoField {
    let limits = Limits { max_bytes: Some(max_bytes), ..Limits::default() };
    ProtoField { limits, ..field(name, doc, Shape::String(Content::Raw)) }
}

/// Message of a stream from the node: number, time, and one event.
#[must_use]
pub(crate) fn envelope(
    name: &str,
    file: &str,
    rpc: &str,
    events: Vec<ProtoField>,
    results: Vec<ProtoField>,
) -> Message {
    let in_oneof = |mut f: ProtoField| {
        f.oneof = Some("event".to_owned());
        f.optional = false;
        f
    };
    let mut fields = vec![
        field(
            "sequence",
            "Number of this message in its stream, from 1, without gaps.",
            Shape::UInt64,
        ),
        field(
            "time",
            "When bitcoin-grpc received the event.",
            Shape::Message(TIMESTAMP.to_owned()),
        ),
        in_oneof(field(
            "started",
            "The stream is live.",
            Shape::Message("StreamStarted".to_owned()),
        )),
        in_oneof(field(
            "heartbeat",
            "Nothing happened, and the stream is alive.",
            Shape::Message("Heartbeat".to_owned()),
        )),
    ];
    fields.extend(events.into_iter().map(in_oneof));
    fields.extend(results.into_iter().map(in_oneof));
    Message {
        name: name.to_owned(),
        file: file.to_owned(),
        doc: format!("One message of a stream of {rpc}."),
        fields,
        origin: Origin::Contract,
        requested: false,
    }
}

/// Message of a client in a conversation: the opening, then answers.
#[must_use]
pub(crate) fn conversation(
    name: &str,
    file: &str,
    rpc: &str,
    start: &str,
    answer: &str,
) -> Message {
    let in_oneof = |mut f: ProtoField| {
        f.oneof = Some("message".to_owned());
        f
    };
    Message {
        name: name.to_owned(),
        file: file.to_owned(),
        doc: format!("One message of a client to a stream of {rpc}."),
        fields: vec![
            in_oneof(field(
                "start",
                "Opens the stream; the first message, and no other.",
                Shape::Message(start.to_owned()),
            )),
            in_oneof(field("answer", "Answers one invocation.", Shape::Message(answer.to_owned()))),
        ],
        origin: Origin::Contract,
        requested: true,
    }
}

/// What every invocation of a client's callback carries.
#[must_use]
pub(crate) fn invocation_fields() -> Vec<ProtoField> {
    vec![
        field(
            "invocation_id",
            "Number of the invocation in its stream; the answer repeats it.",
            Shape::UInt64,
        ),
        field(
            "answer_within",
            "The node is given a default answer after this long.",
            Shape::Message(DURATION.to_owned()),
        ),
    ]
}

/// What every answer carries.
#[must_use]
pub(crate) fn answer_fields() -> Vec<ProtoField> {
    vec![field("invocation_id", "Number of the invocation that this answers.", Shape::UInt64)]
}

/// One sentence on one half of a Pair.
#[must_use]
pub(crate) fn half_doc(name: &str, shape: &Shape) -> String {
    match shape {
        Shape::Typed(Content::Coin) => "The coin; absent if it is spent or unknown.".to_owned(),
        _ => format!("The {}.", unit_words(name)),
    }
}

/// `fee_sat` → `fee in satoshi`.
fn unit_words(name: &str) -> String {
    match name.strip_suffix("_sat") {
        Some(amount) => format!("{} in satoshi", amount.replace('_', " ")),
        None => name.replace('_', " "),
    }
}

/// What is said of a oneof.
#[must_use]
pub(crate) fn oneof_doc(name: &str) -> &'static str {
    match name {
        "event" => "What happened.",
        "message" => "What the client says.",
        "outcome" => "The result, or why there is none.",
        _ => "Exactly one is set.",
    }
}

/// What is said of every field that holds such bytes.
#[must_use]
pub(crate) fn content_doc(content: Content) -> &'static str {
    match content {
        Content::BlockHash | Content::Txid | Content::Wtxid => {
            "32 bytes, internal byte order (the reverse of what explorers show)."
        }
        Content::Transaction => "Network serialization with witness (BIP 144).",
        Content::Block => "Network serialization with witness (BIP 144).",
        Content::Header => "80 bytes, network serialization.",
        Content::Hash160 => "20 bytes.",
        Content::Json => "JSON text.",
        _ => "",
    }
}
