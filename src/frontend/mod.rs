//! Protocols that clients speak. Each turns what it receives into a [`crate::call::Call`] and the
//! answer into what its clients expect. Nothing here knows of Cap'n Proto.
//!
//! Who calls is found out here, too, whatever the protocol: [`door`] weighs what a connection and a
//! call prove, [`tls`] and [`tokens`] are two of the proofs.

pub mod door;
pub mod grpc;
pub mod tls;
pub mod tokens;
