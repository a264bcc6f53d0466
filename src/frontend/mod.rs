//! Protocols that clients speak. Each turns what it receives into a [`crate::call::Call`] and the
//! answer into what its clients expect. Nothing here knows of Cap'n Proto.

pub mod grpc;
