//! Which methods a generation has, and how its structs differ from the newest ones.
//!
//! Where a struct or a parameter list is laid out otherwise in an older generation, a *variant* of
//! it is declared in `schema/variants.capnp`, so that `capnp` itself lays it out, and the glue gets
//! one more pair of functions for it. Nothing is ever read at an offset worked out by hand.

use std::collections::BTreeMap;

use crate::Error;
use crate::contract::is_plumbing;
use crate::facts::{FieldFacts, Profile};
use crate::names::pascal;
use crate::schema::{Field, Scalar, Schema, Type};

/// Where a method stands in one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It can be called.
    Callable {
        /// Number on the wire.
        ordinal: u16,
        /// Struct of its parameters, by key of [`Layouts::structs`].
        params: String,
        /// Struct of its results, likewise.
        results: String,
    },
    /// The generation has no such method.
    Absent,
    /// The generation's method means or carries something else.
    Differs(String),
}

/// A struct on the wire, in one layout.
#[derive(Debug, Clone)]
pub struct WireStruct {
    /// What it is a layout of.
    pub base: Base,
    /// Name in `variants.capnp`; `None` for the newest layout.
    pub variant: Option<String>,
    /// Its fields.
    pub fields: Vec<WireField>,
    /// For each field of the newest layout that this one has: where it stands here.
    pub map: BTreeMap<String, Place>,
    /// Fields that only this layout has, with the number they are sent with.
    pub constants: Vec<(String, i64)>,
}

/// What a wire struct is a layout of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// A struct of the schema.
    Struct(String),
    /// Parameters of a method (interface, method).
    Params(String, String),
    /// Results of a method (interface, method).
    Results(String, String),
}

/// One field of a wire struct.
#[derive(Debug, Clone, PartialEq)]
pub struct WireField {
    /// Name.
    pub name: String,
    /// Position.
    pub ordinal: u16,
    /// Type; struct names are keys of [`Layouts::structs`] or generic.
    pub ty: Type,
    /// Default other than zero.
    pub default: Option<Scalar>,
}

/// Where and how a field of the newest layout stands in an older one.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Name there.
    pub name: String,
    /// Type there.
    pub ty: Type,
    /// How its value changes on the way.
    pub adapter: Adapter,
}

/// A change of meaning between generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapter {
    /// The value stays, whatever the width of its integer.
    Same,
    /// `broadcastMethod` was `relay`: 0 is true, 1 is false, 2 was not there.
    RelayFlag,
    /// `ChainstateRole` was a number: 0 normal, 1 from a snapshot, 2 the background chain.
    RoleNumber,
}

/// Fields that older generations name otherwise: (owner, newest name, older name, adapter).
const RENAMED: &[(&str, &str, &str, Adapter)] = &[
    ("Chain.broadcastTransaction", "broadcastMethod", "relay", Adapter::RelayFlag),
    ("Chain.isInMempool", "txid", "tx", Adapter::Same),
    ("ChainClient.schedulerMockForward", "deltaSeconds", "time", Adapter::Same),
    ("ChainNotifications.blockConnected", "role", "role", Adapter::RoleNumber),
    ("ChainNotifications.chainStateFlushed", "role", "role", Adapter::RoleNumber),
    ("ProxyInfo", "torStreamIsolation", "randomizeCredentials", Adapter::Same),
];

/// Parameters that newer generations dropped, and the value that means what they mean now.
const CONSTANTS: &[(&str, &str, i64)] = &[
    // The wallet counts what it can spend (ISMINE_SPENDABLE).
    ("Wallet.getDebit", "filter", 2),
    ("Wallet.getCredit", "filter", 2),
    ("Wallet.getAddress", "wantIsMine", 0),
    ("Node.mapPort", "useUPnP", 0),
];

/// Structs whose older layout means something else although its fields fit.
const OTHER_MEANING: &[(&str, &str, &str)] = &[];

/// All layouts of all generations.
#[derive(Debug, Default)]
pub struct Layouts {
    /// Wire structs by key: the schema name or `Interface.method.params`, or the variant's name.
    pub structs: BTreeMap<String, WireStruct>,
    /// Availability by (profile, interface, method).
    pub methods: BTreeMap<(String, String, String), Availability>,
}

impl Layouts {
    /// Compares every generation with the schema.
    ///
    /// # Errors
    /// When a profile contradicts itself.
    pub fn build(schema: &Schema, profiles: &[Profile]) -> Result<Self, Error> {
        let mut layouts = Self::default();
        layouts.newest(schema);
        for profile in profiles {
            let mut comparison =
                Comparison { schema, profile, layouts: &mut layouts, known: BTreeMap::new() };
            comparison.methods()?;
        }
        Ok(layouts)
    }

    fn newest(&mut self, schema: &Schema) {
        for structure in schema.structs.values() {
            let base = Base::Struct(structure.name.clone());
            self.structs.insert(structure.name.clone(), newest(base, &structure.fields));
        }
        for interface in schema.interfaces.values() {
            for method in &interface.methods {
                let place = (interface.name.clone(), method.name.clone());
                let (params, results) =
                    (key(&place.0, &place.1, "params"), key(&place.0, &place.1, "results"));
                self.structs.insert(
                    params,
                    newest(Base::Params(place.0.clone(), place.1.clone()), &method.params),
                );
                self.structs
                    .insert(results, newest(Base::Results(place.0, place.1), &method.results));
            }
        }
    }

    /// `variants.capnp`: the layouts that are not the newest.
    #[must_use]
    pub fn variants_file(&self, schema: &Schema) -> String {
        let mut out = String::from(
            "@0xb1f0c2d3a4958677;\n\n\
             # Layouts of older generations, where they differ from the newest. Generated from\n\
             # schema/profiles/ by codegen; `cargo run -p bitcoin-grpc-codegen` writes it anew.\n",
        );
        let variants: Vec<&WireStruct> =
            self.structs.values().filter(|s| s.variant.is_some()).collect();
        let mut imports = BTreeMap::new();
        for field in variants.iter().flat_map(|v| &v.fields) {
            collect_imports(&field.ty, schema, &mut imports);
        }
        out.push('\n');
        for (name, file) in imports {
            out.push_str(&format!("using {name} = import \"/{file}\".{name};\n"));
        }
        for variant in variants {
            out.push_str(&format!(
                "\nstruct {} {{\n",
                variant.variant.as_deref().unwrap_or_default()
            ));
            for field in &variant.fields {
                let default =
                    field.default.map(|d| format!(" = {}", literal(d))).unwrap_or_default();
                out.push_str(&format!(
                    "  {} @{} :{}{default};\n",
                    field.name,
                    field.ordinal,
                    type_text(&field.ty)
                ));
            }
            out.push_str("}\n");
        }
        out
    }
}

fn key(interface: &str, method: &str, part: &str) -> String {
    format!("{interface}.{method}.{part}")
}

fn newest(base: Base, fields: &[Field]) -> WireStruct {
    let map = fields.iter().map(|f| {
        let place = Place { name: f.name.clone(), ty: f.ty.clone(), adapter: Adapter::Same };
        (f.name.clone(), place)
    });
    let wire = fields.iter().map(|f| WireField {
        name: f.name.clone(),
        ordinal: f.ordinal,
        ty: f.ty.clone(),
        default: f.default,
    });
    WireStruct {
        base,
        variant: None,
        map: map.collect(),
        fields: wire.collect(),
        constants: Vec::new(),
    }
}

/// One generation against the schema.
struct Comparison<'a> {
    schema: &'a Schema,
    profile: &'a Profile,
    layouts: &'a mut Layouts,
    /// Structs already compared: their key, or why they do not fit.
    known: BTreeMap<String, Result<String, String>>,
}

impl Comparison<'_> {
    fn methods(&mut self) -> Result<(), Error> {
        for interface in self.schema.interfaces.values() {
            for method in &interface.methods {
                let availability = self.method(&interface.name, &method.name)?;
                let place =
                    (self.profile.profile.clone(), interface.name.clone(), method.name.clone());
                self.layouts.methods.insert(place, availability);
            }
        }
        Ok(())
    }

    fn method(&mut self, interface: &str, method: &str) -> Result<Availability, Error> {
        let Some(facts) = self.profile.method(interface, method).cloned() else {
            return Ok(Availability::Absent);
        };
        let newest = self
            .schema
            .interface(interface)
            .and_then(|i| i.methods.iter().find(|m| m.name == method));
        let newest = newest
            .cloned()
            .ok_or_else(|| Error::schema(format!("no method {interface}.{method}")))?;
        let owner = format!("{interface}.{method}");
        let place = || (interface.to_owned(), method.to_owned());
        let params = self.layout(
            &key(interface, method, "params"),
            Base::Params(place().0, place().1),
            &newest.params,
            &facts.params,
            &owner,
        )?;
        let results = self.layout(
            &key(interface, method, "results"),
            Base::Results(place().0, place().1),
            &newest.results,
            &facts.results,
            &owner,
        )?;
        Ok(match (params, results) {
            (Ok(params), Ok(results)) => {
                Availability::Callable { ordinal: facts.ordinal, params, results }
            }
            (Err(why), _) | (_, Err(why)) => Availability::Differs(why),
        })
    }

    /// Key of the struct's layout in this generation, or why its values cannot be carried over.
    fn structure(&mut self, name: &str) -> Result<Result<String, String>, Error> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let Some(facts) = self.profile.structs.get(name).cloned() else {
            return Ok(Err(format!("has no struct {name}")));
        };
        let Some(newest) = self.schema.structure(name).cloned() else {
            return Ok(Err(format!("carries a struct {name}, which is no more")));
        };
        // A struct that holds itself meets its own name while it is compared.
        self.known.insert(name.to_owned(), Ok(name.to_owned()));
        let layout =
            match OTHER_MEANING.iter().find(|(p, s, _)| *p == self.profile.profile && *s == name) {
                Some((_, _, why)) => Err((*why).to_owned()),
                None => self.layout(
                    name,
                    Base::Struct(name.to_owned()),
                    &newest.fields,
                    &facts.fields,
                    name,
                )?,
            };
        self.known.insert(name.to_owned(), layout.clone());
        Ok(layout)
    }

    fn layout(
        &mut self,
        newest_key: &str,
        base: Base,
        newest: &[Field],
        facts: &[FieldFacts],
        owner: &str,
    ) -> Result<Result<String, String>, Error> {
        let mut fields = Vec::new();
        for fact in facts {
            match self.wire_field(fact, &base)? {
                Ok(field) => fields.push(field),
                Err(why) => return Ok(Err(why)),
            }
        }
        let same = newest.len() == fields.len()
            && newest.iter().zip(facts).zip(&fields).all(|((new, fact), field)| {
                new.name == fact.name
                    && new.ty == field.ty
                    && new.offset == fact.offset
                    && nonzero(new.default) == nonzero(fact.scalar())
            });
        if same {
            return Ok(Ok(newest_key.to_owned()));
        }
        // What the node tells more of than anybody asks for is left out, as in its replies.
        let sent = matches!(&base, Base::Params(interface, _) if !is_callback(interface));
        match places(newest, &fields, owner, sent) {
            Ok((map, constants)) => Ok(Ok(self.variant(base, fields, map, constants))),
            Err(why) => Ok(Err(why)),
        }
    }

    fn wire_field(
        &mut self,
        fact: &FieldFacts,
        base: &Base,
    ) -> Result<Result<WireField, String>, Error> {
        let parameters = match base {
            Base::Struct(name) => {
                self.schema.structure(name).map(|s| s.parameters.clone()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let is_interface = |name: &str| self.profile.interfaces.contains_key(name);
        let ty = fact.parsed(&is_interface, &parameters);
        let ty = ty.ok_or_else(|| {
            Error::profile(&self.profile.profile, format!("type {} of {}", fact.ty, fact.name))
        })?;
        Ok(self.resolve(&ty)?.map(|ty| WireField {
            name: fact.name.clone(),
            ordinal: fact.ordinal,
            ty,
            default: nonzero(fact.scalar()),
        }))
    }

    /// The type with every struct replaced by its layout in this generation.
    fn resolve(&mut self, ty: &Type) -> Result<Result<Type, String>, Error> {
        Ok(match ty {
            Type::List(element) => self.resolve(element)?.map(|inner| Type::List(Box::new(inner))),
            Type::Struct { name, args } => {
                let mut resolved = Vec::new();
                for arg in args {
                    match self.resolve(arg)? {
                        Ok(arg) => resolved.push(arg),
                        Err(why) => return Ok(Err(why)),
                    }
                }
                self.structure(name)?.map(|name| Type::Struct { name, args: resolved })
            }
            other => Ok(other.clone()),
        })
    }

    /// Key of the variant: an equal one that another generation has already, or a new one.
    fn variant(
        &mut self,
        base: Base,
        fields: Vec<WireField>,
        map: BTreeMap<String, Place>,
        constants: Vec<(String, i64)>,
    ) -> String {
        let stem = match &base {
            Base::Struct(name) => name.clone(),
            Base::Params(interface, method) => format!("{interface}{}Params", pascal(method)),
            Base::Results(interface, method) => format!("{interface}{}Results", pascal(method)),
        };
        let name = format!("{stem}{}", slug(&self.profile.profile));
        let rename = |ty: &Type| replace_struct(ty, &stem, &name);
        let (fields, map) = if matches!(base, Base::Struct(_)) {
            let fields =
                fields.iter().map(|f| WireField { ty: rename(&f.ty), ..f.clone() }).collect();
            let map = map
                .iter()
                .map(|(k, p)| (k.clone(), Place { ty: rename(&p.ty), ..p.clone() }))
                .collect();
            (fields, map)
        } else {
            (fields, map)
        };
        let equal = self.layouts.structs.iter().find(|(other, s)| {
            let own =
                |f: &WireField| WireField { ty: replace_struct(&f.ty, &name, other), ..f.clone() };
            s.variant.is_some()
                && s.base == base
                && s.fields == fields.iter().map(own).collect::<Vec<_>>()
        });
        if let Some((existing, _)) = equal {
            return existing.clone();
        }
        let structure = WireStruct { base, variant: Some(name.clone()), fields, map, constants };
        self.layouts.structs.insert(name.clone(), structure);
        name
    }
}

/// Whether an interface is that of objects which the node calls.
fn is_callback(interface: &str) -> bool {
    interface.ends_with("Callback") || interface == "ChainNotifications"
}

type Places = (BTreeMap<String, Place>, Vec<(String, i64)>);

/// Finds every field of the newest layout in the older one, or says why the two do not fit.
fn places(
    newest: &[Field],
    older: &[WireField],
    owner: &str,
    params: bool,
) -> Result<Places, String> {
    let mut map = BTreeMap::new();
    for field in newest {
        let renamed = RENAMED.iter().find(|(o, new, old, _)| {
            *o == owner && *new == field.name && older.iter().any(|f| f.name == *old)
        });
        let (name, mut adapter) =
            renamed.map_or((field.name.as_str(), Adapter::Same), |r| (r.2, r.3));
        let Some(found) = older.iter().find(|f| f.name == name) else { continue };
        if adapter == Adapter::RoleNumber && !matches!(found.ty, Type::UInt(_)) {
            adapter = Adapter::Same;
        }
        if adapter == Adapter::Same && !fits(&field.ty, &found.ty) {
            return Err(format!("{} is {} there", field.name, type_text(&found.ty)));
        }
        map.insert(
            field.name.clone(),
            Place { name: found.name.clone(), ty: found.ty.clone(), adapter },
        );
    }
    let mut constants = Vec::new();
    for extra in
        older.iter().filter(|f| !is_plumbing(&f.ty) && !map.values().any(|p| p.name == f.name))
    {
        let constant = CONSTANTS.iter().find(|(o, name, _)| *o == owner && *name == extra.name);
        match constant {
            Some((_, name, value)) => constants.push(((*name).to_owned(), *value)),
            None if params => return Err(format!("takes {} there", extra.name)),
            None => {}
        }
    }
    Ok((map, constants))
}

/// Whether values of one type can be carried over to the other.
fn fits(newest: &Type, older: &Type) -> bool {
    match (newest, older) {
        (Type::Int(_) | Type::UInt(_) | Type::Bool, Type::Int(_) | Type::UInt(_)) => true,
        (Type::List(a), Type::List(b)) => fits(a, b),
        (Type::Struct { name: a, args: x }, Type::Struct { name: b, args: y }) => {
            (a == b || b.starts_with(a.as_str()))
                && x.len() == y.len()
                && x.iter().zip(y).all(|(x, y)| fits(x, y))
        }
        (a, b) => a == b,
    }
}

/// Absence, zero and false are one on the wire.
pub(crate) fn nonzero(default: Option<Scalar>) -> Option<Scalar> {
    default
        .filter(|d| !matches!(d, Scalar::Bool(false) | Scalar::Int(0)) && *d != Scalar::Float(0.0))
}

fn replace_struct(ty: &Type, from: &str, to: &str) -> Type {
    match ty {
        Type::List(inner) => Type::List(Box::new(replace_struct(inner, from, to))),
        Type::Struct { name, args } => Type::Struct {
            name: if name == from { to.to_owned() } else { name.clone() },
            args: args.iter().map(|arg| replace_struct(arg, from, to)).collect(),
        },
        other => other.clone(),
    }
}

/// `pr29409-2025-05` → `Pr29409At202505`; Cap'n Proto's names are camel case.
fn slug(profile: &str) -> String {
    let mut parts = profile.split('-');
    let first = parts.next().map(pascal).unwrap_or_default();
    let rest: String = parts.collect();
    format!("{first}At{rest}")
}

fn collect_imports(ty: &Type, schema: &Schema, imports: &mut BTreeMap<String, String>) {
    match ty {
        Type::List(inner) => collect_imports(inner, schema, imports),
        Type::Struct { name, args } => {
            if let Some(structure) = schema.structure(name) {
                imports.insert(name.clone(), structure.file.clone());
            }
            args.iter().for_each(|arg| collect_imports(arg, schema, imports));
        }
        Type::Interface { name } => {
            if let Some(interface) = schema.interface(name) {
                imports.insert(name.clone(), interface.file.clone());
            }
        }
        _ => {}
    }
}

fn literal(scalar: Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => format!("{value:e}"),
    }
}

/// A type as schema text.
#[must_use]
pub fn type_text(ty: &Type) -> String {
    match ty {
        Type::Void => "Void".to_owned(),
        Type::Bool => "Bool".to_owned(),
        Type::Int(bits) => format!("Int{bits}"),
        Type::UInt(bits) => format!("UInt{bits}"),
        Type::Float64 => "Float64".to_owned(),
        Type::Text => "Text".to_owned(),
        Type::Data => "Data".to_owned(),
        Type::List(inner) => format!("List({})", type_text(inner)),
        Type::Struct { name, args } if args.is_empty() => name.clone(),
        Type::Struct { name, args } => {
            format!("{name}({})", args.iter().map(type_text).collect::<Vec<_>>().join(", "))
        }
        Type::Interface { name } | Type::Parameter(name) => name.clone(),
    }
}
