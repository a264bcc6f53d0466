//! The list of bans.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::NetAddress;
use super::address::NoAddress;

/// How long a ban lasts if nobody says otherwise, in seconds (`-bantime`).
pub const DEFAULT_BAN_SECONDS: i64 = 24 * 60 * 60;

/// An address, or everything that begins like it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    /// The address; bits beyond the prefix are zero.
    pub address: NetAddress,
    /// Number of bits that count; none where subnets do not exist.
    pub prefix: Option<u8>,
}

impl Subnet {
    /// The subnet of one address.
    pub fn single(address: NetAddress) -> Self {
        let prefix = address.prefix_bits();
        Self { address, prefix }
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: &NetAddress) -> bool {
        let prefix = self.prefix.or(address.prefix_bits()).unwrap_or(u8::MAX);
        address.network == self.address.network
            && masked(&address.bytes, prefix) == masked(&self.address.bytes, prefix)
    }
}

fn masked(bytes: &[u8], prefix: u8) -> Vec<u8> {
    let kept = |place: usize| usize::from(prefix).saturating_sub(place * 8).min(8);
    let mask = |bits: usize| u8::try_from(0xff00_u32 >> bits & 0xff).unwrap_or(0xff);
    bytes.iter().enumerate().map(|(place, byte)| byte & mask(kept(place))).collect()
}

impl FromStr for Subnet {
    type Err = NoAddress;

    /// Reads an address, or an address and a prefix length.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                (address, Some(prefix.parse::<u8>().map_err(|_| NoAddress)?))
            }
            None => (text, None),
        };
        let address: NetAddress = address.parse()?;
        let longest = address.prefix_bits();
        if prefix.is_some_and(|prefix| longest.is_none_or(|longest| prefix > longest)) {
            return Err(NoAddress);
        }
        let prefix = prefix.or(longest);
        let bytes = masked(&address.bytes, prefix.unwrap_or(u8::MAX));
        Ok(Self { address: NetAddress { bytes, ..address }, prefix })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// One ban, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// When it was made.
    pub created: i64,
    /// When it ends.
    pub until: i64,
}

/// The bans in force, in the order of their subnets.
#[derive(Clone, Debug, Default)]
pub struct BanList {
    bans: BTreeMap<Subnet, Ban>,
    /// Number of changes that nobody was told of yet.
    changes: usize,
}

impl BanList {
    /// Bans a subnet. A ban that lasts longer stays as it is. Returns whether anything changed.
    pub fn ban(&mut self, subnet: Subnet, ban: Ban) -> bool {
        let longer = self.bans.get(&subnet).is_none_or(|known| known.until < ban.until);
        if longer {
            self.bans.insert(subnet, ban);
            self.changes += 1;
        }
        longer
    }

    /// Lifts the ban of exactly this subnet. False if there is none.
    pub fn unban(&mut self, subnet: &Subnet) -> bool {
        let found = self.bans.remove(subnet).is_some();
        self.changes += usize::from(found);
        found
    }

    /// Lifts all bans.
    pub fn clear(&mut self) {
        self.bans.clear();
        self.changes += 1;
    }

    /// Number of changes since the last time.
    pub(super) fn take_changes(&mut self) -> usize {
        std::mem::take(&mut self.changes)
    }

    /// The bans that are in force at a time, in seconds since 1970.
    pub fn in_force(&self, now: i64) -> impl Iterator<Item = (&Subnet, Ban)> {
        self.bans
            .iter()
            .map(|(subnet, ban)| (subnet, *ban))
            .filter(move |(_, ban)| now <= ban.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_masked_and_shown() {
        let net: Subnet = "10.1.2.3/9".parse().unwrap();
        assert_eq!(net.to_string(), "10.0.0.0/9");
        assert!(net.contains(&NetAddress::ipv4([10, 127, 0, 1])));
        assert!(!net.contains(&NetAddress::ipv4([10, 128, 0, 1])));
        assert_eq!("2001:db8::1".parse::<Subnet>().unwrap().to_string(), "2001:db8::1/128");
        for wrong in ["1.2.3.4/33", "nonsense", "1.2.3.4/x", ""] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_longer_ban_stays() {
        let mut bans = BanList::default();
        let net: Subnet = "1.2.3.4".parse().unwrap();
        assert!(bans.ban(net.clone(), Ban { created: 0, until: 100 }));
        assert!(!bans.ban(net.clone(), Ban { created: 0, until: 50 }));
        assert_eq!(bans.in_force(100).count(), 1);
        assert_eq!(bans.in_force(101).count(), 0);
        assert!(bans.unban(&net) && !bans.unban(&net));
    }
}
