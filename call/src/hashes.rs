//! Bytes as people write them: hexadecimal, and hashes reversed.

use std::collections::HashSet;

use prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};

/// What the contract of bitcoin-grpc says in the comment of every field that holds hashes, and of no other
/// field of bytes, in small letters.
const MARK: &str = "internal byte order";

/// Length of a hash in bytes.
pub(crate) const HASH: usize = 32;

/// Which fields hold hashes, by their full names.
#[derive(Debug, Default)]
pub(crate) struct Hashes(HashSet<String>);

impl Hashes {
    /// Reads the comments of all files.
    pub(crate) fn of(pool: &DescriptorPool) -> Self {
        let mut found = Self::default();
        for file in pool.files() {
            let marked = marked(&file);
            for message in file.messages() {
                found.read(&message, &marked);
            }
        }
        found
    }

    fn read(&mut self, message: &MessageDescriptor, marked: &HashSet<Vec<i32>>) {
        let fields = message.fields().filter(|field| field.kind() == Kind::Bytes);
        let hashes = fields.filter(|field| marked.contains(field.path()));
        self.0.extend(hashes.map(|field| field.full_name().to_owned()));
        for inner in message.child_messages() {
            self.read(&inner, marked);
        }
    }

    /// Both together: a server may tell its fields without their comments.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// Whether a field holds hashes.
    pub(crate) fn has(&self, field: &FieldDescriptor) -> bool {
        self.0.contains(field.full_name())
    }
}

/// The places in a file whose comments have the mark. A comment is wrapped, so a line may end within it.
fn marked(file: &FileDescriptor) -> HashSet<Vec<i32>> {
    let proto = file.file_descriptor_proto();
    let locations = proto.source_code_info.iter().flat_map(|info| &info.location);
    let marked = locations.filter(|location| {
        let words: Vec<&str> = location.leading_comments().split_whitespace().collect();
        words.join(" ").to_lowercase().contains(MARK)
    });
    marked.map(|location| location.path.clone()).collect()
}

/// Bytes as text.
pub(crate) fn to_text(bytes: &[u8], is_hash: bool) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    let mut put = |byte: &u8| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    };
    if is_hash {
        bytes.iter().rev().for_each(&mut put);
    } else {
        bytes.iter().for_each(&mut put);
    }
    text
}

/// Text as bytes; `None` if it is not an even number of hexadecimal digits.
pub(crate) fn from_text(text: &str, is_hash: bool) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |pair: &[u8]| {
        let [high, low] = pair else { return None };
        let value = char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?;
        u8::try_from(value).ok()
    };
    let mut bytes = digits.chunks_exact(2).map(byte).collect::<Option<Vec<u8>>>()?;
    if is_hash {
        bytes.reverse();
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_reversed_and_other_bytes_are_not() {
        assert_eq!(to_text(&[1, 2, 0xab], false), "0102ab");
        assert_eq!(to_text(&[1, 2, 0xab], true), "ab0201");
        assert_eq!(from_text("0102AB", false), Some(vec![1, 2, 0xab]));
        assert_eq!(from_text("ab0201", true), Some(vec![1, 2, 0xab]));
    }

    #[test]
    fn what_is_no_hex_is_none() {
        for text in ["0", "0g", "ä", "0x00", "+1"] {
            assert_eq!(from_text(text, false), None, "{text}");
        }
        assert_eq!(from_text("", true), Some(vec![]));
    }
}
