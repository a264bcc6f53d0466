//! Times, counted by their length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in nanoseconds. A call that the node answers at once takes some 100 µs; from a
/// second on it only matters that it is slow.
const BOUNDS: [u64; 14] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
];

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// Times, counted by their length. It is written by adding to two numbers.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// In nanoseconds; it is full after 584 years of calls.
    sum: AtomicU64,
}

/// What a histogram holds at some moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Of all times, in seconds.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
    /// How many there are by their upper bound in seconds, each counted once.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Counts a time.
    pub fn observe(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanos);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// What it holds.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let bounds = BOUNDS.iter().map(|nanos| *nanos as f64 / SECOND).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        // Of the same look as the buckets, so that the two agree.
        let count = buckets.iter().map(|(_, count)| count).sum();
        Snapshot { sum: self.sum.load(Ordering::Relaxed) as f64 / SECOND, count, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::default();
        for nanos in [0, 50_000, 50_001, 30_000_000_000, 30_000_000_001, u64::MAX / 4] {
            histogram.observe(Duration::from_nanos(nanos));
        }
        let found = histogram.snapshot();
        let counts: Vec<_> = found.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((found.count, histogram.count()), (6, 6));
        assert_eq!(found.buckets[0].0, 0.000_05);
        assert_eq!(found.buckets[14].0, f64::INFINITY);
    }

    #[test]
    fn times_add_up() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1500));
        histogram.observe(Duration::from_millis(500));
        assert_eq!(histogram.snapshot().sum, 2.0);
    }
}
