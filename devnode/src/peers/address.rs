//! An address on one of the networks of BIP 155.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::base32;
use super::sha3::sha3_256_short;

/// Network numbers of BIP 155.
const IPV4: u32 = 1;
const IPV6: u32 = 2;
const TOR_V3: u32 = 4;
const I2P: u32 = 5;
const CJDNS: u32 = 6;

/// Version byte of a Tor name.
const TOR_VERSION: u8 = 3;

/// An address, ordered by network and bytes as the node orders its bans.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetAddress {
    /// Number of the network in BIP 155: 1 IPv4, 2 IPv6, 4 Tor v3, 5 I2P, 6 CJDNS.
    pub network: u32,
    /// The bytes: 4 for IPv4, 16 for IPv6 and CJDNS, 32 for Tor and I2P.
    pub bytes: Vec<u8>,
}

impl NetAddress {
    /// An IPv4 address.
    pub fn ipv4(bytes: [u8; 4]) -> Self {
        Self { network: IPV4, bytes: bytes.to_vec() }
    }

    /// The IPv6 address of zeros, which means "none".
    pub fn unspecified() -> Self {
        Self { network: IPV6, bytes: vec![0; 16] }
    }

    /// Length in bits where subnets exist; none for Tor, I2P and CJDNS, whose addresses are banned whole.
    pub fn prefix_bits(&self) -> Option<u8> {
        match self.network {
            IPV4 => Some(32),
            IPV6 => Some(128),
            _ => None,
        }
    }

    /// Number of the network in the node's own counting: 0 unroutable, 1 IPv4, 2 IPv6, 3 Tor, 4 I2P, 5 CJDNS.
    pub fn node_network(&self) -> i32 {
        match (self.network, self.ip()) {
            (IPV4 | IPV6, Some(ip)) if !is_routable(ip) => 0,
            (IPV4, _) => 1,
            (IPV6, _) => 2,
            (TOR_V3, _) => 3,
            (I2P, _) => 4,
            (CJDNS, _) => 5,
            _ => 0,
        }
    }

    /// Name of that network, as JSON-RPC gives it.
    pub fn network_name(&self) -> &'static str {
        match self.node_network() {
            1 => "ipv4",
            2 => "ipv6",
            3 => "onion",
            4 => "i2p",
            5 => "cjdns",
            _ => "not_publicly_routable",
        }
    }

    /// The address with a port, in brackets where the address has colons.
    pub fn with_port(&self, port: u16) -> String {
        match self.network {
            IPV6 | CJDNS => format!("[{self}]:{port}"),
            _ => format!("{self}:{port}"),
        }
    }

    fn ip(&self) -> Option<IpAddr> {
        match self.network {
            IPV4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(self.bytes.as_slice()).ok()?).into()),
            IPV6 | CJDNS => {
                Some(Ipv6Addr::from(<[u8; 16]>::try_from(self.bytes.as_slice()).ok()?).into())
            }
            _ => None,
        }
    }
}

fn is_routable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || is_example(ip))
        }
    }
}

/// Whether an address is of the range for documentation (RFC 3849).
fn is_example(ip: Ipv6Addr) -> bool {
    ip.segments()[..2] == [0x2001, 0x0db8]
}

impl fmt::Display for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.network, self.ip()) {
            (_, Some(ip)) => ip.fmt(f),
            (TOR_V3, _) => write!(f, "{}.onion", base32::encode(&tor_name(&self.bytes))),
            (I2P, _) => write!(f, "{}.b32.i2p", base32::encode(&self.bytes)),
            (network, None) => {
                write!(f, "[unknown network {network}]")
            }
        }
    }
}

/// Key, checksum and version of a Tor service (rend-spec-v3).
fn tor_name(key: &[u8]) -> Vec<u8> {
    let message = [b".onion checksum".as_slice(), key, &[TOR_VERSION]].concat();
    let checksum = sha3_256_short(&message);
    [key, &checksum[..2], &[TOR_VERSION]].concat()
}

/// A text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address")]
pub struct NoAddress;

impl FromStr for NetAddress {
    type Err = NoAddress;

    /// Reads an address; names are not looked up.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(match ip {
                IpAddr::V4(ip) => Self::ipv4(ip.octets()),
                IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                    Some(ip) => Self::ipv4(ip.octets()),
                    None => Self { network: IPV6, bytes: ip.octets().to_vec() },
                },
            });
        }
        let (network, name) = match text.strip_suffix(".onion") {
            Some(name) => (TOR_V3, name),
            None => (I2P, text.strip_suffix(".b32.i2p").ok_or(NoAddress)?),
        };
        let mut bytes = base32::decode(name).ok_or(NoAddress)?;
        bytes.truncate(32);
        let address = Self { network, bytes };
        // A name with a wrong checksum or length does not come out again as it went in.
        if address.to_string() == text { Ok(address) } else { Err(NoAddress) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_recorded() {
        let key: Vec<u8> = (0..32).collect();
        for (address, text) in [
            (NetAddress::ipv4([1, 2, 3, 4]), "1.2.3.4"),
            (
                NetAddress { network: TOR_V3, bytes: key.clone() },
                "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp3kead.onion",
            ),
            (
                NetAddress { network: I2P, bytes: key },
                "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq.b32.i2p",
            ),
        ] {
            assert_eq!(address.to_string(), text);
            assert_eq!(text.parse(), Ok(address));
        }
        let mut bytes = vec![0; 16];
        bytes[0] = 0xfc;
        assert_eq!(NetAddress { network: CJDNS, bytes }.to_string(), "fc00::");
        assert!("example.com".parse::<NetAddress>().is_err());
    }
}
