//! Bitcoin Core of August 2026: Echo, Mining, BlockTemplate and Rpc of run `base`.

use super::february::{lines, recorded_node};
use super::run::Replay;
use crate::client::{Client, with_node};

const LABEL: &str = "core-32";

#[test]
fn everything_of_august_2026() {
    let deaths = with_node(LABEL, recorded_node(LABEL, LABEL), async |client: Client| {
        let mut replay = Replay::new(client);
        for record in lines(LABEL, &["base"]) {
            replay.line(&record).await;
        }
        replay.finish(240);
    });
    assert_eq!(deaths.count(), 0, "{:?}", deaths.causes());
}
