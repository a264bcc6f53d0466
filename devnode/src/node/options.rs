//! How a node is set up.

use crate::clock::Clock;
use crate::feerate::FeeRate;
use crate::generation::{Generation, Rules};
use crate::mempool::ChainLimits;
use crate::settings::{Json, Settings};

/// What a node is made with.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The generation to play.
    pub generation: Generation,
    /// Its rules, perhaps with other fee rates.
    pub rules: Rules,
    /// Limits on chains of waiting transactions.
    pub limits: ChainLimits,
    /// The clock.
    pub clock: Clock,
    /// Whether block filters are kept.
    pub filter_index: bool,
    /// Settings that readers see.
    pub settings: Settings,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self::for_generation(Generation::default())
    }
}

impl NodeOptions {
    /// The defaults of a generation, with block filters, on a mock clock.
    pub fn for_generation(generation: Generation) -> Self {
        Self {
            generation,
            rules: generation.rules(),
            limits: ChainLimits::default(),
            clock: Clock::default(),
            filter_index: true,
            settings: Settings::default(),
        }
    }

    /// What a real node makes of these settings. Understood are `blockfilterindex`, `mocktime`, `minrelaytxfee`,
    /// `incrementalrelayfee`, `dustrelayfee`, `blockmintxfee` and the `limit...` options; all others are only shown to
    /// readers. The clock is a mock clock also without `mocktime`.
    pub fn from_settings(generation: Generation, settings: Settings) -> Self {
        let mut options = Self::for_generation(generation);
        options.filter_index =
            text(&settings, "blockfilterindex").is_some_and(|value| value != "0");
        if let Some(time) = number(&settings, "mocktime") {
            options.clock = Clock::Mock(time);
        }
        options.set_feerates(&settings);
        options.set_limits(&settings);
        options.settings = settings;
        options
    }

    /// Whether the JSON-RPC server is to run.
    pub(super) fn serves_rpc(&self) -> bool {
        let server = self.settings.get("server");
        !server.is_false() && !matches!(server.as_str(), "\"0\"" | "0")
    }

    fn set_feerates(&mut self, settings: &Settings) {
        let rules = &mut self.rules;
        let min_relay = feerate(settings, "minrelaytxfee");
        if let Some(rate) = feerate(settings, "incrementalrelayfee") {
            rules.incremental_relay_feerate = rate;
            rules.min_relay_feerate = rules.min_relay_feerate.max(rate);
        }
        for (name, slot) in [
            ("dustrelayfee", &mut rules.dust_relay_feerate),
            ("blockmintxfee", &mut rules.block_min_feerate),
        ] {
            *slot = feerate(settings, name).unwrap_or(*slot);
        }
        rules.min_relay_feerate = min_relay.unwrap_or(rules.min_relay_feerate);
    }

    fn set_limits(&mut self, settings: &Settings) {
        let limits = &mut self.limits;
        for (name, unit, slot) in [
            ("limitancestorcount", 1, &mut limits.ancestors),
            ("limitancestorsize", 1000, &mut limits.ancestor_vsize),
            ("limitdescendantcount", 1, &mut limits.descendants),
            ("limitdescendantsize", 1000, &mut limits.descendant_vsize),
            ("limitclustercount", 1, &mut limits.cluster),
            ("limitclustersize", 1000, &mut limits.cluster_vsize),
        ] {
            if let Some(value) = number(settings, name).and_then(|value| u64::try_from(value).ok())
            {
                *slot = value.saturating_mul(unit);
            }
        }
    }
}

/// The text of a setting, quotes removed.
fn text(settings: &Settings, name: &str) -> Option<String> {
    let value = settings.get(name);
    let is_set = !value.is_null() && value != Json::boolean(false);
    is_set.then(|| value.as_str().trim_matches('"').to_owned())
}

fn number(settings: &Settings, name: &str) -> Option<i64> {
    text(settings, name)?.parse().ok()
}

/// An amount in BTC per 1000 virtual bytes.
fn feerate(settings: &Settings, name: &str) -> Option<FeeRate> {
    let text = text(settings, name)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let sat = format!("{whole}{fraction:0<8}");
    (fraction.len() <= 8).then_some(sat)?.parse().ok().map(FeeRate::from_sat_per_kvb)
}
