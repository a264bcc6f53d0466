//! What the operator of a node sees and does: warnings, log categories, peers, bans, the end.

use std::time::{Duration, Instant};

use super::{Node, NodeOptions};
use crate::consensus::{period_end, unknown_rules};
use crate::events::Event;
use crate::peers::{Ban, DEFAULT_BAN_SECONDS, Peers, Subnet};

/// What every build that is no release warns of. All generations with an operator's interface are such builds.
pub const PRE_RELEASE_WARNING: &str = "This is a pre-release test build - use at your own risk - \
                                       do not use for mining or merchant applications";

/// Log categories by the place of their bit. Names that a generation does not have any more stay reserved.
const LOG_CATEGORIES: [&str; 31] = [
    "net",
    "tor",
    "mempool",
    "http",
    "bench",
    "zmq",
    "walletdb",
    "rpc",
    "estimatefee",
    "addrman",
    "selectcoins",
    "reindex",
    "cmpctblock",
    "rand",
    "prune",
    "proxy",
    "mempoolrej",
    "libevent",
    "coindb",
    "qt",
    "leveldb",
    "validation",
    "i2p",
    "ipc",
    "lock",
    "blockstorage",
    "txreconciliation",
    "scan",
    "txpackages",
    "kernel",
    "privatebroadcast",
];

/// What is said of rules that blocks brought in and that are not known here.
const UNKNOWN_RULES: &str = "Unknown new rules activated";

/// Memory that an empty mempool is said to use, in bytes, and what a waiting transaction adds beyond its own size: before
/// mempools went by clusters, and since. About what was recorded.
const MEMPOOL_BYTES: [(u64, u64); 2] = [(96, 881), (64, 937)];

/// Memory that the mempool may use, in bytes, without `-maxmempool`.
const DEFAULT_MAX_MEMPOOL_BYTES: u64 = 300_000_000;

/// What a check of the chain is called.
const VERIFYING: &str = "Verifying blocks…";

impl Node {
    /// What the operator should know, in one text; empty if there is nothing.
    pub fn warnings(&self) -> &str {
        &self.warnings
    }

    /// Warns of rules that most blocks signalled for and that are not known here, once for each. It is not taken back.
    pub(super) fn look_for_unknown_rules(&mut self) {
        let Some(end) = period_end(&self.index, self.index.tip()) else { return };
        if self.is_initial_block_download() || self.period_looked_at == Some(end) {
            return;
        }
        self.period_looked_at = Some(end);
        let unknown = unknown_rules(&self.index, end);
        if let Some(bit) = unknown.first().filter(|_| !self.warnings.contains(UNKNOWN_RULES)) {
            let warnings = format!("{UNKNOWN_RULES} (versionbit {bit})<hr />{}", self.warnings);
            self.set_warnings(warnings);
        }
    }

    /// Changes the warnings.
    pub fn set_warnings(&mut self, warnings: impl Into<String>) {
        self.warnings = warnings.into();
        self.events.push(Event::Alert);
    }

    /// The log categories that `-debug` switched on, as a bit mask. The devnode has no log; it only tells.
    pub fn log_categories(&self) -> u64 {
        let wanted = self.settings.list("debug");
        let names = wanted.iter().map(|value| value.as_str().trim_matches('"'));
        names.fold(0, |mask, name| mask | category_mask(name))
    }

    /// Tells the progress of a check of the last blocks; 0 means all. Blocks in memory need no check.
    pub fn verify_chain(&mut self, blocks: u32, connecting: bool) {
        let height = self.height();
        let depth = if blocks == 0 { height } else { blocks.min(height) };
        let half = if connecting { 50.0 } else { 100.0 };
        let share = |done: u32| (f64::from(done) / f64::from(depth) * half) as i32;
        let mut tell = |done| self.events.push(Event::Progress(VERIFYING, done));
        tell(0);
        if depth > 0 {
            (0..=depth.min(height - 1)).for_each(|done| tell(share(done).clamp(1, 99)));
            if connecting {
                (1..=depth).rev().for_each(|left| tell(100 - share(left)));
            }
        }
        self.events.push(Event::Progress("", 100));
    }

    /// The peers and bans.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The peers and bans, to be changed.
    pub fn peers_mut(&mut self) -> &mut Peers {
        &mut self.peers
    }

    /// Bans a subnet from now on. Zero seconds or less mean the usual time. Returns whether anything changed.
    pub fn ban(&mut self, subnet: Subnet, seconds: i64) -> bool {
        let seconds = if seconds > 0 { seconds } else { DEFAULT_BAN_SECONDS };
        let created = self.now();
        self.peers.bans.ban(subnet, Ban { created, until: created.saturating_add(seconds) })
    }

    /// Whether the node was told to stop.
    pub fn shutdown_requested(&self) -> bool {
        self.shutdown_requested
    }

    /// Tells the node to stop. Whoever serves it has to act on that.
    pub fn request_shutdown(&mut self) {
        self.shutdown_requested = true;
    }

    /// The node after a restart, perhaps as another generation: chain and mempool are what they were, peers and bans
    /// are gone.
    #[must_use]
    pub fn restarted(self, options: &NodeOptions) -> Self {
        Self {
            generation: options.generation,
            rules: options.rules.clone(),
            limits: options.limits,
            settings: options.settings.clone(),
            serves_rpc: options.serves_rpc(),
            peers: Peers::default(),
            warnings: PRE_RELEASE_WARNING.to_owned(),
            period_looked_at: None,
            shutdown_requested: false,
            started: Instant::now(),
            ..self
        }
    }

    /// How long the node has run, by the machine's clock.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Memory that the mempool would use in a node, guessed, in bytes.
    pub fn mempool_usage(&self) -> u64 {
        let (empty, entry) = MEMPOOL_BYTES[usize::from(self.rules.cluster_mempool)];
        let sizes = self.pool.entries().map(|of| entry + of.tx.total_size() as u64);
        empty + sizes.sum::<u64>()
    }

    /// Memory that the mempool may use, in bytes (`-maxmempool`). It is only told.
    pub fn mempool_max_usage(&self) -> u64 {
        let megabytes = self.settings.get("maxmempool");
        let megabytes = megabytes.as_str().trim_matches('"').parse::<u64>();
        megabytes.map_or(DEFAULT_MAX_MEMPOOL_BYTES, |megabytes| megabytes.saturating_mul(1_000_000))
    }
}

fn category_mask(name: &str) -> u64 {
    match name {
        "" | "1" | "all" => (1 << LOG_CATEGORIES.len()) - 1,
        name => LOG_CATEGORIES.iter().position(|known| *known == name).map_or(0, |bit| 1 << bit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeOptions;
    use crate::generation::Generation;
    use crate::settings::Settings;

    #[test]
    fn categories_and_sizes_come_from_the_command_line() {
        let words = ["-debug=ipc", "-debug=net", "-debug=nosuch", "-maxmempool=5"];
        let settings = Settings::from_command_line(words);
        let options = NodeOptions::from_settings(Generation::default(), settings);
        let node = Node::new(options);
        assert_eq!(node.log_categories(), 1 << 23 | 1);
        assert_eq!(node.mempool_max_usage(), 5_000_000);
        assert_eq!(node.mempool_usage(), 96);
    }
}
