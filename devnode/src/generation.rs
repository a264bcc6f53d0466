//! What differs between the generations of node that the devnode can play.
//!
//! Each number was read from the recordings in `tests/golden` or, where those are silent, from the defaults of that
//! generation's source.

use crate::feerate::FeeRate;

/// A generation of Bitcoin Core, named after the branch its interfaces come from. Older ones are less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// The multiprocess branch of July 2024 (27.99).
    Pr10102July2024,
    /// The branch of pull request 29409 of May 2025 (29.99).
    #[default]
    Pr29409May2025,
    /// The multiprocess branch of February 2026 (30.99).
    Pr10102February2026,
    /// Bitcoin Core master of August 2026 (31.99).
    Core32,
}

/// Reason of the older generations for scripts that fail, in the mempool and in blocks.
const MANDATORY_FLAG: &str = "mandatory-script-verify-flag-failed";

/// Every generation, oldest first.
pub const ALL_GENERATIONS: [Generation; 4] = [
    Generation::Pr10102July2024,
    Generation::Pr29409May2025,
    Generation::Pr10102February2026,
    Generation::Core32,
];

impl Generation {
    /// The label of the wire profile, which is also the folder name of its recordings.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pr10102July2024 => "pr10102-2024-07",
            Self::Pr29409May2025 => "pr29409-2025-05",
            Self::Pr10102February2026 => "pr10102-2026-02",
            Self::Core32 => "core-32",
        }
    }

    /// The generation with this label, if there is one.
    pub fn from_label(label: &str) -> Option<Self> {
        ALL_GENERATIONS.into_iter().find(|generation| generation.label() == label)
    }

    /// The generation whose rules a node with this wire profile follows, if there is such a profile. Releases follow
    /// the branch of their time.
    pub fn of_profile(profile: &str) -> Option<Self> {
        Some(match profile {
            "core-30" => Self::Pr29409May2025,
            "core-31" => Self::Pr10102February2026,
            "pr10102-2026-07" => Self::Core32,
            label => Self::from_label(label)?,
        })
    }

    /// The version number that a node of this generation tells.
    pub fn version(self) -> u32 {
        match self {
            Self::Pr10102July2024 => 279_900,
            Self::Pr29409May2025 => 299_900,
            Self::Pr10102February2026 => 309_900,
            Self::Core32 => 319_900,
        }
    }

    /// The user agent that goes with it.
    pub fn user_agent(self) -> String {
        let version = self.version();
        let (major, minor) = (version / 10_000, version / 100 % 100);
        format!("/Satoshi:{major}.{minor}.{}/", version % 100)
    }

    /// The rules and defaults of this generation.
    pub fn rules(self) -> Rules {
        let newer = matches!(self, Self::Pr10102February2026 | Self::Core32);
        Rules {
            min_relay_feerate: FeeRate::from_sat_per_kvb(if newer { 100 } else { 1000 }),
            incremental_relay_feerate: FeeRate::from_sat_per_kvb(if newer { 100 } else { 1000 }),
            dust_relay_feerate: FeeRate::from_sat_per_kvb(3000),
            block_min_feerate: FeeRate::from_sat_per_kvb(if newer { 1 } else { 1000 }),
            cluster_mempool: newer,
            full_replacement: self != Self::Pr10102July2024,
            script_debug: self != Self::Pr10102July2024,
            transactions_per_second: if newer { 0.001 } else { 0.0 },
            progress_by_height_near_tip: newer,
            time_locked_coinbase: self != Self::Pr10102July2024,
            extra_nonce_when_generating: self != Self::Core32,
            extra_nonce_in_templates: !newer,
            pool_script_reason: if newer {
                "mempool-script-verify-flag-failed"
            } else {
                MANDATORY_FLAG
            },
            block_script_reason: if newer {
                "block-script-verify-flag-failed"
            } else {
                MANDATORY_FLAG
            },
            fee_rate_with_size: newer,
        }
    }
}

/// The rules and defaults that depend on the generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Lowest fee rate a single transaction needs to enter the mempool.
    pub min_relay_feerate: FeeRate,
    /// What a replacement must pay on top, per size of the replacement.
    pub incremental_relay_feerate: FeeRate,
    /// Fee rate that decides what counts as dust; reported only.
    pub dust_relay_feerate: FeeRate,
    /// Transactions below this fee rate are left out of block templates.
    pub block_min_feerate: FeeRate,
    /// Whether mempool limits and order go by cluster (since 31) or by ancestors and descendants.
    pub cluster_mempool: bool,
    /// Whether any waiting transaction may be replaced, or only those that say so (BIP 125).
    pub full_replacement: bool,
    /// Whether the refusal of a script names the input.
    pub script_debug: bool,
    /// Assumed rate of new transactions on regtest, the base of the verification progress. Zero makes every known
    /// block count as fully verified.
    pub transactions_per_second: f64,
    /// Whether a block that is at most two hours old takes its age from its distance to the best header.
    pub progress_by_height_near_tip: bool,
    /// Whether coinbases are locked until the block before theirs.
    pub time_locked_coinbase: bool,
    /// Whether coinbases of blocks that the node makes by itself end their script with OP_0 also above height 16, where
    /// the height alone is long enough.
    pub extra_nonce_when_generating: bool,
    /// Whether coinbases of templates do.
    pub extra_nonce_in_templates: bool,
    /// Reason given when a script keeps a transaction out of the mempool.
    pub pool_script_reason: &'static str,
    /// Reason given when a script makes a block invalid.
    pub block_script_reason: &'static str,
    /// Whether a fee rate is 12 bytes on the wire (fee and size) or 8 (fee per 1000 vB).
    pub fee_rate_with_size: bool,
}
