//! What stands in fields of bytes.

use bitcoin_grpc_codegen::schema::Content;
use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

use super::Maker;
use crate::hints::Hint;

/// Lengths that are wrong nearly everywhere.
const LENGTHS: [usize; 10] = [0, 1, 3, 19, 21, 31, 33, 36, 64, 79];

/// Numbers of networks, and the lengths of their addresses.
const NETWORKS: [(u32, usize); 5] = [(1, 4), (2, 16), (4, 32), (5, 32), (6, 16)];

/// Scripts: of anyone, of nobody, and of the usual kinds.
const SCRIPTS: [&[u8]; 5] = [
    &[0x51],
    &[0x6a],
    &[],
    &[0x00, 0x14, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
    &[0xff; 40],
];

impl Maker<'_, '_> {
    pub(super) fn data(&mut self, field: &FieldDescriptor, hint: Hint) -> Vec<u8> {
        let right = self.right(meant(field, hint));
        if self.errs() { self.broken(right) } else { right }
    }

    fn right(&mut self, content: Content) -> Vec<u8> {
        let facts = self.facts;
        match content {
            Content::BlockHash => self.known(&facts.hashes, 32),
            Content::Txid | Content::Wtxid => self.known(&facts.txids, 32),
            Content::Transaction => self.known(&facts.transactions, 0),
            Content::Block => self.known(&facts.blocks, 0),
            Content::Header => {
                let mut header = self.known(&facts.blocks, 80);
                header.truncate(80);
                header
            }
            Content::Script => self.pick(&SCRIPTS).to_vec(),
            Content::Hash160 => self.take(20),
            Content::PubKey => {
                let length = *self.pick(&[33, 0, 65]);
                self.take(length)
            }
            Content::NetAddress => {
                let length = self.pick(&NETWORKS).1;
                self.take(length)
            }
            _ => {
                let length = usize::from(self.byte() % 41);
                self.take(length)
            }
        }
    }

    /// One of these, or, where there is no such thing, so many bytes.
    fn known(&mut self, all: &[Vec<u8>], length: usize) -> Vec<u8> {
        match self.byte() {
            0..=63 if length > 0 => self.take(length),
            _ if all.is_empty() => self.take(length),
            _ => self.pick(all).clone(),
        }
    }

    /// Something that the node knows, in hex.
    pub(crate) fn known_hex(&mut self) -> String {
        let facts = self.facts;
        let mut bytes = match self.byte() % 4 {
            0 => self.known(&facts.txids, 32),
            1 => self.known(&facts.transactions, 10),
            2 => self.known(&facts.blocks, 80),
            _ => self.known(&facts.hashes, 32),
        };
        if bytes.len() == 32 {
            // As people read hashes.
            bytes.reverse();
        }
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The same with something wrong.
    pub(crate) fn broken(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.byte() % 3 {
            match self.byte() % 8 {
                0 => {
                    let length = *self.pick(&LENGTHS);
                    bytes.resize(length, 7);
                }
                1 => drop(bytes.pop()),
                2 => bytes.push(self.byte()),
                3 if !bytes.is_empty() => {
                    let at = self.place(bytes.len());
                    bytes.truncate(at);
                }
                4 => bytes.clear(),
                // A count or a length that reaches beyond all bounds.
                5 if !bytes.is_empty() => {
                    let at = self.place(bytes.len());
                    bytes[at] = *self.pick(&[0xfd, 0xfe, 0xff]);
                }
                // The inputs of a transaction: none.
                6 if bytes.len() > 5 => bytes[4] = 0,
                _ if !bytes.is_empty() => {
                    let at = self.place(bytes.len());
                    bytes[at] = self.byte();
                }
                _ => bytes.push(0),
            }
        }
        bytes
    }

    fn place(&mut self, length: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % length
    }

    /// A network, and an address of the length that it wants.
    pub(super) fn address(&mut self, message: &mut DynamicMessage) {
        let (network, length) = *self.pick(&NETWORKS);
        message.set_field_by_name("network", Value::U32(network));
        message.set_field_by_name("address", Value::Bytes(self.take(length).into()));
    }
}

/// What a field holds: as the schema says, or, inside typed structures, by its name.
fn meant(field: &FieldDescriptor, hint: Hint) -> Content {
    match (hint.content, field.name()) {
        (Content::Raw, name) if name.contains("txid") => Content::Txid,
        (Content::Raw, name) if name.contains("hash") => Content::BlockHash,
        (Content::Raw, name) if name.contains("script") => Content::Script,
        (Content::Raw, "address") => Content::NetAddress,
        (content, _) => content,
    }
}
