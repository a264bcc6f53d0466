//! Reads a packed structure from front to back.

use crate::error::GlueError;

/// Longest script or address that a packed structure may announce, in bytes. Bitcoin Core reads no
/// vector beyond 32 MiB; nothing this long is legitimate in the structures read here.
const MAX_LENGTH: u64 = 4_000_000;

/// What is left of a packed structure.
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(what: &'static str, data: &'a [u8]) -> Self {
        Self { what, rest: data }
    }

    pub(super) fn error(&self, why: &'static str) -> GlueError {
        GlueError::Decode { what: self.what, why }
    }

    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], GlueError> {
        let (taken, rest) =
            self.rest.split_at_checked(n).ok_or_else(|| self.error("ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GlueError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.error("ends early"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, GlueError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, GlueError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, GlueError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, GlueError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A compact size, canonical or not (`serialize.h`, ReadCompactSize).
    pub(super) fn compact_size(&mut self) -> Result<u64, GlueError> {
        Ok(match self.u8()? {
            253 => u16::from_le_bytes(self.array()?).into(),
            254 => self.u32()?.into(),
            255 => u64::from_le_bytes(self.array()?),
            small => small.into(),
        })
    }

    /// A length: a compact size that is not absurd.
    pub(super) fn length(&mut self) -> Result<usize, GlueError> {
        let length = self.compact_size()?;
        match usize::try_from(length) {
            Ok(short) if length <= MAX_LENGTH => Ok(short),
            _ => Err(self.error("announces too long a part")),
        }
    }

    /// Core's variable-length integer of base 128 (`serialize.h`, ReadVarInt).
    pub(super) fn var_int(&mut self) -> Result<u64, GlueError> {
        let mut n: u64 = 0;
        loop {
            let byte = self.u8()?;
            n = n
                .checked_shl(7)
                .filter(|_| n <= u64::MAX >> 7)
                .ok_or_else(|| self.error("number too large"))?;
            n |= u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(n);
            }
            n = n.checked_add(1).ok_or_else(|| self.error("number too large"))?;
        }
    }

    /// Everything must have been read.
    pub(super) fn end(&self) -> Result<(), GlueError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error("has bytes left over")) }
    }
}

/// Appends a compact size.
pub(super) fn push_compact_size(out: &mut Vec<u8>, size: usize) {
    match size {
        0..=252 => out.push(size.to_le_bytes()[0]),
        253..=0xffff => {
            out.push(253);
            out.extend_from_slice(&size.to_le_bytes()[..2]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(254);
            out.extend_from_slice(&size.to_le_bytes()[..4]);
        }
        _ => {
            out.push(255);
            out.extend_from_slice(&size.to_le_bytes()[..8]);
        }
    }
}

/// Appends a variable-length integer of base 128.
pub(super) fn push_var_int(out: &mut Vec<u8>, mut n: u64) {
    let mut bytes = vec![n.to_le_bytes()[0] & 0x7f];
    while n > 0x7f {
        n = (n >> 7) - 1;
        bytes.push(n.to_le_bytes()[0] | 0x80);
    }
    out.extend(bytes.iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_round_trip() {
        for n in [0, 1, 0x7f, 0x80, 0x407f, 0x4080, 0xffff_ffff, u64::MAX] {
            let mut out = Vec::new();
            push_var_int(&mut out, n);
            let mut reader = Reader::new("test", &out);
            assert_eq!(reader.var_int().ok(), Some(n));
            assert!(reader.end().is_ok());
        }
        for size in [0, 252, 253, 0xffff, 0x1_0000, 3_999_999] {
            let mut out = Vec::new();
            push_compact_size(&mut out, size);
            let mut reader = Reader::new("test", &out);
            assert_eq!(reader.length().ok(), Some(size));
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused() {
        let mut reader = Reader::new("test", &[0xff; 11]);
        assert!(reader.var_int().is_err());
        let mut reader = Reader::new("test", &[0xff; 9]);
        assert!(reader.length().is_err());
    }
}
