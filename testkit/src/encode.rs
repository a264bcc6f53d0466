//! From a tree to a Cap'n Proto message of one segment.
//!
//! After the public description of the encoding: a message is a run of 64-bit words that begins with
//! a pointer to the root. A pointer holds its kind in the lowest two bits (0 struct, 1 list,
//! 3 capability), then the signed distance in words from its own end to what it points at. Numbers
//! are little endian and stand at multiples of their size; a default is folded in by XOR, so that a
//! field of zeros reads as its default.

use std::collections::BTreeMap;

use bitcoin_grpc_codegen::schema::{Scalar, Type};

use crate::generation::{Generation, Layout, Slot, is_pointer, width};
use crate::tree::Tree;

const STRUCT: u64 = 0;
const LIST: u64 = 1;
const CAPABILITY: u64 = 3;

/// The bytes of a struct as a message's only segment.
///
/// # Panics
/// When the tree is not of the layout.
#[must_use]
pub fn encode(generation: &Generation, layout: &Layout, tree: &Tree) -> Vec<u8> {
    let mut encoder = Encoder { generation, words: vec![0] };
    encoder.structure(0, layout, fields(tree));
    encoder.words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn fields(tree: &Tree) -> &BTreeMap<String, Tree> {
    match tree {
        Tree::Struct(fields) => fields,
        Tree::Exactly(inner) => fields(inner),
        other => panic!("not a struct: {other:?}"),
    }
}

struct Encoder<'a> {
    generation: &'a Generation,
    words: Vec<u64>,
}

impl Encoder<'_> {
    fn alloc(&mut self, words: usize) -> usize {
        let at = self.words.len();
        self.words.resize(at + words, 0);
        at
    }

    /// Writes a pointer at word `at` to word `target`.
    fn point(&mut self, at: usize, target: usize, kind: u64, upper: u64) {
        let distance = i32::try_from(target as i64 - at as i64 - 1).expect("a near target");
        let distance = u64::from((distance << 2) as u32);
        self.words[at] = kind | distance | (upper << 32);
    }

    fn structure(&mut self, at: usize, layout: &Layout, tree: &BTreeMap<String, Tree>) {
        let target = self.alloc(layout.data_words + layout.pointers);
        let size = layout.data_words as u64 | ((layout.pointers as u64) << 16);
        match layout.data_words + layout.pointers {
            // An empty struct would look like null; its pointer goes back to itself.
            0 => self.words[at] = u64::from((-4_i32) as u32),
            _ => self.point(at, target, STRUCT, size),
        }
        self.body(target, layout, tree);
    }

    fn body(&mut self, at: usize, layout: &Layout, tree: &BTreeMap<String, Tree>) {
        for name in tree.keys() {
            assert!(layout.slot(name).is_some(), "no field {name}");
        }
        for slot in &layout.slots {
            let Some(value) = tree.get(&slot.name) else { continue };
            match is_pointer(&slot.ty) {
                true => self.pointer(at + layout.data_words + slot.offset, &slot.ty, value),
                false => self.scalar(at, slot, value),
            }
        }
    }

    fn scalar(&mut self, at: usize, slot: &Slot, value: &Tree) {
        let width = width(&slot.ty);
        if width > 0 {
            let masked =
                bits(&slot.ty, value) ^ slot.default.map_or(0, |d| default_bits(&slot.ty, d));
            self.put(at, slot.offset * width, width, masked);
        }
    }

    /// Puts `width` bits at a bit offset from word `at`.
    fn put(&mut self, at: usize, offset: usize, width: usize, value: u64) {
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        self.words[at + offset / 64] |= (value & mask) << (offset % 64);
    }

    fn pointer(&mut self, at: usize, ty: &Type, value: &Tree) {
        match (ty, value) {
            (_, Tree::Null) => {}
            (_, Tree::Exactly(inner)) => self.pointer(at, ty, inner),
            (Type::Text, Tree::Text(text)) => self.bytes(at, text.as_bytes(), true),
            (Type::Text, Tree::Json(json)) => self.bytes(at, json.to_string().as_bytes(), true),
            (Type::Data, Tree::Data(data)) => self.bytes(at, data, false),
            (Type::List(element), Tree::List(list)) => self.list(at, element, list),
            (Type::Struct { name, args }, Tree::Struct(fields)) => {
                let layout = self.generation.structure(name, args);
                self.structure(at, &layout, fields);
            }
            (Type::Interface { .. }, Tree::Capability(index)) => {
                self.words[at] = CAPABILITY | (u64::from(*index) << 32);
            }
            (ty, value) => panic!("{value:?} is no {ty:?}"),
        }
    }

    fn bytes(&mut self, at: usize, bytes: &[u8], terminated: bool) {
        let count = bytes.len() + usize::from(terminated);
        let target = self.alloc(count.div_ceil(8));
        self.point(at, target, LIST, 2 | ((count as u64) << 3));
        for (index, byte) in bytes.iter().enumerate() {
            self.put(target, index * 8, 8, u64::from(*byte));
        }
    }

    fn list(&mut self, at: usize, element: &Type, list: &[Tree]) {
        if let Type::Struct { name, args } = element {
            let layout = self.generation.structure(name, args).into_owned();
            return self.struct_list(at, &layout, list);
        }
        let (code, width) = match element {
            Type::Void => (0, 0),
            Type::Bool => (1, 1),
            ty if is_pointer(ty) => (6, 64),
            ty => (u64::from((width(ty) / 8).trailing_zeros()) + 2, width(ty)),
        };
        let target = self.alloc((list.len() * width).div_ceil(64));
        self.point(at, target, LIST, code | ((list.len() as u64) << 3));
        for (index, value) in list.iter().enumerate() {
            match is_pointer(element) {
                true => self.pointer(target + index, element, value),
                false => self.put(target, index * width, width, bits(element, value)),
            }
        }
    }

    /// The elements stand one after another behind a word that tells their number and size.
    fn struct_list(&mut self, at: usize, layout: &Layout, list: &[Tree]) {
        let step = layout.data_words + layout.pointers;
        let target = self.alloc(1 + step * list.len());
        self.point(at, target, LIST, 7 | (((step * list.len()) as u64) << 3));
        let size = layout.data_words as u64 | ((layout.pointers as u64) << 16);
        self.words[target] = ((list.len() as u64) << 2) | (size << 32);
        for (index, value) in list.iter().enumerate() {
            self.body(target + 1 + index * step, layout, fields(value));
        }
    }
}

fn bits(ty: &Type, value: &Tree) -> u64 {
    match (ty, value) {
        (Type::Bool, Tree::Bool(value)) => u64::from(*value),
        (Type::Int(width), Tree::Int(value)) => {
            let limit = 1_i128 << (width - 1);
            assert!((-limit..limit).contains(value), "{value} is no Int{width}");
            *value as u64
        }
        (Type::UInt(width), Tree::Int(value)) => {
            assert!((0..1_i128 << width).contains(value), "{value} is no UInt{width}");
            *value as u64
        }
        (Type::Float64, Tree::Float(value)) => value.to_bits(),
        (ty, value) => panic!("{value:?} is no {ty:?}"),
    }
}

/// The bits by which a field of this default is masked.
pub(crate) fn default_bits(ty: &Type, default: Scalar) -> u64 {
    match (ty, default) {
        (Type::Float64, Scalar::Int(value)) => (value as f64).to_bits(),
        (_, Scalar::Bool(value)) => u64::from(value),
        (_, Scalar::Int(value)) => value as u64,
        (_, Scalar::Float(value)) => value.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::decode;
    use crate::{Tree, World, encode::encode};

    /// Words of the parameters of a method, and what they are read back as.
    fn words(interface: &str, method: &str, tree: &Tree) -> (Vec<u64>, Tree) {
        let generation = &World::get().peer("core-32").generation;
        let facts = generation.facts.method(interface, method).expect("a method");
        let layout = generation.list(&facts.params);
        let bytes = encode(generation, &layout, tree);
        let words = bytes.chunks(8).map(|w| u64::from_le_bytes(w.try_into().expect("a word")));
        (words.collect(), decode(generation, &layout, &bytes).expect("a message"))
    }

    #[test]
    fn text_is_a_list_of_bytes_with_an_end() {
        let tree = Tree::of([("echo", Tree::Text("hi".to_owned()))]);
        let (words, read) = words("Echo", "echo", &tree);
        // A struct of no data and two pointers; none, and a list of three bytes; "hi" and a zero.
        assert_eq!(words, [0x0002_0000_0000_0000, 0, 0x0000_001a_0000_0001, 0x6968]);
        assert_eq!(tree.expect(&read), Ok(()));
    }

    #[test]
    fn defaults_are_folded_in() {
        let options = |reserved| {
            Tree::of([
                ("useMempool", Tree::Bool(true)),
                ("blockReservedWeight", Tree::Int(reserved)),
                ("coinbaseOutputMaxAdditionalSigops", Tree::Int(400)),
            ])
        };
        let of = |reserved, cooldown| {
            Tree::of([("options", options(reserved)), ("cooldown", Tree::Bool(cooldown))])
        };
        let (words, read) = words("Mining", "createNewBlock", &of(8001, false));
        // One word of data with the cooldown's bit turned, no context, and options of three words
        // of which only the lowest bit of the weight differs from its default.
        let head = [0x0002_0001_0000_0000, 1, 0, 0x0000_0003_0000_0000];
        assert_eq!(words, [&head[..], &[0, 1, 0]].concat());
        assert_eq!(of(8001, false).expect(&read), Ok(()));
        assert!(of(8000, false).expect(&read).is_err());
    }
}
