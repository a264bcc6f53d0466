//! One connection.

use std::collections::BTreeMap;

use super::NetAddress;

/// Protocol version of current nodes.
const PROTOCOL_VERSION: i32 = 70_016;

/// Service bits of a full node with witnesses.
const NETWORK_AND_WITNESS: u64 = 9;

/// Every type of message there is, and the name that stands for unknown ones; statistics of received bytes list all.
pub const MESSAGE_TYPES: [&str; 36] = [
    "*other*",
    "addr",
    "addrv2",
    "block",
    "blocktxn",
    "cfcheckpt",
    "cfheaders",
    "cfilter",
    "cmpctblock",
    "feefilter",
    "filteradd",
    "filterclear",
    "filterload",
    "getaddr",
    "getblocks",
    "getblocktxn",
    "getcfcheckpt",
    "getcfheaders",
    "getcfilters",
    "getdata",
    "getheaders",
    "headers",
    "inv",
    "mempool",
    "merkleblock",
    "notfound",
    "ping",
    "pong",
    "sendaddrv2",
    "sendcmpct",
    "sendheaders",
    "sendtxrcncl",
    "tx",
    "verack",
    "version",
    "wtxidrelay",
];

/// Why a connection exists; the numbers are those of the interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum ConnectionType {
    /// The peer opened it.
    #[default]
    Inbound = 0,
    /// We opened it, for everything.
    OutboundFullRelay = 1,
    /// The operator asked for it.
    Manual = 2,
    /// To see whether somebody answers.
    Feeler = 3,
    /// We opened it, for blocks only.
    BlockRelay = 4,
    /// To ask for addresses.
    AddrFetch = 5,
}

impl ConnectionType {
    /// The name JSON-RPC gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::OutboundFullRelay => "outbound-full-relay",
            Self::Manual => "manual",
            Self::Feeler => "feeler",
            Self::BlockRelay => "block-relay-only",
            Self::AddrFetch => "addr-fetch",
        }
    }
}

/// The protocol of a connection; the numbers are those of the interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum Transport {
    /// Not known yet.
    Detecting = 0,
    /// Unencrypted.
    #[default]
    V1 = 1,
    /// Encrypted (BIP 324).
    V2 = 2,
}

impl Transport {
    /// The name JSON-RPC gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Detecting => "detecting",
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// A peer as a script describes it. Times are seconds since 1970, zero for never.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Number of the connection; given when it is made.
    pub id: i64,
    /// Its address.
    pub address: NetAddress,
    /// Its port.
    pub port: u16,
    /// Our end of the connection.
    pub bind_address: NetAddress,
    /// Port of our end.
    pub bind_port: u16,
    /// Our address as the peer sees it, as text; empty if it did not say.
    pub local_address: String,
    /// Why the connection exists.
    pub connection_type: ConnectionType,
    /// Its protocol.
    pub transport: Transport,
    /// Session id in hex; empty without encryption.
    pub session_id: String,
    /// When it connected.
    pub connected_at: i64,
    /// When we last sent something.
    pub last_send: i64,
    /// When we last received something.
    pub last_recv: i64,
    /// When it last gave us a good transaction.
    pub last_transaction: i64,
    /// When it last gave us a block.
    pub last_block: i64,
    /// Protocol version that it announced.
    pub version: i32,
    /// User agent that it announced.
    pub user_agent: String,
    /// Service bits that it announced.
    pub services: u64,
    /// Whether it wants transactions.
    pub relays_transactions: bool,
    /// Bytes sent by type of message.
    pub sent: BTreeMap<String, u64>,
    /// Bytes received by type of message; types without bytes need no entry.
    pub received: BTreeMap<String, u64>,
    /// Permissions, as a bit mask.
    pub permissions: i32,
    /// Last round trip, in microseconds.
    pub ping_us: i64,
    /// Shortest round trip, in microseconds.
    pub min_ping_us: i64,
    /// How long the ping under way has waited, in microseconds.
    pub ping_wait_us: i64,
    /// Height it announced.
    pub starting_height: i32,
    /// Height of its best known header; -1 for none.
    pub synced_headers: i32,
    /// Height of the last common block; -1 for none.
    pub synced_blocks: i32,
    /// Heights of the blocks asked of it.
    pub in_flight: Vec<i32>,
    /// How far its clock is ahead of ours, in seconds.
    pub time_offset: i64,
}

impl Peer {
    /// A fresh peer that connected to us from an address, with nothing sent or received.
    pub fn inbound_from(address: NetAddress, port: u16) -> Self {
        Self {
            id: 0,
            address,
            port,
            bind_address: NetAddress::ipv4([127, 0, 0, 1]),
            bind_port: 18_444,
            local_address: String::new(),
            connection_type: ConnectionType::Inbound,
            transport: Transport::V1,
            session_id: String::new(),
            connected_at: 0,
            last_send: 0,
            last_recv: 0,
            last_transaction: 0,
            last_block: 0,
            version: PROTOCOL_VERSION,
            user_agent: "/devnode-peer:0.1/".to_owned(),
            services: NETWORK_AND_WITNESS,
            relays_transactions: true,
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            permissions: 0,
            ping_us: 0,
            min_ping_us: 0,
            ping_wait_us: 0,
            starting_height: -1,
            synced_headers: -1,
            synced_blocks: -1,
            in_flight: Vec::new(),
            time_offset: 0,
        }
    }

    /// Whether the peer opened the connection.
    pub fn inbound(&self) -> bool {
        self.connection_type == ConnectionType::Inbound
    }

    /// Address and port as text.
    pub fn name(&self) -> String {
        self.address.with_port(self.port)
    }

    /// Bytes received from it.
    pub fn received_bytes(&self) -> u64 {
        self.received.values().sum()
    }

    /// Bytes sent to it.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.values().sum()
    }
}
