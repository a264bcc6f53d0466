//! The Rust that carries values between prost messages and Cap'n Proto structs, as text.
//!
//! For every wire struct, in every layout, a `read_…` and a `write_…` function; for every message a
//! client can send, a `check_…` function; and the tables of methods and generations on top.

mod callback;
mod check;
mod objects;
mod read;
mod services;
mod table;
mod write;

use crate::contract::{Contract, Message, Origin, Source};
use crate::layout::{Base, Layouts, WireStruct};
use crate::names::{pascal_from_snake, rust_field, snake};
use crate::output::Generated;
use crate::schema::{Schema, Type};

pub use services::services;

/// Writes the glue for the contract crate.
#[must_use]
pub fn glue(generated: &Generated) -> String {
    let glue = Glue {
        schema: &generated.schema,
        contract: &generated.contract,
        layouts: &generated.layouts,
    };
    let mut out = String::from("// Generated from schema/ by codegen.\n\n");
    out += &table::tables(&glue, &generated.profiles);
    for (key, wire) in &glue.layouts.structs {
        for message in glue.messages_of(wire) {
            let name = glue.function_name(key, wire, message);
            out += &read::function(&glue, wire, message, &name);
            out += &write::function(&glue, wire, message, &name);
        }
    }
    out += &check::functions(&glue);
    out += &objects::functions(&glue);
    out += &callback::callbacks(&glue, &check::checked(&glue));
    out += &redacted(generated);
    out
}

/// Debug for the messages that hold a secret: their name and no more.
fn redacted(generated: &Generated) -> String {
    let mut out = String::new();
    for name in crate::build::secret_messages(generated) {
        let name = name.trim_start_matches(".bitcoin.ipc.v1.");
        out += &format!(
            "impl std::fmt::Debug for v1::{name} {{\n    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n        f.debug_struct({name:?}).finish_non_exhaustive()\n    }}\n}}\n\n"
        );
    }
    out
}

struct Glue<'a> {
    schema: &'a Schema,
    contract: &'a Contract,
    layouts: &'a Layouts,
}

impl<'a> Glue<'a> {
    /// The messages that mirror a wire struct: one, or none if the contract has no use for it.
    /// (Inherited methods and the halves of conversations are messages of the same origin.)
    fn messages_of(&self, wire: &WireStruct) -> Vec<&'a Message> {
        let origin = match &wire.base {
            Base::Struct(name) => Origin::Struct(name.clone()),
            Base::Params(interface, method) => Origin::Params(interface.clone(), method.clone()),
            Base::Results(interface, method) => Origin::Results(interface.clone(), method.clone()),
        };
        self.contract.messages.values().filter(|m| m.origin == origin).collect()
    }

    fn function_name(&self, key: &str, wire: &WireStruct, message: &Message) -> String {
        let variant =
            if wire.variant.is_some() { format!("_{}", snake(key)) } else { String::new() };
        format!("{}{variant}", snake(&message.name))
    }

    /// Name of the function pair for a wire struct met inside another.
    fn nested_function(&self, wire_name: &str) -> Option<String> {
        let wire = self.layouts.structs.get(wire_name)?;
        let message = self.messages_of(wire).into_iter().next()?;
        Some(self.function_name(wire_name, wire, message))
    }

    /// Rust path of the module that capnpc made for a wire struct.
    fn module(&self, wire: &WireStruct) -> String {
        if let Some(variant) = &wire.variant {
            return format!("wire::variants_capnp::{}", capnp_snake(variant));
        }
        match &wire.base {
            Base::Struct(name) => {
                let file = self.schema.structure(name).map(|s| s.file.as_str()).unwrap_or_default();
                format!("wire::{}_capnp::{}", file_stem(file), capnp_snake(name))
            }
            Base::Params(interface, method) => self.list_module(interface, method, "params"),
            Base::Results(interface, method) => self.list_module(interface, method, "results"),
        }
    }

    fn list_module(&self, interface: &str, method: &str, part: &str) -> String {
        let file = self.schema.interface(interface).map(|i| i.file.as_str()).unwrap_or_default();
        let (interface, method) = (capnp_snake(interface), capnp_snake(method));
        format!("wire::{}_capnp::{interface}::{method}_{part}", file_stem(file))
    }

    /// Whether a wire struct has type parameters, which the glue handles in place.
    fn is_generic(&self, wire: &WireStruct) -> bool {
        matches!(&wire.base, Base::Struct(name)
            if self.schema.structure(name).is_some_and(|s| !s.parameters.is_empty()))
    }

    fn context_of(&self, wire: &WireStruct) -> bool {
        wire.fields.iter().any(|f| matches!(&f.ty, Type::Struct { name, .. } if name == "Context"))
    }
}

fn file_stem(file: &str) -> &str {
    file.rsplit('/').next().and_then(|f| f.strip_suffix(".capnp")).unwrap_or(file)
}

/// Snake case as capnpc makes it: one underscore before every capital.
fn capnp_snake(name: &str) -> String {
    let mut out = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The Rust path of a oneof's enum.
fn oneof_path(message: &str, oneof: &str) -> String {
    format!("v1::{}::{}", snake(message), pascal_from_snake(oneof))
}

/// A field as Rust names it.
fn member(name: &str) -> String {
    rust_field(name)
}

fn wire_name(source: &Source) -> Option<&str> {
    match source {
        Source::Field { name, .. } | Source::ResultValue(name) | Source::ResultError(name) => {
            Some(name)
        }
        Source::Contract => None,
    }
}
