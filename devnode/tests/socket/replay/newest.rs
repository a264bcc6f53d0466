//! Bitcoin Core of August 2026: Echo, Mining, BlockTemplate and Rpc of run `base`.

use bitcoin_grpc_devnode::clock::Clock;

use super::february::{lines, recorded_node};
use super::run::Replay;
use crate::client::{Client, with_node};

const LABEL: &str = "core-32";

/// Calls of the run `edge` that need neither another connection nor the end of the node.
fn is_edge(seq: u64) -> bool {
    matches!(seq, 279..=311 | 316..=322)
}

#[test]
fn everything_of_august_2026() {
    let deaths = with_node(LABEL, recorded_node(LABEL, LABEL), async |client: Client| {
        let mut replay = Replay::new(client);
        for record in lines(LABEL, &["base"]) {
            // The recorder let ten minutes pass here, and wrote no line of it.
            if record["seq"] == 208 {
                replay.shared().change(|node| node.set_clock(Clock::Mock(1_700_081_637)));
            }
            replay.line(&record).await;
        }
        replay.finish(241);
    });
    assert_eq!(deaths.count(), 0, "{:?}", deaths.causes());
}

/// Calls with values that no client should send. Where the recorder gave up waiting, or the node died, other tests look.
#[test]
fn the_edges_of_august_2026() {
    let deaths = with_node(LABEL, recorded_node(LABEL, LABEL), async |client: Client| {
        let mut replay = Replay::new(client);
        replay.keep_a_template().await;
        for record in lines(LABEL, &["edge"]) {
            let seq = record["seq"].as_u64().unwrap();
            let waits = record["error"]["kind"] == "timeout";
            if is_edge(seq) && !waits {
                replay.line(&record).await;
            }
        }
        replay.finish(27);
    });
    assert_eq!(deaths.count(), 0, "{:?}", deaths.causes());
}
