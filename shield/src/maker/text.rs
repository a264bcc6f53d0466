//! What stands in fields of text.

use bitcoin_grpc_codegen::schema::Content;
use prost_reflect::FieldDescriptor;

use super::Maker;
use crate::hints::Hint;

/// Names of wallets: those that a real node should have, and others.
const WALLETS: [&str; 5] = ["w", "x", "", "../w", "no such wallet"];

/// Names of settings, among them those that calls depend on.
const SETTINGS: [&str; 10] = [
    "server",
    "signer",
    "deprecatedrpc",
    "settings",
    "privatebroadcast",
    "prune",
    "wallet",
    "blockmintxfee",
    "no such setting",
    "",
];

const SUBNETS: [&str; 8] = [
    "127.0.0.1",
    "10.0.0.0/8",
    "::1/128",
    "1.2.3.4/33",
    "fc00::/7",
    "::ffff:1.2.3.4/120",
    "/",
    "0.0.0.0/0",
];

const URIS: [&str; 7] = ["", "/", "/wallet/w", "/wallet/", "/wallet/%ff", "/wallet/w/x", "wallet"];

const WORDS: [&str; 6] = ["", "x", "basic", "é\u{10ffff}", "a\u{0}b", "\u{feff}"];

/// Longest text that is made: longer than the contract allows anywhere but in JSON.
const LONG: usize = 70_000;

impl Maker<'_, '_> {
    pub(super) fn text(&mut self, field: &FieldDescriptor, hint: Hint) -> String {
        if self.errs() {
            return match self.byte() % 8 {
                0 => "x".repeat(LONG),
                1 => "\u{10ffff}".repeat(300),
                2 => self.json(),
                _ => (*self.pick(&WORDS)).to_owned(),
            };
        }
        let facts = self.facts;
        match (field.name(), hint.content) {
            ("request", _) => self.rpc(),
            ("params", _) => self.arguments(),
            ("value", Content::Json) => self.setting(),
            (_, Content::Json) => self.json(),
            ("method", _) => self.command(),
            ("handle", _) if facts.handles.is_empty() => "no such handle".to_owned(),
            ("handle", _) => self.pick(&facts.handles).clone(),
            ("subnet", _) | (_, Content::Subnet) => (*self.pick(&SUBNETS)).to_owned(),
            ("uri", _) => (*self.pick(&URIS)).to_owned(),
            ("name", _) if self.byte() & 1 == 0 => (*self.pick(&SETTINGS)).to_owned(),
            (name, _) if name == "name" || name.contains("wallet") => self.wallet(),
            _ => (*self.pick(&WORDS)).to_owned(),
        }
    }

    /// The first of them mostly, which is there.
    fn wallet(&mut self) -> String {
        let other = self.byte();
        WALLETS[if other < 192 { 0 } else { usize::from(other) % WALLETS.len() }].to_owned()
    }

    /// The value of a setting: mostly of the few kinds that are allowed.
    fn setting(&mut self) -> String {
        const VALUES: [&str; 7] =
            ["null", "true", "false", "\"1\"", "\"0\"", "[\"a\",\"b\"]", "\"getblock\""];
        match self.byte() % 8 {
            0 => self.json(),
            _ => (*self.pick(&VALUES)).to_owned(),
        }
    }
}
