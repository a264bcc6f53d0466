//! The flag of an object whose waits can be ended.

use std::cell::Cell;

/// Raised by an interrupting call, lowered by the first wait that sees it, perhaps a later one.
#[derive(Debug, Default)]
pub(super) struct Interrupt(Cell<bool>);

impl Interrupt {
    pub(super) fn raise(&self) {
        self.0.set(true);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.get()
    }

    /// Whether it was raised; it is not any more.
    pub(super) fn take(&self) -> bool {
        self.0.take()
    }
}
