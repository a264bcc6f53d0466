//! Inputs where there is no fuzzer: those of a corpus with changes, and by chance new ones.

use std::io;
use std::path::Path;

use fastrand::Rng;

/// Longest input that is made, in bytes; as with libFuzzer, unless told otherwise.
const LONGEST: usize = 4096;

/// Length up to which inputs are made anew.
const NEW: usize = 600;

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    chance: Rng,
}

impl Mutator {
    /// Reads a corpus. One that does not exist is empty.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn new(corpus: &Path, seed: u64) -> io::Result<Self> {
        Ok(Self { corpus: read(corpus)?, chance: Rng::with_seed(seed) })
    }

    /// Another input.
    pub fn input(&mut self) -> Vec<u8> {
        if self.corpus.is_empty() || self.chance.u8(..) < 100 {
            let length = self.chance.usize(1..NEW);
            return std::iter::repeat_with(|| self.chance.u8(..)).take(length).collect();
        }
        let mut input = self.one();
        for _ in 0..=self.chance.u8(..6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn one(&mut self) -> Vec<u8> {
        let at = self.chance.usize(..self.corpus.len());
        self.corpus[at].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.chance.usize(..=input.len());
        match self.chance.u8(..8) {
            0 => input.truncate(at),
            1 => input.insert(at, self.chance.u8(..)),
            2 => input.extend(self.one()),
            3 => {
                let other = self.one();
                input.truncate(at);
                input.extend(other.get(at..).unwrap_or_default());
            }
            _ if at == input.len() => {}
            4 => drop(input.remove(at)),
            5 => input[at] ^= 1 << self.chance.u8(..8),
            _ => input[at] = self.chance.u8(..),
        }
    }
}

/// Reads a corpus, in the order of its names.
///
/// # Errors
/// When a file cannot be read.
pub fn read(corpus: &Path) -> io::Result<Vec<Vec<u8>>> {
    if !corpus.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(corpus)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(std::fs::read).collect()
}
