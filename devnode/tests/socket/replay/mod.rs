//! Recordings of real nodes, replayed through the socket.
//!
//! Parameters and results cross as raw Cap'n Proto, filled from and turned into the recorded JSON by reflection
//! (`json`), without the devnode's or the contract's own conversions. `methods` knows the types of each method, `run`
//! replays a run, `february` and `newest` are the runs, `differences` what is left out and why.

mod differences;
mod february;
mod json;
mod methods;
mod newest;
mod run;

pub(crate) use differences::of as difference;
pub(crate) use february::peer as recorded_peer;
pub(crate) use run::same;
