//! Commands about peers and bans.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chain::warnings;
use super::command::{Command, Kind, needed, optional};
use super::error::{RpcError, code};
use super::params::Params;
use super::peer::peer_json;
use super::pool::rate;
use super::value::{Btc, RpcResult, result};
use crate::generation::Generation;
use crate::node::Node;
use crate::peers::{Ban, DEFAULT_BAN_SECONDS, Subnet};

/// Service bits of a full node: blocks, witnesses, recent blocks, encrypted transport.
const OWN_SERVICES: u64 = 0xc09;

/// Protocol version of a generation.
fn protocol_version(generation: Generation) -> u32 {
    if generation == Generation::Core32 { 70_017 } else { 70_016 }
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "getnetworkinfo",
        params: &[],
        about: "The state of the network.",
        run: network_info,
    },
    Command {
        name: "getpeerinfo",
        params: &[],
        about: "What is known of every peer.",
        run: |node, _| {
            let shows_start = node.generation() <= Generation::Pr29409May2025;
            let peers = node.peers().list().iter();
            result(peers.map(|peer| peer_json(peer, shows_start)).collect::<Vec<_>>())
        },
    },
    Command {
        name: "getconnectioncount",
        params: &[],
        about: "Number of peers.",
        run: |node, _| result(node.peers().list().len()),
    },
    Command {
        name: "setnetworkactive",
        params: &[needed("state", Kind::Bool)],
        about: "Switches the network on or off.",
        run: |node, params| {
            let active = params.get(0)?;
            node.peers_mut().set_active(active);
            result(active)
        },
    },
    Command {
        name: "setban",
        params: &[
            needed("subnet", Kind::Text),
            needed("command", Kind::Text),
            optional("bantime", Kind::Number),
            optional("absolute", Kind::Bool),
        ],
        about: "Bans an address or subnet (\"add\"), or lifts the ban (\"remove\").",
        run: set_ban,
    },
    Command { name: "listbanned", params: &[], about: "All bans in force.", run: list_banned },
    Command {
        name: "clearbanned",
        params: &[],
        about: "Lifts all bans.",
        run: |node, _| {
            node.peers_mut().bans.clear();
            result(())
        },
    },
];

#[derive(Serialize)]
struct NetworkInfo<'a> {
    version: u32,
    subversion: String,
    protocolversion: u32,
    localservices: String,
    localservicesnames: Vec<&'static str>,
    localrelay: bool,
    timeoffset: i64,
    networkactive: bool,
    connections: usize,
    connections_in: usize,
    connections_out: usize,
    networks: Vec<NetworkJson>,
    relayfee: Btc,
    incrementalfee: Btc,
    localaddresses: [BTreeMap<String, String>; 0],
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct NetworkJson {
    name: &'static str,
    limited: bool,
    reachable: bool,
    proxy: &'static str,
    proxy_randomize_credentials: bool,
}

/// Networks, and whether a node reaches them without further settings.
const NETWORKS: [(&str, bool); 5] =
    [("ipv4", true), ("ipv6", true), ("onion", false), ("i2p", false), ("cjdns", false)];

fn network_info(node: &mut Node, _: &Params) -> RpcResult {
    let node = &*node;
    let peers = node.peers();
    let networks = NETWORKS.into_iter().map(|(name, reachable)| NetworkJson {
        name,
        limited: !reachable,
        reachable,
        proxy: "",
        proxy_randomize_credentials: false,
    });
    result(NetworkInfo {
        version: node.generation().version(),
        subversion: node.generation().user_agent(),
        protocolversion: protocol_version(node.generation()),
        localservices: format!("{OWN_SERVICES:016x}"),
        localservicesnames: super::peer::service_names(OWN_SERVICES),
        localrelay: true,
        timeoffset: 0,
        networkactive: peers.is_active(),
        connections: peers.count(true, true),
        connections_in: peers.count(true, false),
        connections_out: peers.count(false, true),
        networks: networks.collect(),
        relayfee: rate(node.relay_min_feerate()),
        incrementalfee: rate(node.relay_incremental_feerate()),
        localaddresses: [],
        warnings: warnings(node),
    })
}

fn set_ban(node: &mut Node, params: &Params) -> RpcResult {
    let subnet: Result<Subnet, _> = params.get::<String>(0)?.parse();
    let invalid = |message: &str| RpcError::new(code::CLIENT_INVALID_IP, message);
    let command: String = params.get(1)?;
    if command != "add" && command != "remove" {
        return Err(RpcError::misc(super::command::find("setban")?.help()));
    }
    let subnet = subnet.map_err(|_| invalid("Error: Invalid IP/Subnet"))?;
    if command == "remove" {
        return match node.peers_mut().bans.unban(&subnet) {
            true => result(()),
            false => Err(invalid(
                "Error: Unban failed. Requested address/subnet was not previously manually banned.",
            )),
        };
    }
    let now = node.now();
    let known = node.peers().bans.in_force(now).any(|(banned, _)| *banned == subnet);
    if known {
        let message = "Error: IP/Subnet already banned";
        return Err(RpcError::new(code::CLIENT_ALREADY_ADDED, message));
    }
    let ban = Ban { created: now, until: ban_end(params, now)? };
    node.peers_mut().bans.ban(subnet.clone(), ban);
    node.peers_mut().disconnect(|peer| subnet.contains(&peer.address));
    result(())
}

fn ban_end(params: &Params, now: i64) -> Result<i64, RpcError> {
    let time: i64 = params.optional(2)?.unwrap_or(0);
    if params.optional(3)?.unwrap_or(false) {
        return match time < now {
            true => Err(RpcError::parameter("Error: Absolute timestamp is in the past")),
            false => Ok(time),
        };
    }
    Ok(now.saturating_add(if time > 0 { time } else { DEFAULT_BAN_SECONDS }))
}

#[derive(Serialize)]
struct BanJson {
    address: String,
    ban_created: i64,
    banned_until: i64,
    ban_duration: i64,
    time_remaining: i64,
}

fn list_banned(node: &mut Node, _: &Params) -> RpcResult {
    let now = node.now();
    let bans = node.peers().bans.in_force(now).map(|(subnet, ban)| BanJson {
        address: subnet.to_string(),
        ban_created: ban.created,
        banned_until: ban.until,
        ban_duration: ban.until - ban.created,
        time_remaining: ban.until - now,
    });
    result(bans.collect::<Vec<_>>())
}
