//! Typed client of bitcoin-grpc, the gRPC face of a Bitcoin Core node.
//!
//! ```no_run
//! # async fn height() -> Result<(), Box<dyn std::error::Error>> {
//! use bitcoin_grpc_client::v1::{self, chain_client::ChainClient};
//!
//! let mut chain = ChainClient::connect("http://localhost:50051").await?;
//! let height = chain.get_height(v1::ChainGetHeightRequest {}).await?.into_inner().height;
//! # Ok(())
//! # }
//! ```

mod fault;
mod hashes;

pub use fault::Fault;
pub use hashes::{NotAHash, display, internal};

/// Every message and stub of the contract `bitcoin.ipc.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    rustdoc::all,
    reason = "generated from comments that are not Rust's"
)]
pub mod v1 {
    tonic::include_proto!("bitcoin.ipc.v1");
}
