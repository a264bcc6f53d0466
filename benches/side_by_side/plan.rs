//! What to measure.

use std::path::PathBuf;
use std::time::Duration;

/// Any fault ends the run with its text.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// One run.
pub(crate) struct Plan {
    /// How long each measurement takes.
    pub(crate) duration: Duration,
    /// Calls in flight, one measurement each.
    pub(crate) concurrency: Vec<usize>,
    /// How often the whole is repeated; medians are printed.
    pub(crate) rounds: usize,
    /// Load before the memory is read again.
    pub(crate) soak: Duration,
    /// Socket of a real node.
    pub(crate) node: Option<PathBuf>,
    /// Method to call, unless the node is to decide.
    pub(crate) method: Option<String>,
}

impl Plan {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut plan = Self {
            duration: Duration::from_secs(5),
            concurrency: vec![1, 8, 64],
            rounds: 3,
            soak: Duration::from_secs(60),
            node: None,
            method: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                // Shows that everything still works; the figures mean nothing.
                "--smoke" => {
                    plan.duration = Duration::from_millis(300);
                    plan.soak = Duration::from_millis(500);
                    plan.rounds = 1;
                }
                "--seconds" => plan.duration = Duration::from_secs(value(words.next())?),
                "--soak" => plan.soak = Duration::from_secs(value(words.next())?),
                "--rounds" => plan.rounds = usize::try_from(value(words.next())?)?.max(1),
                "--node" => plan.node = words.next().map(PathBuf::from),
                "--method" => plan.method = words.next().map(|word| (*word).to_owned()),
                // cargo adds this one.
                "--bench" => {}
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        Ok(plan)
    }
}

fn value(word: Option<&&str>) -> Outcome<u64> {
    Ok(word.ok_or("an option lacks its number")?.parse()?)
}
