//! Tests against nodes of our own making.
