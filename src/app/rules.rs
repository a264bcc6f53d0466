//! The rules of listeners, from their files; at the start and again when the operator says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{Fault, Faults, policy, read_guarded};
use crate::frontend::door::{Door, Rules};
use crate::frontend::tls::{Tls, TlsFiles};
use crate::frontend::tokens::Tokens;
use crate::layer::rights::{Entrance, Policy, Rights};

/// Where the rules of one listener are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulesConfig {
    /// What everybody who is let in may do, if there is no policy.
    pub rights: Rights,
    /// The listener may be open to other machines without TLS and identities.
    pub insecure: bool,
    /// The policy's file.
    pub policy: Option<PathBuf>,
    /// The tokens' file.
    pub tokens: Option<PathBuf>,
    /// The certificates' files.
    pub tls: Option<TlsFiles>,
}

impl RulesConfig {
    /// Whether callers from other machines are encrypted and must show who they are.
    #[must_use]
    pub fn guards(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        self.tls.is_some() && (certificates || self.tokens.is_some())
    }

    /// Reads the rules.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn load(&self) -> Result<Rules, Faults> {
        let mut faults = Vec::new();
        let policy = self.policy.as_deref().map(policy::read);
        let policy = policy.unwrap_or_else(|| Ok(Policy::usual(self.rights, self.insecure)));
        let policy = policy.map_err(|found| faults.extend(found.0)).ok();
        let tokens = self.tokens.as_deref().map(tokens).transpose();
        let tokens = tokens.map_err(|found| faults.extend(found.0)).ok();
        let tls = self.tls.as_ref().map(Tls::load).transpose();
        let tls = tls.map_err(|error| faults.push(Fault::new("TLS", error.to_string()))).ok();
        match (policy, tokens, tls) {
            (Some(policy), Some(tokens), Some(tls)) => Ok(Rules { tls, tokens, policy }),
            _ => Err(Faults(faults)),
        }
    }
}

fn tokens(path: &Path) -> Result<Tokens, Faults> {
    let place = path.display().to_string();
    let text = read_guarded(path).map_err(|problem| Faults(vec![Fault::new(&place, problem)]))?;
    Tokens::parse(&text).map_err(|faults| {
        let faults = faults.into_iter();
        let fault = |(line, problem)| Fault::new(format!("{place}, line {line}"), problem);
        Faults(faults.map(fault).collect())
    })
}

/// The rules of all listeners, with their sources.
#[derive(Debug, Default)]
pub struct RuleBook(Vec<(RulesConfig, watch::Sender<Arc<Rules>>)>);

impl RuleBook {
    /// The door of one listener more.
    pub(super) fn door(&mut self, config: &RulesConfig, rules: Rules, entrance: Entrance) -> Door {
        let (sender, rules) = watch::channel(Arc::new(rules));
        self.0.push((config.clone(), sender));
        // There are no more listeners than file descriptors; beyond the number, they would be one.
        let listener = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        Door { listener, entrance, rules }
    }

    /// Reads everything anew. If anything is wrong, everything stays as it was.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn reload(&self) -> Result<(), Faults> {
        let (mut fresh, mut faults) = (Vec::with_capacity(self.0.len()), Vec::new());
        for (config, _) in &self.0 {
            match config.load() {
                Ok(rules) => fresh.push(rules),
                Err(found) => faults.extend(found.0),
            }
        }
        // Listeners may share files.
        faults.dedup();
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        for ((_, sender), rules) in self.0.iter().zip(fresh) {
            sender.send_replace(Arc::new(rules));
        }
        Ok(())
    }
}
