//! Wire profiles: what one generation of the node's interface looks like on the wire.
//!
//! `schema/profiles/NAME.json` holds the facts of one generation: ids, ordinals, names, types,
//! offsets and defaults, and how the generation encodes the structures inside `Data`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::schema::{Scalar, Type};

/// The facts of one generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Name, as `--profile` takes it.
    pub profile: String,
    /// What speaks it, for people.
    pub title: String,
    /// Encodings inside `Data`.
    pub encodings: Encodings,
    /// Behaviour of the server's threads.
    pub server: Server,
    /// Ids of the schema files.
    pub file_ids: BTreeMap<String, String>,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, InterfaceFacts>,
    /// Structs by name.
    pub structs: BTreeMap<String, StructFacts>,
}

/// How a generation encodes small structures inside `Data`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Encodings {
    /// Form of a CFeeRate.
    pub fee_rate: FeeRateForm,
    /// Scripts and public keys carry their length inside the Data.
    pub prefixed_scripts: bool,
}

/// Form of a CFeeRate.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum FeeRateForm {
    /// 8 bytes: satoshi per 1000 vB.
    PerThousand,
    /// 12 bytes: fee in satoshi, size in vB.
    FeeAndSize,
}

/// How a generation's server behaves.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// It survives a client that dies while it holds callbacks (libmultiprocess v11 and later).
    pub survives_lost_subscribers: bool,
    /// An exception in a call ends the node's process.
    pub exceptions_kill: bool,
}

/// One interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InterfaceFacts {
    /// Type id, in hexadecimal.
    pub id: String,
    /// Methods by ordinal.
    pub methods: Vec<MethodFacts>,
    /// Names of the interfaces it inherits from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extends: Vec<String>,
}

/// One method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MethodFacts {
    /// Number on the wire.
    pub ordinal: u16,
    /// Name.
    pub name: String,
    /// Parameters.
    pub params: Vec<FieldFacts>,
    /// Results.
    pub results: Vec<FieldFacts>,
}

/// One struct.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StructFacts {
    /// Type id, in hexadecimal.
    pub id: String,
    /// Size of the data section in words.
    pub data_words: u16,
    /// Number of pointers.
    pub pointers: u16,
    /// Names of type parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Fields by ordinal.
    pub fields: Vec<FieldFacts>,
}

/// One field.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct FieldFacts {
    /// Name.
    pub name: String,
    /// Position.
    pub ordinal: u16,
    /// Type, as schema text.
    #[serde(rename = "type")]
    pub ty: String,
    /// Slot offset in units of the field's own size.
    pub offset: u32,
    /// Default other than zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// Proxy annotations that matter on the wire.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, serde_json::Value>,
}

impl Profile {
    /// Reads one profile.
    ///
    /// # Errors
    /// When the file cannot be read or is no profile.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        serde_json::from_str(&text)
            .map_err(|e| Error::profile(&path.display().to_string(), e.to_string()))
    }

    /// Reads all profiles of a folder, oldest generation first as their names sort by release.
    ///
    /// # Errors
    /// When the folder or one of the profiles cannot be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, Error> {
        let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
        let mut profiles = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| Error::io(folder, e))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                profiles.push(Self::read(&path)?);
            }
        }
        profiles.sort_by(|a, b| a.profile.cmp(&b.profile));
        Ok(profiles)
    }

    /// The method of an interface.
    #[must_use]
    pub fn method(&self, interface: &str, method: &str) -> Option<&MethodFacts> {
        self.interfaces.get(interface)?.methods.iter().find(|m| m.name == method)
    }
}

impl FieldFacts {
    /// The default as a value; zero, false and absence are the same on the wire.
    #[must_use]
    pub fn scalar(&self) -> Option<Scalar> {
        match self.default.as_ref()? {
            serde_json::Value::Bool(value) => Some(Scalar::Bool(*value)),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Some(Scalar::Int(value)),
                None => number.as_f64().map(Scalar::Float),
            },
            _ => None,
        }
    }

    /// The type, parsed; `parameters` are the names that stand for type parameters.
    #[must_use]
    pub fn parsed(&self, interfaces: &dyn Fn(&str) -> bool, parameters: &[String]) -> Option<Type> {
        let (ty, rest) = parse(&self.ty, interfaces, parameters)?;
        rest.trim().is_empty().then_some(ty)
    }
}

fn parse<'a>(
    text: &'a str,
    interfaces: &dyn Fn(&str) -> bool,
    parameters: &[String],
) -> Option<(Type, &'a str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut args = Vec::new();
    if let Some(inside) = rest.strip_prefix('(') {
        rest = inside;
        loop {
            let (arg, after) = parse(rest, interfaces, parameters)?;
            args.push(arg);
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix(')')?;
    }
    let ty = match name {
        "Void" => Type::Void,
        "Bool" => Type::Bool,
        "Int8" => Type::Int(8),
        "Int16" => Type::Int(16),
        "Int32" => Type::Int(32),
        "Int64" => Type::Int(64),
        "UInt8" => Type::UInt(8),
        "UInt16" => Type::UInt(16),
        "UInt32" => Type::UInt(32),
        "UInt64" => Type::UInt(64),
        "Float64" => Type::Float64,
        "Text" => Type::Text,
        "Data" => Type::Data,
        "List" => Type::List(Box::new(args.pop()?)),
        "" => return None,
        name if parameters.iter().any(|p| p == name) => Type::Parameter(name.to_owned()),
        name if interfaces(name) => Type::Interface { name: name.to_owned() },
        name => Type::Struct { name: name.to_owned(), args },
    };
    Some((ty, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_parse_as_they_are_written() {
        let field = |ty: &str| FieldFacts {
            name: String::new(),
            ordinal: 0,
            ty: ty.to_owned(),
            offset: 0,
            default: None,
            annotations: BTreeMap::new(),
        };
        let parsed = |ty: &str| field(ty).parsed(&|name| name == "Wallet", &["Key".to_owned()]);
        assert_eq!(parsed("List(Data)"), Some(Type::List(Box::new(Type::Data))));
        assert_eq!(parsed("Wallet"), Some(Type::Interface { name: "Wallet".to_owned() }));
        assert_eq!(parsed("Key"), Some(Type::Parameter("Key".to_owned())));
        let pair = Type::Struct {
            name: "Pair".to_owned(),
            args: vec![Type::Text, Type::List(Box::new(Type::Text))],
        };
        assert_eq!(parsed("List(Pair(Text, List(Text)))"), Some(Type::List(Box::new(pair))));
        assert_eq!(parsed("List(Data"), None);
        assert_eq!(parsed("Data)"), None);
    }
}
