//! How often a fault strikes.

/// At which of the calls that fit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Occurrence {
    /// At each.
    #[default]
    Every,
    /// At this one only, counted from 1.
    Nth(u64),
    /// At so many, and then never again.
    First(u64),
    /// At each but so many at the beginning.
    After(u64),
    /// At each with this probability, between 0 and 1.
    Chance(f64),
}

impl Occurrence {
    /// Whether it strikes at the call with this number, counted from 1.
    pub(super) fn strikes(self, number: u64, random: &mut fastrand::Rng) -> bool {
        match self {
            Self::Every => true,
            Self::Nth(nth) => number == nth,
            Self::First(first) => number <= first,
            Self::After(quiet) => number > quiet,
            Self::Chance(chance) => random.f64() < chance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(when: Occurrence, seed: u64) -> Vec<u64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (1..=1000).filter(|number| when.strikes(*number, &mut random)).collect()
    }

    #[test]
    fn occurrences_are_counted() {
        assert_eq!(strikes(Occurrence::Nth(3), 0), [3]);
        assert_eq!(strikes(Occurrence::First(2), 0), [1, 2]);
        assert_eq!(strikes(Occurrence::After(998), 0), [999, 1000]);
        assert_eq!(strikes(Occurrence::Every, 0).len(), 1000);
    }

    #[test]
    fn chance_follows_the_seed() {
        let some = strikes(Occurrence::Chance(0.25), 1);
        assert!((200..300).contains(&some.len()), "{}", some.len());
        assert_eq!(some, strikes(Occurrence::Chance(0.25), 1));
        assert_ne!(some, strikes(Occurrence::Chance(0.25), 2));
        assert_eq!(strikes(Occurrence::Chance(0.0), 1), [0; 0]);
        assert_eq!(strikes(Occurrence::Chance(1.0), 1).len(), 1000);
    }
}
