use super::*;
use crate::config::options::option;
use crate::config::typed::{Source, Typed};

fn read(flags: &[(&str, &str)]) -> (EmbeddedConfig, Vec<String>) {
    let mut typed = Typed::default();
    for (name, value) in flags {
        typed.give(option(name).unwrap(), Source::Flag, vec![(*value).to_owned()]);
    }
    let mut reader = Reader::new(&typed, Vec::new());
    let config = embedded(&mut reader);
    (config, reader.faults.iter().map(ToString::to_string).collect())
}

#[test]
fn nothing_typed_is_a_node_for_newcomers() {
    let (config, faults) = read(&[]);
    assert_eq!(faults, [""; 0]);
    assert_eq!((config.profile.name, config.chain.blocks), (PROFILE, BLOCKS));
    assert_eq!(config.node.clock, Clock::System);
    assert_eq!(config.pace, Pace { block: Some(INTERVAL), reorg_depth: 2, ..Pace::default() });
}

#[test]
fn rates_and_times_become_distances() {
    let flags = [("tx-rate", "200"), ("interval", "0s"), ("reorg-every", "1m"), ("seed", "9")];
    let pace = read(&flags).0.pace;
    assert_eq!(pace.transaction, Some(Duration::from_millis(5)));
    assert_eq!((pace.block, pace.reorg), (None, Some(Duration::from_secs(60))));
    assert_eq!(pace.seed, 9);
}

#[test]
fn what_a_node_is_started_with_counts() {
    let (config, faults) = read(&[("node-arg", "-minrelaytxfee=0.00000200")]);
    assert_eq!(faults, [""; 0]);
    assert_eq!(config.node.rules.min_relay_feerate.to_sat_per_kvb(), 200);
    assert_eq!(read(&[("node-arg", "-mocktime=5")]).0.node.clock, Clock::Mock(5));
    assert_eq!(read(&[("mock-time", "7")]).0.node.clock, Clock::Mock(7));
    assert!(read(&[("block-filter-index", "true")]).0.node.filter_index);
}

#[test]
fn every_fault_is_told() {
    let flags = [
        ("tx-rate", "-1"),
        ("interval", "soon"),
        ("reorg-depth", "0"),
        ("mock-time", "-3"),
        ("node-arg", "debug"),
        ("blocks", "1000001"),
        ("socket", ""),
        ("fault", "late=soon"),
    ];
    let faults = read(&flags).1;
    assert_eq!(faults.len(), flags.len(), "{faults:?}");
    for (name, _) in flags {
        assert!(faults.iter().any(|fault| fault.starts_with(&format!("--{name}"))), "{name}");
    }
}
