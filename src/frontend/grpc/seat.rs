//! Who makes the calls of one connection. That is found out when the connection begins and when the
//! rules change, not for every call; only a token is looked at each time, because a connection may
//! carry the calls of many.

use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use bitcoin_grpc_contract::Method;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::sync::watch;

use super::contract::{Contract, Frontend};
use crate::error::CallError;
use crate::frontend::door::{BadCredential, Evidence, Rules, Standing, Visitor};
use crate::frontend::tokens::{Digest, digest};
use crate::layer::rights::Beside;
use crate::metrics::Metrics;
use crate::stack::Stack;

/// Resolves, with the reason, when a stream's caller may not have it any more.
pub(super) type Revoked = Pin<Box<dyn Future<Output = CallError> + Send>>;

/// Methods by their paths.
static METHODS: LazyLock<HashMap<&str, Method>> =
    LazyLock::new(|| Method::ALL.into_iter().map(|method| (method.info().path, method)).collect());

/// The method at a path, if there is one.
pub(super) fn method_at(path: &str) -> Option<Method> {
    METHODS.get(path).copied()
}

/// Somebody who makes calls, and by what that was found out.
#[derive(Debug, Clone)]
pub(super) struct Occupant {
    visitor: Arc<Visitor>,
    evidence: Evidence,
    pub(super) standing: Standing,
}

impl Occupant {
    fn new(
        visitor: &Arc<Visitor>,
        evidence: Evidence,
        rules: &Rules,
    ) -> Result<Self, BadCredential> {
        let standing = visitor.standing(rules, &evidence)?;
        Ok(Self { visitor: Arc::clone(visitor), evidence, standing })
    }

    /// The listener that the caller came in at.
    pub(super) fn listener(&self) -> u16 {
        self.visitor.door.listener
    }

    /// Watches whether the same evidence still opens a method.
    pub(super) fn revoked(&self, method: Method) -> Revoked {
        let (visitor, evidence) = (Arc::clone(&self.visitor), self.evidence.clone());
        Box::pin(async move {
            let mut changes = visitor.door.rules.clone();
            loop {
                let rules = Arc::clone(&changes.borrow_and_update());
                let standing = visitor.standing(&rules, &evidence);
                if !standing.is_ok_and(|standing| standing.grants.hold(method)) {
                    return CallError::Denied { method, class: method.info().access };
                }
                if changes.changed().await.is_err() {
                    // Nobody is left who could change them.
                    std::future::pending::<()>().await;
                }
            }
        })
    }
}

/// The services, as one caller sees them.
pub(super) struct Seat {
    standing: Standing,
    pub(super) contract: Contract,
}

impl Seat {
    fn new(stack: &Stack, metrics: &Arc<Metrics>, occupant: Occupant) -> Rc<Self> {
        let standing = occupant.standing.clone();
        let frontend = Frontend::new(stack.clone(), Arc::clone(metrics), occupant);
        Rc::new(Self { standing, contract: Contract::new(Arc::new(frontend)) })
    }

    /// Whether a service beside the contract's is granted.
    pub(super) fn holds(&self, service: Beside) -> bool {
        self.standing.grants.hold_beside(service)
    }

    /// Whether the caller may learn what is at this path. To who has no identity and could have one,
    /// what is not granted and what does not exist are the same.
    pub(super) fn admits(&self, path: &str, beside: Option<Beside>) -> bool {
        if !self.standing.unproven {
            return true;
        }
        match beside {
            Some(service) => self.holds(service),
            None => method_at(path).is_some_and(|method| self.standing.grants.hold(method)),
        }
    }
}

/// The seats of one connection.
pub(super) struct Seats {
    visitor: Arc<Visitor>,
    stack: Stack,
    metrics: Arc<Metrics>,
    changes: watch::Receiver<Arc<Rules>>,
    rules: Arc<Rules>,
    /// Of calls without a token.
    usual: Result<Rc<Seat>, BadCredential>,
    /// Of the last call with a token, by the token's digest.
    last: Option<(Digest, Rc<Seat>)>,
}

impl Seats {
    pub(super) fn new(visitor: Visitor, stack: Stack, metrics: Arc<Metrics>) -> Self {
        let mut changes = visitor.door.rules.clone();
        let rules = Arc::clone(&changes.borrow_and_update());
        let visitor = Arc::new(visitor);
        let usual = usual(&visitor, &stack, &metrics, &rules);
        Self { visitor, stack, metrics, changes, rules, usual, last: None }
    }

    /// The seat for a call with these headers.
    pub(super) fn find(&mut self, headers: &HeaderMap) -> Result<Rc<Seat>, BadCredential> {
        if self.changes.has_changed().unwrap_or(false) {
            self.rules = Arc::clone(&self.changes.borrow_and_update());
            self.usual = usual(&self.visitor, &self.stack, &self.metrics, &self.rules);
            self.last = None;
        }
        if headers.contains_key(AUTHORIZATION) {
            self.by_token(digest(bearer(headers)?))
        } else {
            self.usual.clone()
        }
    }

    /// The token is looked up for every call: it may have ended since the last.
    fn by_token(&mut self, digest: Digest) -> Result<Rc<Seat>, BadCredential> {
        let occupant = Occupant::new(&self.visitor, Evidence::Token(digest), &self.rules)?;
        match &self.last {
            Some((last, seat)) if *last == digest => Ok(Rc::clone(seat)),
            _ => {
                let seat = Seat::new(&self.stack, &self.metrics, occupant);
                self.last = Some((digest, Rc::clone(&seat)));
                Ok(seat)
            }
        }
    }
}

fn usual(
    visitor: &Arc<Visitor>,
    stack: &Stack,
    metrics: &Arc<Metrics>,
    rules: &Rules,
) -> Result<Rc<Seat>, BadCredential> {
    let occupant = Occupant::new(visitor, Evidence::Connection, rules)?;
    Ok(Seat::new(stack, metrics, occupant))
}

/// The token of a call: `Bearer`, in any case, and the token. There may be only one.
fn bearer(headers: &HeaderMap) -> Result<&[u8], BadCredential> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(BadCredential) };
    match value.as_bytes().split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"Bearer ") => Ok(token.trim_ascii()),
        _ => Err(BadCredential),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap()));
        values.collect()
    }

    #[test]
    fn bearer_tokens_are_found_and_nothing_else() {
        for (values, token) in [
            (&["Bearer abc"][..], Ok(&b"abc"[..])),
            (&["bearer  abc "], Ok(b"abc")),
            (&["Bearer "], Ok(b"")),
            (&["Bearer"], Err(BadCredential)),
            (&["Basic abc"], Err(BadCredential)),
            (&["abc"], Err(BadCredential)),
            (&[""], Err(BadCredential)),
            (&["Bearer abc", "Bearer abc"], Err(BadCredential)),
        ] {
            assert_eq!(bearer(&headers(values)), token, "{values:?}");
        }
    }

    #[test]
    fn every_method_is_found_by_its_path() {
        for method in Method::ALL {
            assert_eq!(METHODS.get(method.info().path), Some(&method));
        }
    }
}
