//! What stands at a listener: who is let in, by what proof, and what they may do. All of it can be
//! replaced while the listener is open.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use super::tls::Tls;
use super::tokens::{Digest, Tokens};
use crate::call::Caller;
use crate::layer::rights::{Entrance, Grants, Policy};

/// The rules of one listener. They are replaced as a whole.
#[derive(Debug)]
pub struct Rules {
    /// How connections are encrypted, if they are.
    pub tls: Option<Tls>,
    /// Bearer tokens; `None` where none are taken.
    pub tokens: Option<Tokens>,
    /// What callers may do.
    pub policy: Policy,
}

/// One listener's door. Clones see the same rules.
#[derive(Debug, Clone)]
pub struct Door {
    /// Which listener it is, by its place among them.
    pub listener: u16,
    /// What kind of listener it is.
    pub entrance: Entrance,
    /// Its rules, as they are now.
    pub rules: watch::Receiver<Arc<Rules>>,
}

/// What a connection itself says of who is at its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    Nothing,
    /// The names in its certificate.
    Certificate(Vec<String>),
    /// The user and the group of the process.
    User(u32, u32),
}

/// Somebody who has come in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Where.
    pub door: Door,
    /// Who it is as long as there is no proof: somebody of this machine, or of some address.
    pub origin: Caller,
    /// What the connection proves.
    pub proof: Proof,
}

/// By what a call says who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Evidence {
    /// By the connection that it comes over.
    Connection,
    /// By a token with this digest.
    Token(Digest),
}

/// Who makes a call, and what that caller may do.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) caller: Caller,
    pub(super) grants: Arc<Grants>,
    /// The caller has no identity and could have one.
    pub(super) unproven: bool,
}

/// The proof is not one that is taken. It does not say why: that is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadCredential;

impl Visitor {
    /// Who makes a call that has this evidence, by these rules.
    pub(super) fn standing(
        &self,
        rules: &Rules,
        evidence: &Evidence,
    ) -> Result<Standing, BadCredential> {
        let name = match (evidence, &self.proof) {
            (Evidence::Token(digest), _) => {
                let tokens = rules.tokens.as_ref().ok_or(BadCredential)?;
                Some(tokens.identity(digest, SystemTime::now).ok_or(BadCredential)?.clone())
            }
            (Evidence::Connection, Proof::Certificate(names)) => {
                Some(rules.policy.by_certificate(names).ok_or(BadCredential)?)
            }
            (Evidence::Connection, Proof::User(uid, gid)) => rules.policy.by_user(*uid, *gid),
            (Evidence::Connection, Proof::Nothing) => None,
        };
        Ok(name.map_or_else(|| self.anonymous(rules), |name| known(rules, name)))
    }

    fn anonymous(&self, rules: &Rules) -> Standing {
        let entrance = self.door.entrance;
        let by_certificate = rules.tls.as_ref().is_some_and(Tls::asks_for_certificates);
        let by_user = entrance == Entrance::Unix && rules.policy.knows_users();
        Standing {
            caller: self.origin.clone(),
            grants: Arc::clone(rules.policy.anonymous(entrance)),
            // Where nothing is open to anybody, an identity is what is missing.
            unproven: rules.tokens.is_some()
                || by_certificate
                || by_user
                || rules.policy.anonymous(entrance).are_none(),
        }
    }
}

fn known(rules: &Rules, name: Arc<str>) -> Standing {
    let grants = Arc::clone(rules.policy.identity(&name));
    Standing { caller: Caller::Known(name), grants, unproven: false }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::tokens::digest;
    use super::*;
    use crate::layer::rights::{PolicyBuilder, Rights};

    fn rules(tokens: Option<&str>, uids: &[u32]) -> Rules {
        let policy = PolicyBuilder {
            uids: uids.iter().map(|uid| (*uid, Arc::from("local"))).collect(),
            anonymous: HashMap::from([(Entrance::Unix, Grants::of(Rights::open()))]),
            ..PolicyBuilder::default()
        };
        let tokens = tokens.map(|text| Tokens::parse(text).unwrap());
        Rules { tls: None, tokens, policy: Policy::new(policy) }
    }

    fn standing(
        entrance: Entrance,
        proof: Proof,
        rules: &Rules,
        evidence: &Evidence,
    ) -> Result<(Caller, bool), BadCredential> {
        let (_, receiver) = watch::channel(Arc::new(self::rules(None, &[])));
        let door = Door { listener: 0, entrance, rules: receiver };
        let visitor = Visitor { door, origin: Caller::Local, proof };
        visitor.standing(rules, evidence).map(|standing| (standing.caller, standing.unproven))
    }

    fn named(name: &str) -> Result<(Caller, bool), BadCredential> {
        Ok((Caller::Known(name.into()), false))
    }

    #[test]
    fn each_proof_gives_its_identity() {
        let (token, line) = super::super::tokens::make("monitor", None).unwrap();
        let rules = rules(Some(&line), &[1000]);
        let token = Evidence::Token(digest(token.as_bytes()));
        let certificate = Proof::Certificate(vec!["dns:a".to_owned()]);
        for proof in [Proof::Nothing, Proof::User(1000, 1), certificate.clone()] {
            // What a call says counts more than what its connection says.
            assert_eq!(standing(Entrance::Unix, proof, &rules, &token), named("monitor"));
        }
        let by_connection = |proof| standing(Entrance::Unix, proof, &rules, &Evidence::Connection);
        assert_eq!(by_connection(Proof::User(1000, 1)), named("local"));
        assert_eq!(by_connection(certificate), named("dns:a"));
        assert_eq!(by_connection(Proof::User(1001, 1)), Ok((Caller::Local, true)));
        assert_eq!(by_connection(Proof::Nothing), Ok((Caller::Local, true)));
    }

    #[test]
    fn what_proves_nothing_is_refused() {
        let (_, line) = super::super::tokens::make("monitor", None).unwrap();
        let wrong = Evidence::Token(digest(b"wrong"));
        for rules in [rules(Some(&line), &[]), rules(None, &[])] {
            let refused = standing(Entrance::Loopback, Proof::Nothing, &rules, &wrong);
            assert_eq!(refused, Err(BadCredential));
        }
        let nameless = Proof::Certificate(Vec::new());
        let refused =
            standing(Entrance::Remote, nameless, &rules(None, &[]), &Evidence::Connection);
        assert_eq!(refused, Err(BadCredential));
    }

    #[test]
    fn who_could_have_no_identity_is_not_told_to_get_one() {
        let at = |entrance, rules: &Rules| {
            standing(entrance, Proof::Nothing, rules, &Evidence::Connection).unwrap().1
        };
        assert!(!at(Entrance::Unix, &rules(None, &[])));
        assert!(at(Entrance::Unix, &rules(None, &[1])));
        assert!(at(Entrance::Unix, &rules(Some(""), &[])));
        // Nobody may do anything here without an identity.
        assert!(at(Entrance::Remote, &rules(None, &[])));
    }
}
