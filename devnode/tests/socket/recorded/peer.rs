//! The peer that the recorder played.

use bitcoin_grpc_devnode::peers::{NetAddress, Peer};

/// The recorder's own port of its connection to a node, and the node's.
fn ports(label: &str) -> (u16, u16) {
    if label == "pr10102-2024-07" { (43_140, 28_720) } else { (56_776, 28_820) }
}

/// The peer, in the words that its statistics show.
pub(super) fn recorded_peer(label: &str, now: i64) -> Peer {
    let (port, bind_port) = ports(label);
    let counted = |counts: &[(&str, u64)]| {
        counts.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    };
    Peer {
        bind_port,
        local_address: format!("127.0.0.1:{bind_port}"),
        connected_at: now,
        last_send: now,
        last_recv: now,
        user_agent: "/golden:0.1/".to_owned(),
        sent: counted(&[
            ("feefilter", 32),
            ("getheaders", 637),
            ("ping", 32),
            ("sendaddrv2", 24),
            ("sendcmpct", 33),
            ("verack", 24),
            ("version", 127),
            ("wtxidrelay", 24),
        ]),
        received: counted(&[("pong", 32), ("verack", 24), ("version", 122)]),
        starting_height: 132,
        time_offset: -80_407,
        ..Peer::inbound_from(NetAddress::ipv4([127, 0, 0, 1]), port)
    }
}
