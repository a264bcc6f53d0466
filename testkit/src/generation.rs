//! The facts of one generation: where every field of every struct and parameter list stands.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bitcoin_grpc_codegen::facts::{FieldFacts, MethodFacts, Profile};
use bitcoin_grpc_codegen::schema::{Scalar, Type};

use crate::tree::Tree;

/// One generation of the node's interface.
#[derive(Debug)]
pub struct Generation {
    /// Its facts, as the file has them.
    pub facts: Profile,
    layouts: BTreeMap<String, Layout>,
}

/// Where the fields of a struct stand.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The fields.
    pub slots: Vec<Slot>,
    /// Size of the data section in words.
    pub data_words: usize,
    /// Number of pointers.
    pub pointers: usize,
}

/// One field.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// Offset in units of the field's own size.
    pub offset: usize,
    /// What a field of zeros reads as, if not zero.
    pub default: Option<Scalar>,
}

impl Generation {
    /// Takes the facts apart.
    #[must_use]
    pub fn new(facts: Profile) -> Self {
        let mut layouts = BTreeMap::new();
        for (name, structure) in &facts.structs {
            let slots = slots(&facts, &structure.fields, &structure.parameters);
            let (data_words, pointers) = (structure.data_words.into(), structure.pointers.into());
            layouts.insert(name.clone(), Layout { slots, data_words, pointers });
        }
        Self { facts, layouts }
    }

    /// Whether there is such a struct.
    #[must_use]
    pub fn has_struct(&self, name: &str) -> bool {
        self.layouts.contains_key(name)
    }

    /// Layout of a struct, its type parameters replaced.
    ///
    /// # Panics
    /// When the generation has no such struct.
    #[must_use]
    pub fn structure(&self, name: &str, args: &[Type]) -> Cow<'_, Layout> {
        let layout = self
            .layouts
            .get(name)
            .unwrap_or_else(|| panic!("{}: no struct {name}", self.facts.profile));
        if args.is_empty() {
            return Cow::Borrowed(layout);
        }
        let parameters = &self.facts.structs[name].parameters;
        let mut layout = layout.clone();
        for slot in &mut layout.slots {
            slot.ty = substitute(&slot.ty, parameters, args);
        }
        Cow::Owned(layout)
    }

    /// Layout of a parameter or result list. Its size is not among the facts; what holds all its
    /// fields is enough, as readers take any size.
    #[must_use]
    pub fn list(&self, fields: &[FieldFacts]) -> Layout {
        let slots = slots(&self.facts, fields, &[]);
        let bits =
            slots.iter().filter(|s| !is_pointer(&s.ty)).map(|s| (s.offset + 1) * width(&s.ty));
        let pointers = slots.iter().filter(|s| is_pointer(&s.ty)).map(|s| s.offset + 1);
        let (data_words, pointers) =
            (bits.max().unwrap_or(0).div_ceil(64), pointers.max().unwrap_or(0));
        Layout { slots, data_words, pointers }
    }

    /// The method at a place on the wire, and the name of the interface that declares it.
    #[must_use]
    pub fn method_at(&self, interface_id: u64, ordinal: u16) -> Option<(&str, &MethodFacts)> {
        let (name, interface) =
            self.facts.interfaces.iter().find(|(_, i)| id(&i.id) == interface_id)?;
        let method = interface.methods.iter().find(|m| m.ordinal == ordinal)?;
        Some((name, method))
    }
}

impl Layout {
    /// The struct with nothing set.
    #[must_use]
    pub fn blank(&self) -> BTreeMap<String, Tree> {
        self.slots.iter().map(|slot| (slot.name.clone(), slot.blank())).collect()
    }

    /// The field of that name.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }
}

impl Slot {
    /// What a reader sees when nothing was set.
    #[must_use]
    pub fn blank(&self) -> Tree {
        match (self.default, &self.ty) {
            (Some(default), _) => literal(default),
            (None, Type::Bool) => Tree::Bool(false),
            (None, Type::Int(_) | Type::UInt(_)) => Tree::Int(0),
            (None, Type::Float64) => Tree::Float(0.0),
            (None, _) => Tree::Null,
        }
    }
}

/// A default as a value.
#[must_use]
pub fn literal(scalar: Scalar) -> Tree {
    match scalar {
        Scalar::Bool(value) => Tree::Bool(value),
        Scalar::Int(value) => Tree::Int(value.into()),
        Scalar::Float(value) => Tree::Float(value),
    }
}

/// A type id, as the facts write it.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn id(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a type id in hexadecimal")
}

/// Whether values of a type stand in the pointer section.
#[must_use]
pub fn is_pointer(ty: &Type) -> bool {
    !matches!(ty, Type::Void | Type::Bool | Type::Int(_) | Type::UInt(_) | Type::Float64)
}

/// Bits of a value in the data section.
#[must_use]
pub fn width(ty: &Type) -> usize {
    match ty {
        Type::Bool => 1,
        Type::Int(bits) | Type::UInt(bits) => (*bits).into(),
        Type::Float64 => 64,
        _ => 0,
    }
}

fn slots(facts: &Profile, fields: &[FieldFacts], parameters: &[String]) -> Vec<Slot> {
    let is_interface = |name: &str| facts.interfaces.contains_key(name);
    let slot = |field: &FieldFacts| Slot {
        name: field.name.clone(),
        ty: field.parsed(&is_interface, parameters).unwrap_or_else(|| panic!("type {}", field.ty)),
        offset: field.offset as usize,
        default: field.scalar(),
    };
    fields.iter().map(slot).collect()
}

fn substitute(ty: &Type, parameters: &[String], args: &[Type]) -> Type {
    match ty {
        Type::Parameter(name) => {
            let index =
                parameters.iter().position(|p| p == name).expect("a parameter of the struct");
            args[index].clone()
        }
        Type::List(inner) => Type::List(Box::new(substitute(inner, parameters, args))),
        Type::Struct { name, args: inner } => Type::Struct {
            name: name.clone(),
            args: inner.iter().map(|arg| substitute(arg, parameters, args)).collect(),
        },
        other => other.clone(),
    }
}
