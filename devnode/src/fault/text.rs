//! Faults as they are written on a command line: `KIND[=DETAILS][@METHODS][/WHEN]`.

use std::str::FromStr;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use capnp::ErrorKind;

use super::kind::MAX_FREEZE;
use super::{FaultKind, FaultSpec, MethodFilter, Moment, Occurrence, Restart, RestartChain};
use crate::socket::Busy;

/// What is wrong with a written fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSpecError {
    /// There is no such fault.
    #[error(
        "is no fault; those are late, silent, error, disconnect, half, oversize, malformed, garbage, die, freeze, \
         restart, refuse, threads"
    )]
    Kind,
    /// Its details are not what they have to be.
    #[error("has to be of the form {0}")]
    Details(&'static str),
    /// No generation has a method with such a name.
    #[error("names no method; those are written like Chain.getBlockHash or Mining.*")]
    Methods,
    /// The occurrence cannot be read.
    #[error("ends with no occurrence; those are nth:N, first:N, after:N and chance:0.5")]
    When,
}

impl FromStr for FaultSpec {
    type Err = FaultSpecError;

    /// Reads `KIND[=DETAILS][@METHODS][/WHEN]`. Texts can hold anything but an `@` or a `/`.
    fn from_str(text: &str) -> Result<Self, FaultSpecError> {
        let (text, when) = match text.rsplit_once('/') {
            Some((text, when)) => (text, occurrence(when).ok_or(FaultSpecError::When)?),
            None => (text, Occurrence::default()),
        };
        let (text, methods) = match text.rsplit_once('@') {
            Some((text, name)) => (text, MethodFilter::new(name)),
            None => (text, MethodFilter::default()),
        };
        if !methods.fits_any() {
            return Err(FaultSpecError::Methods);
        }
        let (name, details) = text.split_once('=').unwrap_or((text, ""));
        Ok(Self { kind: kind(name, details)?, methods, when })
    }
}

fn kind(name: &str, details: &str) -> Result<FaultKind, FaultSpecError> {
    let bare = |kind: FaultKind| match details {
        "" => Ok(kind),
        _ => Err(FaultSpecError::Details("NAME, without details")),
    };
    match name {
        "late" => time(details).map(FaultKind::Late).ok_or(FaultSpecError::Details("late=500ms")),
        "freeze" => time(details)
            .filter(|time| *time <= MAX_FREEZE)
            .map(FaultKind::Freeze)
            .ok_or(FaultSpecError::Details("freeze=2s, of a minute at most")),
        "silent" => bare(FaultKind::Silent),
        "error" => error(details),
        "disconnect" => disconnect(details),
        "half" => bare(FaultKind::HalfMessage),
        "oversize" => bare(FaultKind::Oversize),
        "malformed" => bare(FaultKind::Malformed),
        "garbage" => bare(FaultKind::Garbage),
        "die" => bare(FaultKind::Die),
        "refuse" => bare(FaultKind::Refuse),
        "restart" => restart(details),
        "threads" => threads(details),
        _ => Err(FaultSpecError::Kind),
    }
}

fn error(details: &str) -> Result<FaultKind, FaultSpecError> {
    let (kind, text) = details.split_once(':').unwrap_or((details, "a fault on demand"));
    let kind = match kind {
        "failed" => ErrorKind::Failed,
        "overloaded" => ErrorKind::Overloaded,
        "disconnected" => ErrorKind::Disconnected,
        "unimplemented" => ErrorKind::Unimplemented,
        _ => {
            let form = "error=failed:TEXT, or overloaded, disconnected, unimplemented";
            return Err(FaultSpecError::Details(form));
        }
    };
    Ok(FaultKind::Error { kind, text: text.to_owned() })
}

fn disconnect(details: &str) -> Result<FaultKind, FaultSpecError> {
    let moment = match details {
        "before" => Moment::Before,
        "during" | "" => Moment::During,
        "after" => Moment::After,
        _ => return Err(FaultSpecError::Details("disconnect=before, during or after")),
    };
    Ok(FaultKind::Disconnect(moment))
}

fn threads(details: &str) -> Result<FaultKind, FaultSpecError> {
    let busy = match details {
        "die" => Busy::Dies,
        "busy" => Busy::OneWaits,
        "queue" => Busy::Queues,
        _ => return Err(FaultSpecError::Details("threads=die, busy or queue")),
    };
    Ok(FaultKind::Threads(busy))
}

fn restart(details: &str) -> Result<FaultKind, FaultSpecError> {
    let mut restart = Restart::default();
    for part in details.split(':').filter(|part| !part.is_empty()) {
        match (part, Profile::by_name(part), time(part)) {
            ("same", ..) => restart.chain = RestartChain::Same,
            ("another", ..) => restart.chain = RestartChain::Another,
            (_, Some(profile), _) => restart.profile = Some(profile.name),
            (_, _, Some(down)) => restart.down = down,
            _ => {
                let form = "restart=another:core-32:500ms, each part of which may be missing";
                return Err(FaultSpecError::Details(form));
            }
        }
    }
    Ok(FaultKind::Restart(restart))
}

fn occurrence(text: &str) -> Option<Occurrence> {
    let (name, number) = text.split_once(':')?;
    let count = number.parse::<u64>().ok();
    match name {
        "nth" => count.filter(|nth| *nth > 0).map(Occurrence::Nth),
        "first" => count.map(Occurrence::First),
        "after" => count.map(Occurrence::After),
        "chance" => {
            let chance = number.parse::<f64>().ok().filter(|chance| (0.0..=1.0).contains(chance));
            chance.map(Occurrence::Chance)
        }
        _ => None,
    }
}

/// A number with its unit: `ms`, `s` or `m`.
fn time(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> FaultSpec {
        text.parse().unwrap_or_else(|error| panic!("{text} {error}"))
    }

    #[test]
    fn faults_are_read() {
        let late = FaultSpec::new(FaultKind::Late(Duration::from_millis(500)));
        assert_eq!(read("late=500ms"), late);
        let nth = late.on("chain.getblockhash").when(Occurrence::Nth(3));
        assert_eq!(read("late=500ms@Chain.getBlockHash/nth:3"), nth);
        let error = FaultKind::Error { kind: ErrorKind::Overloaded, text: "a: b=c".to_owned() };
        assert_eq!(read("error=overloaded:a: b=c").kind, error);
        let half = FaultSpec::new(FaultKind::HalfMessage).when(Occurrence::Chance(0.5));
        assert_eq!(read("half/chance:0.5"), half);
        assert_eq!(read("disconnect").kind, FaultKind::Disconnect(Moment::During));
        assert_eq!(read("threads=die").kind, FaultKind::Threads(Busy::Dies));
        let restart = Restart {
            chain: RestartChain::Another,
            profile: Some("core-32"),
            down: Duration::from_secs(1),
        };
        assert_eq!(read("restart=core-32:1s:another").kind, FaultKind::Restart(restart));
        assert_eq!(read("restart@Mining.*").kind, FaultKind::Restart(Restart::default()));
    }

    #[test]
    fn what_is_no_fault_says_why() {
        for (text, why) in [
            ("nothing", "is no fault"),
            ("late", "late=500ms"),
            ("late=5", "late=500ms"),
            ("freeze=2m", "a minute at most"),
            ("silent=1s", "without details"),
            ("error=bad", "overloaded"),
            ("half@Chian.*", "names no method"),
            ("half/sometimes", "no occurrence"),
            ("half/chance:2", "no occurrence"),
            ("half/nth:0", "no occurrence"),
            ("restart=core-99", "each part"),
        ] {
            let error = text.parse::<FaultSpec>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
