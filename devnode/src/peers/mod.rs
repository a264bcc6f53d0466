//! Peers and bans. There is no network: a peer is what a script says it is.
//!
//! `peer` is one connection, `ban` the list of bans, `address` an address and its text, `base32` and `sha3` what the
//! names of Tor and I2P services are made with.

mod address;
mod ban;
mod base32;
mod peer;
mod sha3;

pub use address::NetAddress;
pub use ban::{Ban, BanList, DEFAULT_BAN_SECONDS, Subnet};
pub use peer::{ConnectionType, MESSAGE_TYPES, Peer, Transport};

use crate::events::{EVENT_CAPACITY, Event, EventLog};

/// The peers of a node, and whether it talks to any.
#[derive(Debug)]
pub struct Peers {
    list: Vec<Peer>,
    active: bool,
    next_id: i64,
    /// Bytes of connections that have ended.
    past_received: u64,
    past_sent: u64,
    /// The bans.
    pub bans: BanList,
    /// What happened to connections and the network.
    news: EventLog,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            active: true,
            next_id: 0,
            past_received: 0,
            past_sent: 0,
            bans: BanList::default(),
            news: EventLog::default(),
        }
    }
}

impl Peers {
    /// The connected peers, in the order of connecting.
    pub fn list(&self) -> &[Peer] {
        &self.list
    }

    /// The connected peers, to be changed by a script.
    pub fn list_mut(&mut self) -> &mut [Peer] {
        &mut self.list
    }

    /// Connects a peer and gives it the next number. None while the network is switched off.
    pub fn connect(&mut self, peer: Peer) -> Option<i64> {
        if !self.active {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.list.push(Peer { id, ..peer });
        self.news.push(Event::Connections(self.list.len()));
        Some(id)
    }

    /// Number of peers that connected to us, and that we connected to, as wanted.
    pub fn count(&self, inbound: bool, outbound: bool) -> usize {
        self.list.iter().filter(|peer| if peer.inbound() { inbound } else { outbound }).count()
    }

    /// Ends the connections that a test picks. False if there is none.
    pub fn disconnect(&mut self, picks: impl Fn(&Peer) -> bool) -> bool {
        let before = self.list.len();
        let (gone, kept) = std::mem::take(&mut self.list).into_iter().partition(picks);
        self.list = kept;
        for peer in gone {
            self.past_received += peer.received_bytes();
            self.past_sent += peer.sent_bytes();
        }
        let fewer = self.list.len() < before;
        if fewer {
            self.news.push(Event::Connections(self.list.len()));
        }
        fewer
    }

    /// Whether there is a network at all.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Switches the network on or off; off ends every connection.
    pub fn set_active(&mut self, active: bool) {
        if self.active != active {
            self.news.push(Event::NetworkActive(active));
        }
        self.active = active;
        if !active {
            self.disconnect(|_| true);
        }
    }

    /// What happened since the last time, bans last.
    pub(crate) fn take_news(&mut self) -> Vec<Event> {
        let mut news = self.news.take();
        let changes = self.bans.take_changes().min(EVENT_CAPACITY);
        news.extend(std::iter::repeat_n(Event::BannedList, changes));
        news
    }

    /// Bytes received since the start, by all peers there ever were.
    pub fn received_bytes(&self) -> u64 {
        self.past_received + self.list.iter().map(Peer::received_bytes).sum::<u64>()
    }

    /// Bytes sent since the start, to all peers there ever were.
    pub fn sent_bytes(&self) -> u64 {
        self.past_sent + self.list.iter().map(Peer::sent_bytes).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_outlive_their_connection() {
        let mut peers = Peers::default();
        let mut peer = Peer::inbound_from(NetAddress::ipv4([127, 0, 0, 1]), 5000);
        peer.received.insert("version".to_owned(), 122);
        assert_eq!(peers.connect(peer.clone()), Some(0));
        assert_eq!((peers.count(true, false), peers.count(false, true)), (1, 0));
        assert!(!peers.disconnect(|peer| peer.id == 1));
        assert!(peers.disconnect(|peer| peer.id == 0));
        assert_eq!(peers.received_bytes(), 122);
        peers.set_active(false);
        assert_eq!(peers.connect(peer), None);
    }
}
