//! Single rules
