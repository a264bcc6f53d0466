//! `bitcoin-grpc call`: every method and stream on the embedded node, recordings of real nodes asked again in
//! its words, and the program as people meet it.

mod binary;
mod docs;
mod odd;
mod plain;
mod recorded;
mod secure;
mod streams;
mod walk;
mod world;
