//! From a Cap'n Proto message of one segment to a tree.

use std::collections::BTreeMap;

use bitcoin_grpc_codegen::schema::Type;

use crate::encode::default_bits;
use crate::generation::{Generation, Layout, Slot, is_pointer, width};
use crate::tree::Tree;

/// The struct that a message's only segment holds.
///
/// # Errors
/// When the segment is malformed, or holds something else.
pub fn decode(generation: &Generation, layout: &Layout, segment: &[u8]) -> Result<Tree, String> {
    let words =
        segment.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
    let decoder = Decoder { generation, words: words.collect() };
    let root = decoder.word(0)?;
    match root {
        0 => Ok(Tree::Struct(layout.blank())),
        _ => decoder.structure(0, layout),
    }
}

struct Decoder<'a> {
    generation: &'a Generation,
    words: Vec<u64>,
}

/// Sections of a struct, as found.
struct Body {
    at: usize,
    data_words: usize,
    pointers: usize,
}

impl Decoder<'_> {
    fn word(&self, at: usize) -> Result<u64, String> {
        self.words.get(at).copied().ok_or_else(|| format!("word {at} is past the end"))
    }

    /// Where the pointer at word `at` leads.
    fn target(&self, at: usize) -> Result<usize, String> {
        let distance = i64::from((self.word(at)? as u32).cast_signed() >> 2);
        usize::try_from(at as i64 + 1 + distance).map_err(|_| format!("pointer {at} leads nowhere"))
    }

    fn kind(&self, at: usize, wanted: u64) -> Result<(), String> {
        match self.word(at)? & 3 {
            kind if kind == wanted => Ok(()),
            kind => Err(format!("pointer {at} is of kind {kind}, not {wanted}")),
        }
    }

    fn structure(&self, at: usize, layout: &Layout) -> Result<Tree, String> {
        self.kind(at, 0)?;
        let word = self.word(at)?;
        let (data_words, pointers) = ((word >> 32 & 0xffff) as usize, (word >> 48) as usize);
        let body = Body { at: self.target(at)?, data_words, pointers };
        if body.at + data_words + pointers > self.words.len() {
            return Err(format!("struct {at} ends past the end"));
        }
        self.body(&body, layout)
    }

    fn body(&self, body: &Body, layout: &Layout) -> Result<Tree, String> {
        let mut fields = BTreeMap::new();
        for slot in &layout.slots {
            let value = match is_pointer(&slot.ty) {
                true if slot.offset < body.pointers => {
                    self.pointer(body.at + body.data_words + slot.offset, &slot.ty)
                }
                true => Ok(Tree::Null),
                false => self.scalar(body, slot),
            };
            fields.insert(slot.name.clone(), value.map_err(|e| format!("{}: {e}", slot.name))?);
        }
        Ok(Tree::Struct(fields))
    }

    fn scalar(&self, body: &Body, slot: &Slot) -> Result<Tree, String> {
        let width = width(&slot.ty);
        let inside = (slot.offset + 1) * width <= body.data_words * 64;
        let found = if inside { self.bits(body.at, slot.offset * width, width)? } else { 0 };
        Ok(value(&slot.ty, found ^ slot.default.map_or(0, |d| default_bits(&slot.ty, d))))
    }

    fn bits(&self, at: usize, offset: usize, width: usize) -> Result<u64, String> {
        if width == 0 {
            return Ok(0);
        }
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        Ok(self.word(at + offset / 64)? >> (offset % 64) & mask)
    }

    fn pointer(&self, at: usize, ty: &Type) -> Result<Tree, String> {
        let word = self.word(at)?;
        if word == 0 {
            return Ok(Tree::Null);
        }
        match ty {
            Type::Text => {
                let mut bytes = self.bytes(at)?;
                if bytes.pop() != Some(0) {
                    return Err("text without its end".to_owned());
                }
                String::from_utf8(bytes).map(Tree::Text).map_err(|e| e.to_string())
            }
            Type::Data => self.bytes(at).map(Tree::Data),
            Type::List(element) => self.list(at, element).map(Tree::List),
            Type::Struct { name, args } => {
                self.structure(at, &self.generation.structure(name, args))
            }
            Type::Interface { .. } => {
                self.kind(at, 3).map(|()| Tree::Capability((word >> 32) as u32))
            }
            other => Err(format!("no rule for {other:?}")),
        }
    }

    /// Start, element size code and number of elements (words, for structs) of a list.
    fn list_head(&self, at: usize) -> Result<(usize, u64, usize), String> {
        self.kind(at, 1)?;
        let word = self.word(at)?;
        Ok((self.target(at)?, word >> 32 & 7, (word >> 35) as usize))
    }

    fn bytes(&self, at: usize) -> Result<Vec<u8>, String> {
        let (target, code, count) = self.list_head(at)?;
        if code != 2 {
            return Err(format!("a list of size code {code} in place of bytes"));
        }
        (0..count).map(|i| self.bits(target, i * 8, 8).map(|byte| byte as u8)).collect()
    }

    fn list(&self, at: usize, element: &Type) -> Result<Vec<Tree>, String> {
        let (target, code, count) = self.list_head(at)?;
        if let Type::Struct { name, args } = element {
            return self.struct_list(target, code, &self.generation.structure(name, args));
        }
        let wanted = match element {
            Type::Void => 0,
            Type::Bool => 1,
            ty if is_pointer(ty) => 6,
            ty => u64::from((width(ty) / 8).trailing_zeros()) + 2,
        };
        if code != wanted {
            return Err(format!("a list of size code {code}, not {wanted}"));
        }
        (0..count)
            .map(|i| match is_pointer(element) {
                true => self.pointer(target + i, element),
                false => Ok(value(element, self.bits(target, i * width(element), width(element))?)),
            })
            .collect()
    }

    fn struct_list(&self, target: usize, code: u64, layout: &Layout) -> Result<Vec<Tree>, String> {
        if code != 7 {
            return Err(format!("a list of size code {code} in place of structs"));
        }
        let tag = self.word(target)?;
        let count = (tag as u32 >> 2) as usize;
        let (data_words, pointers) = ((tag >> 32 & 0xffff) as usize, (tag >> 48) as usize);
        let step = data_words + pointers;
        let body = |i: usize| Body { at: target + 1 + i * step, data_words, pointers };
        (0..count).map(|i| self.body(&body(i), layout)).collect()
    }
}

fn value(ty: &Type, bits: u64) -> Tree {
    match ty {
        Type::Bool => Tree::Bool(bits & 1 == 1),
        Type::Int(width) => {
            let unused = 64 - u32::from(*width);
            Tree::Int(i128::from((bits << unused).cast_signed() >> unused))
        }
        Type::Float64 => Tree::Float(f64::from_bits(bits)),
        Type::UInt(_) => Tree::Int(bits.into()),
        _ => Tree::Null,
    }
}
