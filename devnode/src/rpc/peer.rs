//! A peer in JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::value::{Btc, Double};
use crate::peers::Peer;

/// Names of service bits.
const SERVICES: [(u32, &str); 6] = [
    (0, "NETWORK"),
    (2, "BLOOM"),
    (3, "WITNESS"),
    (6, "COMPACT_FILTERS"),
    (10, "NETWORK_LIMITED"),
    (11, "P2P_V2"),
];

/// Names of permissions with the bits that they need.
const PERMISSIONS: [(i32, &str); 7] = [
    (0b0000_0010, "bloomfilter"),
    (0b0101_0000, "noban"),
    (0b0000_1100, "forcerelay"),
    (0b0000_1000, "relay"),
    (0b0010_0000, "mempool"),
    (0b0100_0000, "download"),
    (0b1000_0000, "addr"),
];

#[derive(Serialize)]
pub(super) struct PeerJson<'a> {
    id: i64,
    addr: String,
    addrbind: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    addrlocal: &'a str,
    network: &'static str,
    services: String,
    servicesnames: Vec<&'static str>,
    relaytxes: bool,
    lastsend: i64,
    lastrecv: i64,
    last_transaction: i64,
    last_block: i64,
    bytessent: u64,
    bytesrecv: u64,
    conntime: i64,
    timeoffset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pingtime: Option<Double>,
    minping: Double,
    #[serde(skip_serializing_if = "Option::is_none")]
    pingwait: Option<Double>,
    version: i32,
    subver: &'a str,
    inbound: bool,
    bip152_hb_to: bool,
    bip152_hb_from: bool,
    /// Only older generations show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    startingheight: Option<i32>,
    presynced_headers: i32,
    synced_headers: i32,
    synced_blocks: i32,
    inflight: &'a [i32],
    addr_relay_enabled: bool,
    addr_processed: u64,
    addr_rate_limited: u64,
    permissions: Vec<&'static str>,
    minfeefilter: Btc,
    bytessent_per_msg: BTreeMap<&'a str, u64>,
    bytesrecv_per_msg: BTreeMap<&'a str, u64>,
    connection_type: &'static str,
    transport_protocol_type: &'static str,
    session_id: &'a str,
}

/// A peer; `shows_start` tells whether the height that it began with is among what is shown.
pub(super) fn peer_json(peer: &Peer, shows_start: bool) -> PeerJson<'_> {
    let waited = |microseconds: i64| (microseconds > 0).then(|| seconds(microseconds));
    PeerJson {
        id: peer.id,
        addr: peer.name(),
        addrbind: peer.bind_address.with_port(peer.bind_port),
        addrlocal: &peer.local_address,
        network: peer.address.network_name(),
        services: format!("{:016x}", peer.services),
        servicesnames: service_names(peer.services),
        relaytxes: peer.relays_transactions,
        lastsend: peer.last_send,
        lastrecv: peer.last_recv,
        last_transaction: peer.last_transaction,
        last_block: peer.last_block,
        bytessent: peer.sent_bytes(),
        bytesrecv: peer.received_bytes(),
        conntime: peer.connected_at,
        timeoffset: peer.time_offset,
        pingtime: waited(peer.ping_us),
        minping: seconds(peer.min_ping_us),
        pingwait: waited(peer.ping_wait_us),
        version: peer.version,
        subver: &peer.user_agent,
        inbound: peer.inbound(),
        bip152_hb_to: false,
        bip152_hb_from: false,
        startingheight: shows_start.then_some(peer.starting_height),
        presynced_headers: -1,
        synced_headers: peer.synced_headers,
        synced_blocks: peer.synced_blocks,
        inflight: &peer.in_flight,
        addr_relay_enabled: false,
        addr_processed: 0,
        addr_rate_limited: 0,
        permissions: permission_names(peer.permissions),
        minfeefilter: Btc(0),
        bytessent_per_msg: used(&peer.sent),
        bytesrecv_per_msg: used(&peer.received),
        connection_type: peer.connection_type.name(),
        transport_protocol_type: peer.transport.name(),
        session_id: &peer.session_id,
    }
}

fn seconds(microseconds: i64) -> Double {
    Double(microseconds as f64 / 1e6)
}

fn used(bytes: &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    let used = bytes.iter().filter(|(_, bytes)| **bytes > 0);
    used.map(|(name, bytes)| (name.as_str(), *bytes)).collect()
}

/// Names of the known bits of a mask of services.
pub(super) fn service_names(services: u64) -> Vec<&'static str> {
    let known = SERVICES.iter().filter(|(bit, _)| services >> bit & 1 == 1);
    known.map(|(_, name)| *name).collect()
}

fn permission_names(flags: i32) -> Vec<&'static str> {
    let given = PERMISSIONS.iter().filter(|(bits, _)| flags & bits == *bits);
    given.map(|(_, name)| *name).collect()
}
