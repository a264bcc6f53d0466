//! The policy file: TOML that says who is who and who may do what. It is taken as a whole or not at
//! all; every fault names its line.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;

use bitcoin_grpc_contract::{Access, Method, Service};
use serde::Deserialize;
use toml::Spanned;

use super::fault::{Fault, Faults};
use super::meant::checked_rate;
use super::secret::read_guarded;
use crate::frontend::tokens::checked_name;
use crate::layer::admission::OwnLimits;
use crate::layer::rights::{Beside, CommandGrant, Entrance, Grants, Names, Policy, PolicyBuilder};

/// The receiver that stands for every identity.
const AUTHENTICATED: &str = "authenticated";

/// What a group's name begins with where it receives something.
const GROUP: char = '@';

/// What stands for all names.
const ALL: &str = "*";

/// Longest name of an RPC command or wallet, in bytes: what the schema allows for the former.
const MAX_NAME: usize = 1000;

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    identities: BTreeMap<Text, IdentityTable>,
    #[serde(default)]
    groups: BTreeMap<Text, Vec<Text>>,
    #[serde(default)]
    grants: Vec<Spanned<GrantTable>>,
    #[serde(default)]
    limits: Vec<Spanned<LimitTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityTable {
    #[serde(default)]
    certificates: Vec<Text>,
    #[serde(default)]
    uids: Vec<Spanned<u32>>,
    #[serde(default)]
    gids: Vec<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GrantTable {
    to: Vec<Text>,
    #[serde(default)]
    classes: Vec<Text>,
    #[serde(default)]
    services: Vec<Text>,
    #[serde(default)]
    methods: Vec<Text>,
    #[serde(default)]
    rpc_commands: Vec<Text>,
    #[serde(default)]
    rpc_wallets: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitTable {
    to: Vec<Text>,
    in_flight: Option<Spanned<u32>>,
    in_flight_blocking: Option<Spanned<u32>>,
    queue: Option<u32>,
    rate: Option<Spanned<u32>>,
}

/// Reads a policy file.
///
/// # Errors
/// With everything that is wrong.
pub fn read(path: &Path) -> Result<Policy, Faults> {
    let place = path.display().to_string();
    match read_guarded(path) {
        Ok(text) => parse(&text, &place),
        Err(problem) => Err(Faults(vec![Fault::new(place, problem)])),
    }
}

/// Reads a policy's text; `place` is what its file is called.
///
/// # Errors
/// With everything that is wrong.
pub fn parse(text: &str, place: &str) -> Result<Policy, Faults> {
    let mut draft = Draft::new(text, place);
    match toml::from_str::<PolicyFile>(text) {
        Ok(file) => draft.take(&file),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            draft.fault(at, error.message());
        }
    }
    if draft.faults.is_empty() { Ok(Policy::new(draft.parts)) } else { Err(Faults(draft.faults)) }
}

/// A policy on its way from the file.
struct Draft<'a> {
    text: &'a str,
    place: &'a str,
    parts: PolicyBuilder,
    groups: HashMap<String, Vec<Arc<str>>>,
    faults: Vec<Fault>,
}

/// Who receives a grant.
enum Receiver {
    Identities(Vec<Arc<str>>),
    Authenticated,
    Anonymous(Entrance),
}

impl<'a> Draft<'a> {
    fn new(text: &'a str, place: &'a str) -> Self {
        let (parts, groups) = (PolicyBuilder::default(), HashMap::new());
        Self { text, place, parts, groups, faults: Vec::new() }
    }

    fn fault(&mut self, at: usize, problem: impl Into<String>) {
        let line = self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        self.faults.push(Fault::new(format!("{}, line {line}", self.place), problem));
    }

    fn fault_of<T>(&mut self, of: &Spanned<T>, problem: impl Into<String>) {
        self.fault(of.span().start, problem);
    }

    fn take(&mut self, file: &PolicyFile) {
        for (name, table) in &file.identities {
            self.identity(name, table);
        }
        for (name, members) in &file.groups {
            self.group(name, members);
        }
        for grant in &file.grants {
            self.grant(grant);
        }
        for limits in &file.limits {
            self.limits(limits);
        }
    }

    fn identity(&mut self, name: &Text, table: &IdentityTable) {
        if let Err(problem) = checked_name(name.get_ref()) {
            return self.fault_of(name, problem);
        }
        let identity: Arc<str> = Arc::from(name.get_ref().as_str());
        self.parts.named.insert(Arc::clone(&identity), Grants::default());
        for certificate in &table.certificates {
            match certificate_name(certificate.get_ref()) {
                Ok(name) => self.known_by(certificate, &identity, name, |p| &mut p.certificates),
                Err(problem) => self.fault_of(certificate, problem),
            }
        }
        for uid in &table.uids {
            self.known_by(uid, &identity, *uid.get_ref(), |parts| &mut parts.uids);
        }
        for gid in &table.gids {
            self.known_by(gid, &identity, *gid.get_ref(), |parts| &mut parts.gids);
        }
    }

    /// Notes by what an identity is known, which must be nobody else's.
    fn known_by<T, K: Hash + Eq>(
        &mut self,
        of: &Spanned<T>,
        identity: &Arc<str>,
        key: K,
        index: fn(&mut PolicyBuilder) -> &mut HashMap<K, Arc<str>>,
    ) {
        if let Some(other) = index(&mut self.parts).insert(key, Arc::clone(identity)) {
            self.fault_of(of, format!("already stands for {other:?}"));
        }
    }

    fn group(&mut self, name: &Text, members: &[Text]) {
        if let Err(problem) = checked_name(name.get_ref()) {
            return self.fault_of(name, problem);
        }
        self.unique(members);
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            match self.parts.named.get_key_value(member.get_ref().as_str()) {
                Some((identity, _)) => found.push(Arc::clone(identity)),
                None => self.fault_of(member, unknown_identity(member.get_ref())),
            }
        }
        self.groups.insert(name.get_ref().clone(), found);
    }

    fn grant(&mut self, grant: &Spanned<GrantTable>) {
        let granted = self.granted(grant);
        self.give_all(grant, &grant.get_ref().to, &granted);
    }

    fn give_all<T>(&mut self, table: &Spanned<T>, to: &[Text], granted: &Grants) {
        if to.is_empty() {
            self.fault_of(table, "it must be said to whom this is given");
        }
        self.unique(to);
        for text in to {
            match self.receiver(text.get_ref()) {
                Ok(receiver) => self.give(&receiver, granted),
                Err(problem) => self.fault_of(text, problem),
            }
        }
    }

    fn give(&mut self, receiver: &Receiver, granted: &Grants) {
        match receiver {
            Receiver::Identities(names) => {
                for name in names {
                    self.parts.named.entry(Arc::clone(name)).or_default().add_all(granted);
                }
            }
            Receiver::Authenticated => self.parts.authenticated.add_all(granted),
            Receiver::Anonymous(entrance) => {
                self.parts.anonymous.entry(*entrance).or_default().add_all(granted);
            }
        }
    }

    fn receiver(&self, text: &str) -> Result<Receiver, String> {
        if let Some(group) = text.strip_prefix(GROUP) {
            let members = self.groups.get(group).cloned();
            return members.map(Receiver::Identities).ok_or(format!("there is no group {group:?}"));
        }
        if text == AUTHENTICATED {
            return Ok(Receiver::Authenticated);
        }
        if let Some(entrance) = Entrance::ALL.into_iter().find(|at| at.anonymous() == text) {
            return Ok(Receiver::Anonymous(entrance));
        }
        let known = self.parts.named.get_key_value(text);
        let known = known.map(|(name, _)| Receiver::Identities(vec![Arc::clone(name)]));
        known.ok_or_else(|| unknown_identity(text))
    }

    fn limits(&mut self, limits: &Spanned<LimitTable>) {
        let table = limits.get_ref();
        for of in [&table.in_flight, &table.in_flight_blocking].into_iter().flatten() {
            if *of.get_ref() == 0 {
                self.fault_of(of, "must not be 0; who may call nothing is granted nothing");
            }
        }
        if let Some(rate) = &table.rate
            && let Err(problem) = checked_rate(Some(*rate.get_ref()))
        {
            self.fault_of(rate, problem);
        }
        let number = |of: &Option<Spanned<u32>>| of.as_ref().map(|of| *of.get_ref());
        let count = |number: Option<u32>| number.map(|number| number as usize);
        let own = OwnLimits {
            in_flight: count(number(&table.in_flight)),
            in_flight_blocking: count(number(&table.in_flight_blocking)),
            queue: count(table.queue),
            rate: number(&table.rate),
        };
        if own == OwnLimits::default() {
            self.fault_of(limits, "these limits limit nothing");
        }
        let mut granted = Grants::default();
        granted.add_limits(own);
        self.give_all(limits, &table.to, &granted);
    }

    /// What a grant gives.
    fn granted(&mut self, grant: &Spanned<GrantTable>) -> Grants {
        let (table, mut granted) = (grant.get_ref(), Grants::default());
        self.each(&table.classes, |text| class(text).map(|class| granted.add_class(class)));
        self.each(&table.services, |text| service(text, &mut granted));
        self.each(&table.methods, |text| method(text).map(|method| granted.add_method(method)));
        let commands = self.names(&table.rpc_commands, command);
        let wallets = self.names(&table.rpc_wallets, wallet);
        if !table.rpc_commands.is_empty() {
            granted.add_commands(CommandGrant { commands, wallets });
        } else if !table.rpc_wallets.is_empty() {
            self.fault_of(
                grant,
                "rpc-wallets says on which wallets rpc-commands may be run, and there are none",
            );
        } else if let Some(method) =
            table.methods.iter().find(|m| m.get_ref().ends_with(".ExecuteRpc"))
        {
            self.fault_of(method, "runs RPC commands, which rpc-commands must name");
        } else if [&table.classes, &table.services, &table.methods].iter().all(|l| l.is_empty()) {
            self.fault_of(grant, "this grant gives nothing");
        }
        granted
    }

    /// Takes every text of a list, each of which may be there once.
    fn each(&mut self, texts: &[Text], mut take: impl FnMut(&str) -> Result<(), String>) {
        self.unique(texts);
        for text in texts {
            if let Err(problem) = take(text.get_ref()) {
                self.fault_of(text, problem);
            }
        }
    }

    fn names(&mut self, texts: &[Text], check: fn(&str) -> Result<(), String>) -> Names {
        if let [text] = texts
            && text.get_ref() == ALL
        {
            return Names::All;
        }
        let mut names = BTreeSet::new();
        self.each(texts, |text| {
            check(text)?;
            names.insert(text.to_owned());
            Ok(())
        });
        Names::These(names)
    }

    fn unique(&mut self, texts: &[Text]) {
        let mut seen = BTreeSet::new();
        for text in texts {
            if !seen.insert(text.get_ref()) {
                self.fault_of(text, format!("{:?} is there twice", text.get_ref()));
            }
        }
    }
}

fn unknown_identity(name: &str) -> String {
    format!("there is no identity {name:?}; [identities] must have it, if only as {name} = {{}}")
}

/// A name as it is found in certificates.
fn certificate_name(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some(("uri", uri)) if !uri.is_empty() => Ok(text.to_owned()),
        Some(("dns", host)) if !host.is_empty() && !host.contains('*') => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(format!("{text:?} is neither uri:URI nor dns:HOST")),
    }
}

fn class(text: &str) -> Result<Access, String> {
    let class = Access::ALL.into_iter().find(|class| class.name() == text);
    let names = Access::ALL.map(Access::name).join(", ");
    class.ok_or_else(|| format!("there is no class {text:?}; there are {names}"))
}

fn service(text: &str, granted: &mut Grants) -> Result<(), String> {
    match text {
        "grpc.health" => granted.add_beside(Beside::Health),
        "grpc.reflection" => granted.add_beside(Beside::Reflection),
        _ => {
            let service = Service::ALL.into_iter().find(|service| service.name() == text);
            let names = Service::ALL.map(Service::name).join(", ");
            granted.add_service(service.ok_or_else(|| {
                format!(
                    "there is no service {text:?}; there are {names}, grpc.health, grpc.reflection"
                )
            })?);
        }
    }
    Ok(())
}

fn method(text: &str) -> Result<Method, String> {
    let method = Method::ALL.into_iter().find(|method| method.info().full_name == text);
    method.ok_or_else(|| format!("there is no method {text:?}; one is Chain.GetHeight"))
}

fn command(text: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match (1..=MAX_NAME).contains(&text.len()) && text.chars().all(legal) {
        true => Ok(()),
        false => Err(format!("{text:?} is no RPC command; \"*\" alone stands for all")),
    }
}

fn wallet(text: &str) -> Result<(), String> {
    match text.len() > MAX_NAME || text == ALL {
        true => Err(format!("{text:?} is no wallet's name; \"*\" alone stands for all")),
        false => Ok(()),
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
