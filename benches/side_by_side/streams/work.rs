//! What is measured of streams.

use crate::plan::Outcome;

/// One measurement: so many subscribers, blocks of that size, and how many of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Size of a block in bytes.
    pub(crate) size: usize,
    pub(crate) subscribers: usize,
    /// Events in a round.
    pub(crate) events: usize,
}

const fn case(size: usize, subscribers: usize, events: usize) -> Case {
    Case { size, subscribers, events }
}

const SMALL: usize = 250;
const LARGE: usize = 1_000_000;

/// As many events as a round of a few seconds has room for.
const CASES: [Case; 6] = [
    case(SMALL, 1, 1000),
    case(SMALL, 100, 400),
    case(SMALL, 1000, 100),
    case(LARGE, 1, 60),
    case(LARGE, 100, 12),
    case(LARGE, 1000, 4),
];

const SMOKE: [Case; 3] = [case(SMALL, 1, 10), case(SMALL, 100, 10), case(LARGE, 20, 2)];

/// One run.
pub(crate) struct Work {
    pub(crate) cases: Vec<Case>,
    /// How often the whole is repeated; medians are printed.
    pub(crate) rounds: usize,
}

impl Work {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut work = Self { cases: CASES.to_vec(), rounds: 3 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                // Shows that everything still works; the figures mean nothing.
                "--smoke" => work = Self { cases: SMOKE.to_vec(), rounds: 1 },
                "--rounds" => {
                    work.rounds = words.next().ok_or("--rounds lacks its number")?.parse()?;
                }
                // cargo adds this one.
                "--bench" => {}
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        Ok(work)
    }
}
