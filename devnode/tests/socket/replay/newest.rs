//! Bitcoin Core of August 2026: Echo, Mining, BlockTemplate and Rpc of run `base`.

use bitcoin_grpc_devnode::clock::Clock;

use super::february::{lines, recorded_node};
use super::run::Replay;
use crate::client::{Client, with_node};

const LABEL: &str = "core-32";

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
        replay.finish(240);
    });
    assert_eq!(deaths.count(), 0, "{:?}", deaths.causes());
}
