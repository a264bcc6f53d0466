//! Who is known, and what each may do: a policy as it is looked up.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Grants, Rights};

/// Kinds of listeners. Who has no identity is nobody in particular of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entrance {
    /// A TCP port that only this machine reaches.
    Loopback,
    /// A unix socket.
    Unix,
    /// A TCP port that others reach.
    Remote,
}

impl Entrance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Loopback, Self::Unix, Self::Remote];

    /// What callers without an identity are called that come in there.
    #[must_use]
    pub const fn anonymous(self) -> &'static str {
        match self {
            Self::Loopback => "anonymous-loopback",
            Self::Unix => "anonymous-unix",
            Self::Remote => "anonymous-remote",
        }
    }
}

/// What a policy is made of. An identity is known by its name.
#[derive(Debug, Clone, Default)]
pub struct PolicyBuilder {
    /// What identities may do beyond what all may.
    pub named: HashMap<Arc<str>, Grants>,
    /// What every identity may do.
    pub authenticated: Grants,
    /// What those without an identity may do, by entrance.
    pub anonymous: HashMap<Entrance, Grants>,
    /// Identities by a name in their certificate, `dns:…` or `uri:…`.
    pub certificates: HashMap<String, Arc<str>>,
    /// Identities by the user that their process runs as.
    pub uids: HashMap<u32, Arc<str>>,
    /// Identities by the group that their process runs as.
    pub gids: HashMap<u32, Arc<str>>,
}

/// A policy.
#[derive(Debug, Clone)]
pub struct Policy {
    named: HashMap<Arc<str>, Arc<Grants>>,
    authenticated: Arc<Grants>,
    anonymous: [Arc<Grants>; Entrance::ALL.len()],
    certificates: HashMap<String, Arc<str>>,
    uids: HashMap<u32, Arc<str>>,
    gids: HashMap<u32, Arc<str>>,
}

impl Policy {
    /// What holds where no policy was given: `rights` for every identity and for everybody on this
    /// machine; for others only if the listener is `exposed` on purpose.
    #[must_use]
    pub fn usual(rights: Rights, exposed: bool) -> Self {
        let grants = Grants::of(rights);
        let anonymous = Entrance::ALL.into_iter().filter(|at| exposed || *at != Entrance::Remote);
        Self::new(PolicyBuilder {
            anonymous: anonymous.map(|entrance| (entrance, grants.clone())).collect(),
            authenticated: grants,
            ..PolicyBuilder::default()
        })
    }

    /// A policy from its parts.
    #[must_use]
    pub fn new(mut parts: PolicyBuilder) -> Self {
        let named = parts.named.into_iter().map(|(name, mut grants)| {
            grants.add_all(&parts.authenticated);
            (name, Arc::new(grants))
        });
        let anonymous = |entrance| Arc::new(parts.anonymous.remove(&entrance).unwrap_or_default());
        Self {
            named: named.collect(),
            anonymous: Entrance::ALL.map(anonymous),
            authenticated: Arc::new(parts.authenticated),
            certificates: parts.certificates,
            uids: parts.uids,
            gids: parts.gids,
        }
    }

    /// What an identity may do.
    #[must_use]
    pub fn identity(&self, name: &str) -> &Arc<Grants> {
        self.named.get(name).unwrap_or(&self.authenticated)
    }

    /// What callers without an identity may do that come in there.
    #[must_use]
    pub const fn anonymous(&self, entrance: Entrance) -> &Arc<Grants> {
        &self.anonymous[entrance as usize]
    }

    /// The identity with a certificate that has these names: that of the first which is known. A
    /// certificate that is valid and known by none of its names stands for its first one.
    #[must_use]
    pub fn by_certificate(&self, names: &[String]) -> Option<Arc<str>> {
        let known = names.iter().find_map(|name| self.certificates.get(name));
        known.cloned().or_else(|| names.first().map(|name| Arc::from(name.as_str())))
    }

    /// The identity of a process of this machine, by its user or else by its group.
    #[must_use]
    pub fn by_user(&self, uid: u32, gid: u32) -> Option<Arc<str>> {
        self.uids.get(&uid).or_else(|| self.gids.get(&gid)).cloned()
    }

    /// Whether it tells processes of this machine apart.
    #[must_use]
    pub fn knows_users(&self) -> bool {
        !self.uids.is_empty() || !self.gids.is_empty()
    }

    /// Whether it says anything about an identity of that name.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::Method;

    use super::*;

    fn holds(grants: &Grants) -> [bool; 2] {
        [grants.hold(Method::ChainGetHeight), grants.hold(Method::NodeStartShutdown)]
    }

    #[test]
    fn without_a_policy_this_machine_and_identities_read_and_nobody_else() {
        let usual = Policy::usual(Rights::open(), false);
        assert_eq!(holds(usual.anonymous(Entrance::Loopback)), [true, false]);
        assert_eq!(holds(usual.anonymous(Entrance::Unix)), [true, false]);
        assert_eq!(holds(usual.anonymous(Entrance::Remote)), [false, false]);
        assert_eq!(**usual.anonymous(Entrance::Remote), Grants::default());
        assert_eq!(holds(usual.identity("anybody")), [true, false]);
        let exposed = Policy::usual(Rights::open(), true);
        assert_eq!(holds(exposed.anonymous(Entrance::Remote)), [true, false]);
    }

    #[test]
    fn certificates_stand_for_the_identity_that_is_known_by_one_of_their_names() {
        let certificates = HashMap::from([("dns:b".to_owned(), Arc::from("bob"))]);
        let policy = Policy::new(PolicyBuilder { certificates, ..PolicyBuilder::default() });
        let by = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            policy.by_certificate(&names).map(|name| name.to_string())
        };
        assert_eq!(by(&["dns:a", "dns:b"]).as_deref(), Some("bob"));
        assert_eq!(by(&["dns:a"]).as_deref(), Some("dns:a"));
        assert_eq!(by(&[]), None);
    }

    #[test]
    fn users_come_before_groups() {
        let uids = HashMap::from([(1, Arc::from("one"))]);
        let gids = HashMap::from([(7, Arc::from("seven"))]);
        let policy = Policy::new(PolicyBuilder { uids, gids, ..PolicyBuilder::default() });
        assert_eq!(policy.by_user(1, 7).as_deref(), Some("one"));
        assert_eq!(policy.by_user(2, 7).as_deref(), Some("seven"));
        assert_eq!(policy.by_user(2, 8), None);
    }
}
