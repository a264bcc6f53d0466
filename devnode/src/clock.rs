//! The node's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Time of a fresh devnode, in seconds since 1970, as in the recordings.
pub const MOCK_START: i64 = 1_700_000_000;

/// Seconds between two generated blocks on a mock clock, as in the recordings.
pub const MOCK_STEP: i64 = 600;

/// Where the node takes its time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Stands still at this time (seconds since 1970) until it is set or a block is generated.
    Mock(i64),
    /// The machine's clock.
    System,
}

impl Clock {
    /// Milliseconds since 1970.
    pub fn now_ms(self) -> i64 {
        match self {
            Self::Mock(time) => time.saturating_mul(1000),
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Seconds since 1970.
    pub fn now(self) -> i64 {
        match self {
            Self::Mock(time) => time,
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)),
        }
    }

    /// Moves a mock clock ahead by one block interval; the machine's clock moves by itself.
    pub fn step(&mut self) {
        if let Self::Mock(time) = self {
            *time = time.saturating_add(MOCK_STEP);
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::Mock(MOCK_START)
    }
}
