//! `Node`: peers, bans and the network.

use bitcoin_grpc_contract::{Reply, Request, v1};
use bytes::Bytes;

use super::{Answer, Fault};
use crate::node::Node;
use crate::peers::{MESSAGE_TYPES, NetAddress, Peer, Subnet};

/// The time that addresses without one carry on the wire (`protocol.h`, TIME_INIT).
const NO_ADDRESS_TIME: u32 = 100_000_000;

/// Flags of `getNodeCount`.
const INBOUND: i32 = 1;
const OUTBOUND: i32 = 2;

/// One more than the highest network number of `getProxy`.
const NETWORKS: i32 = 7;

pub(super) fn answer(node: &Node, request: &Request) -> Answer {
    let peers = node.peers();
    Some(Ok(match request {
        Request::NodeGetProxy(q) => return Some(proxy(q.network)),
        Request::NodeGetNodeCount(q) => {
            let count = peers.count(q.directions & INBOUND != 0, q.directions & OUTBOUND != 0);
            Reply::NodeGetNodeCount(v1::NodeGetNodeCountResponse { count: count as u64 })
        }
        Request::NodeGetNodesStats(_) => Reply::NodeGetNodesStats(v1::NodeGetNodesStatsResponse {
            peers: peers.list().iter().map(stats).collect(),
            available: true,
        }),
        Request::NodeGetBanned(_) => {
            let entries = peers.bans.in_force(node.now()).map(|(subnet, ban)| v1::BanEntry {
                subnet: subnet.to_string(),
                created: ban.created,
                until: ban.until,
            });
            let bans = Some(v1::BanList { entries: entries.collect() });
            Reply::NodeGetBanned(v1::NodeGetBannedResponse { bans, available: true })
        }
        Request::NodeGetTotalBytesRecv(_) => {
            let bytes = peers.received_bytes().cast_signed();
            Reply::NodeGetTotalBytesRecv(v1::NodeGetTotalBytesRecvResponse { bytes })
        }
        Request::NodeGetTotalBytesSent(_) => {
            let bytes = peers.sent_bytes().cast_signed();
            Reply::NodeGetTotalBytesSent(v1::NodeGetTotalBytesSentResponse { bytes })
        }
        Request::NodeGetNetLocalAddresses(_) => {
            Reply::NodeGetNetLocalAddresses(v1::NodeGetNetLocalAddressesResponse::default())
        }
        Request::NodeGetNetworkActive(_) => {
            let active = peers.is_active();
            Reply::NodeGetNetworkActive(v1::NodeGetNetworkActiveResponse { active })
        }
        _ => return None,
    }))
}

pub(super) fn change(node: &mut Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::NodeBan(q) => {
            // No address is answered like any other, and bans nobody.
            if let Some(address) = q.address.as_ref().and_then(address) {
                node.ban(Subnet::single(address), q.duration_s);
            }
            Reply::NodeBan(v1::NodeBanResponse { accepted: true })
        }
        Request::NodeUnban(q) => {
            if let Ok(subnet) = q.subnet.parse::<Subnet>() {
                node.peers_mut().bans.unban(&subnet);
            }
            Reply::NodeUnban(v1::NodeUnbanResponse { accepted: true })
        }
        Request::NodeDisconnectByAddress(q) => {
            let wanted = q.address.as_ref().and_then(address);
            let disconnected =
                node.peers_mut().disconnect(|peer| Some(&peer.address) == wanted.as_ref());
            Reply::NodeDisconnectByAddress(v1::NodeDisconnectByAddressResponse { disconnected })
        }
        Request::NodeDisconnectById(q) => {
            let disconnected = node.peers_mut().disconnect(|peer| peer.id == q.node_id);
            Reply::NodeDisconnectById(v1::NodeDisconnectByIdResponse { disconnected })
        }
        Request::NodeSetNetworkActive(q) => {
            node.peers_mut().set_active(q.active);
            Reply::NodeSetNetworkActive(v1::NodeSetNetworkActiveResponse {})
        }
        _ => return None,
    }))
}

/// There is no proxy; real nodes die of a network that does not exist.
fn proxy(network: i32) -> Result<Reply, Fault> {
    if !(0..NETWORKS).contains(&network) {
        return Err(Fault::Dies(format!("there is no network {network}")));
    }
    let address = service(&NetAddress::unspecified(), 0);
    let proxy = Some(v1::ProxyInfo { address: Some(address), tor_stream_isolation: false });
    Ok(Reply::NodeGetProxy(v1::NodeGetProxyResponse { proxy, configured: false }))
}

fn address(address: &v1::NetAddress) -> Option<NetAddress> {
    let bytes = address.address.to_vec();
    (1..=6).contains(&address.network).then_some(NetAddress { network: address.network, bytes })
}

fn service(address: &NetAddress, port: u16) -> v1::NetService {
    let bytes = Bytes::copy_from_slice(&address.bytes);
    let address = v1::NetAddress { network: address.network, address: bytes };
    v1::NetService { address: Some(address), port: port.into() }
}

fn stats(peer: &Peer) -> v1::NodeStats {
    v1::NodeStats {
        node_id: peer.id,
        last_send: peer.last_send,
        last_recv: peer.last_recv,
        last_tx_time: peer.last_transaction,
        last_block_time: peer.last_block,
        time_connected: peer.connected_at,
        address_name: peer.name(),
        version: peer.version,
        user_agent: peer.user_agent.clone(),
        inbound: peer.inbound(),
        sent_bytes: peer.sent_bytes(),
        sent_by_type: peer.sent.iter().map(|(name, bytes)| counted(name, *bytes)).collect(),
        received_bytes: peer.received_bytes(),
        received_by_type: MESSAGE_TYPES
            .iter()
            .map(|name| counted(name, peer.received.get(*name).copied().unwrap_or_default()))
            .collect(),
        permission_flags: peer.permissions,
        ping_time_us: peer.ping_us,
        min_ping_time_us: peer.min_ping_us,
        local_address: peer.local_address.clone(),
        address: Some(v1::PeerAddress {
            time: NO_ADDRESS_TIME,
            services: 0,
            service: Some(service(&peer.address, peer.port)),
        }),
        bind_address: Some(service(&peer.bind_address, peer.bind_port)),
        network: peer.address.node_network(),
        connection_type: peer.connection_type as i32,
        transport: peer.transport as i32,
        session_id: peer.session_id.clone(),
        state_stats: Some(state_stats(peer)),
        ..v1::NodeStats::default()
    }
}

fn counted(name: &str, bytes: u64) -> v1::MessageTypeBytes {
    v1::MessageTypeBytes { message_type: name.to_owned(), bytes }
}

fn state_stats(peer: &Peer) -> v1::NodeStateStats {
    v1::NodeStateStats {
        sync_height: peer.synced_headers,
        common_height: peer.synced_blocks,
        starting_height: peer.starting_height,
        ping_wait_us: peer.ping_wait_us,
        heights_in_flight: peer.in_flight.clone(),
        their_services: peer.services,
        presync_height: -1,
        time_offset_s: peer.time_offset,
        ..v1::NodeStateStats::default()
    }
}
