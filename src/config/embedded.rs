//! The embedded node's part of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::NodeOptions;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::fault::{FaultSpec, FaultSpecError};
use bitcoin_grpc_devnode::generation::Generation;
use bitcoin_grpc_devnode::host::{ChainOptions, HostOptions, Pace};
use bitcoin_grpc_devnode::settings::Settings;

use super::meant::{any_time, directory, fits, number, profile, switch};
use super::reader::Reader;

/// Generation that the embedded node speaks unless told otherwise: the one with the longest Chain interface.
const PROFILE: &str = "pr29409-2025-05";

/// Blocks that are there from the start: enough for the first coinbases to be spendable.
const BLOCKS: u32 = 110;

/// Most blocks to start with. They all are in memory; so many take minutes to make.
const MAX_BLOCKS: u32 = 1_000_000;

/// Time between two blocks: short enough to see one happen while trying things out.
const INTERVAL: Duration = Duration::from_secs(5);

/// Most transactions per second. More than the node takes in would only make it late.
const MAX_TX_RATE: f64 = 10_000.0;

/// Blocks that a reorganisation takes off.
const REORG_DEPTH: u32 = 2;

/// Most blocks that a reorganisation takes off; more take the node too long to do anything else.
const MAX_REORG_DEPTH: u32 = 1_000;

/// How the embedded node is set up.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Where it listens, if that was said.
    pub socket: Option<PathBuf>,
    /// The interface that it speaks.
    pub profile: &'static Profile,
    /// The node itself.
    pub node: NodeOptions,
    /// The chain that it starts with.
    pub chain: ChainOptions,
    /// What it does by itself.
    pub pace: Pace,
    /// Where it keeps its chain.
    pub data_dir: Option<PathBuf>,
    /// Whether it serves the socket that is standard input.
    pub inetd: bool,
    /// Whether it knows nothing until its client tells it.
    pub led: bool,
    /// What goes wrong with it.
    pub faults: Vec<FaultSpec>,
}

impl EmbeddedConfig {
    /// The node at a socket.
    #[must_use]
    pub fn at(self, socket: PathBuf) -> HostOptions {
        HostOptions {
            node: self.node,
            chain: self.chain,
            pace: self.pace,
            data_dir: self.data_dir,
            led: self.led,
            faults: self.faults,
            trouble: |what| tracing::warn!("the embedded node: {what}"),
            ..HostOptions::new(socket, self.profile)
        }
    }
}

pub(super) fn embedded(reader: &mut Reader<'_>) -> EmbeddedConfig {
    let spoken = reader.one("profile", profile);
    let spoken = spoken.or_else(|| Profile::by_name(PROFILE));
    let profile = spoken.unwrap_or(&bitcoin_grpc_contract::PROFILES[0]);
    EmbeddedConfig {
        socket: reader.one("socket", socket),
        profile,
        node: node(reader, profile),
        chain: chain(reader),
        pace: pace(reader),
        data_dir: reader.one("data-dir", directory),
        inetd: reader.one("inetd", switch).unwrap_or(false),
        led: reader.one("led", switch).unwrap_or(false),
        faults: reader
            .all("fault", |text| text.parse().map_err(|error: FaultSpecError| error.to_string())),
    }
}

fn node(reader: &mut Reader<'_>, profile: &Profile) -> NodeOptions {
    let generation = Generation::of_profile(profile.name).unwrap_or_default();
    let arguments = reader.all("node-arg", node_argument);
    let settings = Settings::from_command_line(arguments.iter().map(String::as_str));
    let mocked = arguments.iter().any(|argument| argument.starts_with("-mocktime="));
    let mut options = NodeOptions::from_settings(generation, settings);
    match reader.one("mock-time", seconds) {
        Some(time) => options.clock = Clock::Mock(time),
        None if !mocked => options.clock = Clock::System,
        None => {}
    }
    options.filter_index |= reader.one("block-filter-index", switch).unwrap_or(false);
    options
}

fn chain(reader: &mut Reader<'_>) -> ChainOptions {
    ChainOptions {
        imports: reader.all("import", directory),
        blocks: reader.one("blocks", |text| up_to(text, MAX_BLOCKS)).unwrap_or(BLOCKS),
        prune_below: reader.one("prune-below", |text| up_to(text, u32::MAX)),
    }
}

fn pace(reader: &mut Reader<'_>) -> Pace {
    let some = |time: Duration| (!time.is_zero()).then_some(time);
    Pace {
        block: some(reader.one("interval", any_time).unwrap_or(INTERVAL)),
        transaction: reader.one("tx-rate", rate).flatten(),
        reorg: reader.one("reorg-every", any_time).and_then(some),
        reorg_depth: reader.one("reorg-depth", depth).unwrap_or(REORG_DEPTH),
        seed: reader.one("seed", number).unwrap_or_default() as u64,
    }
}

fn socket(text: &str) -> Result<PathBuf, String> {
    let path = directory(text.strip_prefix("unix:").unwrap_or(text))?;
    fits(&path).map(|()| path)
}

fn node_argument(text: &str) -> Result<String, String> {
    match text.strip_prefix('-').filter(|name| !name.is_empty()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("is no argument such as -debug=ipc".to_owned()),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    // Blocks count seconds in 32 bits.
    let time: u32 = text.parse().map_err(|_| "is no number of seconds since 1970".to_owned())?;
    Ok(i64::from(time))
}

fn up_to(text: &str, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("is not a number from 0 to {most}"))
}

fn depth(text: &str) -> Result<u32, String> {
    match up_to(text, MAX_REORG_DEPTH)? {
        0 => Err("would take nothing off".to_owned()),
        depth => Ok(depth),
    }
}

/// The time between two transactions; none for a rate of zero.
fn rate(text: &str) -> Result<Option<Duration>, String> {
    let rate = text.parse().ok().filter(|rate: &f64| (0.0..=MAX_TX_RATE).contains(rate));
    let rate = rate.ok_or_else(|| format!("is not a number from 0 to {MAX_TX_RATE}"))?;
    if rate == 0.0 {
        return Ok(None);
    }
    Duration::try_from_secs_f64(rate.recip()).map(Some).map_err(|_| "is too small".to_owned())
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
