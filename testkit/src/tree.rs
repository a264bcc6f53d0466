//! A value as it stands on the wire, whatever its type.

use std::collections::{BTreeMap, BTreeSet};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// A null pointer.
    Null,
    /// A bit.
    Bool(bool),
    /// An integer of any width.
    Int(i128),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Data(Vec<u8>),
    /// A list.
    List(Vec<Tree>),
    /// A struct, by the names of its fields.
    Struct(BTreeMap<String, Tree>),
    /// A capability, by its place in the message's table.
    Capability(u32),
    /// In an expectation: this, and no other form of emptiness.
    Exactly(Box<Tree>),
    /// In an expectation: text that means this, however it is set.
    Json(serde_json::Value),
}

impl Tree {
    /// A struct of some fields.
    #[must_use]
    pub fn of<const N: usize>(fields: [(&str, Tree); N]) -> Self {
        Self::Struct(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A field of a struct; nothing of anything else.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Tree> {
        match self {
            Self::Struct(fields) => fields.get(field),
            _ => None,
        }
    }

    /// A pointer whose absence and emptiness differ.
    #[must_use]
    pub fn exactly(self) -> Self {
        Self::Exactly(Box::new(self))
    }

    /// Number of objects in it.
    #[must_use]
    pub fn objects(&self) -> usize {
        match self {
            Self::Capability(_) => 1,
            Self::List(items) => items.iter().map(Self::objects).sum(),
            Self::Struct(fields) => fields.values().map(Self::objects).sum(),
            Self::Exactly(inner) => inner.objects(),
            _ => 0,
        }
    }

    /// The same without objects, which are put into a message by who holds them: null pointers
    /// stand in their places, and nothing in place of what would hold nothing else.
    #[must_use]
    pub fn without_objects(&self) -> Self {
        match self {
            Self::Capability(_) => Self::Null,
            Self::List(items) if matches!(items.first(), Some(Self::Capability(_))) => Self::Null,
            Self::List(items) => Self::List(items.iter().map(Self::without_objects).collect()),
            Self::Struct(fields) => match fields.get("value") {
                Some(Self::Exactly(inner)) if matches!(**inner, Self::Capability(_)) => Self::Null,
                _ => Self::Struct(
                    fields.iter().map(|(name, f)| (name.clone(), f.without_objects())).collect(),
                ),
            },
            Self::Exactly(inner) => inner.without_objects().exactly(),
            other => other.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Data(data) => data.is_empty(),
            Self::List(list) => list.is_empty(),
            _ => false,
        }
    }

    /// Holds what was found on the wire against this expectation.
    ///
    /// # Errors
    /// With the path of the first difference, and both values there.
    pub fn expect(&self, found: &Self) -> Result<(), String> {
        expect(self, found, "")
    }
}

fn expect(expected: &Tree, found: &Tree, path: &str) -> Result<(), String> {
    match (expected, found) {
        (Tree::Exactly(expected), _) if expected.is_empty() => match found == &**expected {
            true => Ok(()),
            false => Err(difference(expected, found, path)),
        },
        (Tree::Exactly(expected), _) => expect(expected, found, path),
        (Tree::Json(expected), Tree::Text(text)) => {
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(found) if found == *expected => Ok(()),
                _ => Err(difference(&Tree::Json(expected.clone()), found, path)),
            }
        }
        (Tree::Struct(a), Tree::Struct(b)) => {
            let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                let missing = Tree::Null;
                let (a, b) = (a.get(name).unwrap_or(&missing), b.get(name).unwrap_or(&missing));
                expect(a, b, &format!("{path}.{name}"))?;
            }
            Ok(())
        }
        (Tree::List(a), Tree::List(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .try_for_each(|(i, (a, b))| expect(a, b, &format!("{path}[{i}]"))),
        // What a reader cannot tell apart is the same.
        (a, b) if a == b || (a.is_empty() && b.is_empty()) => Ok(()),
        (a, b) => Err(difference(a, b, path)),
    }
}

fn difference(expected: &Tree, found: &Tree, path: &str) -> String {
    format!("{path}: expected {expected:?}, found {found:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptiness_has_many_forms_unless_it_must_not() {
        let empty =
            [Tree::Null, Tree::Text(String::new()), Tree::Data(Vec::new()), Tree::List(Vec::new())];
        for a in &empty {
            for b in &empty {
                assert_eq!(a.expect(b), Ok(()));
                assert_eq!(a.clone().exactly().expect(b).is_ok(), a == b);
            }
        }
    }

    #[test]
    fn a_difference_names_its_place() {
        let expected = Tree::of([("a", Tree::List(vec![Tree::of([("b", Tree::Int(1))])]))]);
        let found = Tree::of([("a", Tree::List(vec![Tree::of([("b", Tree::Int(2))])]))]);
        let difference = expected.expect(&found).expect_err("differs");
        assert!(difference.starts_with(".a[0].b: "), "{difference}");
    }
}
