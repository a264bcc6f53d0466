//! Structures of addresses and bans.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::reader::{Reader, push_compact_size};
use crate::error::GlueError;
use crate::profile::Profile;
use crate::v1;

type Read<T> = Result<T, GlueError>;
type Written = Result<Vec<u8>, GlueError>;

/// Length of an address of a BIP 155 network; `None` for a network this version does not know.
#[must_use]
pub(crate) fn address_length(network: u32) -> Option<usize> {
    match network {
        1 => Some(4),
        2 | 6 => Some(16),
        4 | 5 => Some(32),
        _ => None,
    }
}

pub(crate) fn net_address_from_wire(data: &[u8], _: &Profile) -> Read<v1::NetAddress> {
    let mut r = Reader::new("address", data);
    let address = net_address(&mut r)?;
    r.end()?;
    Ok(address)
}

fn net_address(r: &mut Reader<'_>) -> Read<v1::NetAddress> {
    let network = r.u8()?.into();
    let length = r.length()?;
    Ok(v1::NetAddress { network, address: Bytes::copy_from_slice(r.take(length)?) })
}

/// The time of an address of which nobody knows when it was seen (`protocol.h`, TIME_INIT).
const UNKNOWN_TIME: u32 = 100_000_000;

pub(crate) fn net_address_to_wire(address: &v1::NetAddress, _: &Profile) -> Written {
    let mut out = Vec::with_capacity(34);
    push_net_address(&mut out, address)?;
    Ok(out)
}

fn push_net_address(out: &mut Vec<u8>, address: &v1::NetAddress) -> Result<(), GlueError> {
    if address_length(address.network) != Some(address.address.len()) {
        return Err(GlueError::Decode {
            what: "address",
            why: "has another length than its network's",
        });
    }
    out.push(address.network.to_le_bytes()[0]);
    push_compact_size(out, address.address.len());
    out.extend_from_slice(&address.address);
    Ok(())
}

/// Reads a service. Nodes of 2024 wrote a peer's (CAddress) where only its service was meant; a service alone cannot
/// begin as one of those does, with the low byte of the time 100,000,000, because no network has the number 0.
pub(crate) fn net_service_from_wire(data: &[u8], p: &Profile) -> Read<v1::NetService> {
    if data.starts_with(&UNKNOWN_TIME.to_le_bytes()) {
        let peer = peer_address_from_wire(data, p)?;
        return peer.service.ok_or(GlueError::Decode { what: "service", why: "is missing" });
    }
    let mut r = Reader::new("service", data);
    let service = net_service(&mut r)?;
    r.end()?;
    Ok(service)
}

fn net_service(r: &mut Reader<'_>) -> Read<v1::NetService> {
    let address = Some(net_address(r)?);
    // The one number on the wire that is big endian (`netaddress.h`, CService).
    let port = u16::from_be_bytes(r.array()?).into();
    Ok(v1::NetService { address, port })
}

pub(crate) fn net_service_to_wire(service: &v1::NetService, _: &Profile) -> Written {
    let mut out = Vec::with_capacity(36);
    push_net_service(&mut out, service)?;
    Ok(out)
}

fn push_net_service(out: &mut Vec<u8>, service: &v1::NetService) -> Result<(), GlueError> {
    let address = service.address.as_ref();
    push_net_address(
        out,
        address.ok_or(GlueError::Decode { what: "service", why: "has no address" })?,
    )?;
    let port = u16::try_from(service.port).map_err(|_| GlueError::Number)?;
    out.extend_from_slice(&port.to_be_bytes());
    Ok(())
}

pub(crate) fn peer_address_from_wire(data: &[u8], _: &Profile) -> Read<v1::PeerAddress> {
    let mut r = Reader::new("peer address", data);
    let (time, services) = (r.u32()?, r.compact_size()?);
    let service = Some(net_service(&mut r)?);
    r.end()?;
    Ok(v1::PeerAddress { time, services, service })
}

pub(crate) fn peer_address_to_wire(peer: &v1::PeerAddress, _: &Profile) -> Written {
    let mut out = peer.time.to_le_bytes().to_vec();
    push_compact_size(&mut out, usize::try_from(peer.services).map_err(|_| GlueError::Number)?);
    let service = peer.service.as_ref();
    push_net_service(
        &mut out,
        service.ok_or(GlueError::Decode { what: "peer address", why: "has no service" })?,
    )?;
    Ok(out)
}

/// A subnet travels as text.
pub(crate) fn subnet_from_wire(data: &[u8], _: &Profile) -> Read<String> {
    Ok(std::str::from_utf8(data)?.to_owned())
}

pub(crate) fn subnet_to_wire(subnet: &str, _: &Profile) -> Written {
    Ok(subnet.as_bytes().to_vec())
}

/// Whether text is an address, or an address and a prefix length that fits it.
#[must_use]
pub(crate) fn is_subnet(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    match address.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            prefix.is_none_or(|p| {
                p.len() <= 3
                    && p.bytes().all(|b| b.is_ascii_digit())
                    && p.parse::<u8>().is_ok_and(|p| p <= bits)
            })
        }
        // Tor and I2P names are banned whole (`netaddress.cpp`, CNetAddr::SetSpecial).
        Err(_) => prefix.is_none() && is_overlay_name(address),
    }
}

fn is_overlay_name(name: &str) -> bool {
    let base32 = |label: &str, len: usize| {
        label.len() == len
            && label.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
    };
    let onion = name.strip_suffix(".onion").is_some_and(|label| base32(label, 56));
    onion || name.strip_suffix(".b32.i2p").is_some_and(|label| base32(label, 52))
}

/// One ban as the node's ban list writes it.
#[derive(Serialize, Deserialize)]
struct Ban {
    version: i32,
    ban_created: i64,
    banned_until: i64,
    address: String,
}

pub(crate) fn ban_map_from_wire(text: capnp::text::Reader<'_>) -> Read<Vec<v1::BanEntry>> {
    let bans: Vec<Ban> = serde_json::from_str(text.to_str()?)
        .map_err(|_| GlueError::Decode { what: "ban list", why: "is not the JSON it should be" })?;
    let entry = |ban: Ban| v1::BanEntry {
        subnet: ban.address,
        created: ban.ban_created,
        until: ban.banned_until,
    };
    Ok(bans.into_iter().map(entry).collect())
}

pub(crate) fn ban_map_to_wire(entries: &[v1::BanEntry]) -> Result<String, GlueError> {
    let ban = |entry: &v1::BanEntry| Ban {
        version: 1,
        ban_created: entry.created,
        banned_until: entry.until,
        address: entry.subnet.clone(),
    };
    let bans: Vec<Ban> = entries.iter().map(ban).collect();
    serde_json::to_string(&bans)
        .map_err(|_| GlueError::Decode { what: "ban list", why: "cannot be written" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_addresses_or_prefixes() {
        for good in ["1.2.3.4", "1.2.3.4/32", "10.0.0.0/8", "::1", "2001:db8::/32"] {
            assert!(is_subnet(good), "{good}");
        }
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "::/129",
            "example.com",
            "a.onion",
        ] {
            assert!(!is_subnet(bad), "{bad}");
        }
    }

    #[test]
    fn a_recorded_peer_address_reads_and_writes_back() {
        let p = Profile::by_name("pr10102-2026-02").expect("profile");
        let recorded = [0x00, 0xe1, 0xf5, 0x05, 0x00, 0x01, 0x04, 0x7f, 0, 0, 1, 0xac, 0x2c];
        let peer = peer_address_from_wire(&recorded, p).expect("decodes");
        let service = peer.service.clone().expect("service");
        assert_eq!((service.port, peer.time, peer.services), (0xac2c, 100_000_000, 0));
        assert_eq!(service.address.expect("address").address, Bytes::from_static(&[127, 0, 0, 1]));
        assert_eq!(peer_address_to_wire(&peer, p).expect("encodes"), recorded);
    }

    #[test]
    fn a_service_is_read_as_every_generation_wrote_it() {
        let read = |name, hex: &[u8]| {
            let p = Profile::by_name(name).expect("profile");
            let service = net_service_from_wire(hex, p).expect("decodes");
            (service.address.expect("address").address, service.port)
        };
        // As recorded: the own end of a connection on loopback, July 2024 and February 2026.
        let july = [0x00, 0xe1, 0xf5, 0x05, 0x00, 0x01, 0x04, 0x7f, 0, 0, 1, 0x70, 0x30];
        let february = [0x01, 0x04, 0x7f, 0, 0, 1, 0x70, 0x94];
        let local = Bytes::from_static(&[127, 0, 0, 1]);
        assert_eq!(read("pr10102-2024-07", &july), (local.clone(), 0x7030));
        assert_eq!(read("pr10102-2026-02", &february), (local, 0x7094));
        let p = Profile::by_name("pr10102-2024-07").expect("profile");
        assert!(net_service_from_wire(&july[..12], p).is_err());
        assert!(net_service_from_wire(&[0x00, 0xe1, 0xf5], p).is_err());
    }

    #[test]
    fn an_address_of_another_length_never_leaves() {
        let p = Profile::by_name("pr10102-2026-02").expect("profile");
        for (network, length) in [(1, 5), (2, 4), (3, 16), (9, 4)] {
            let address = v1::NetAddress { network, address: Bytes::from(vec![0; length]) };
            assert!(net_address_to_wire(&address, p).is_err());
        }
    }
}
