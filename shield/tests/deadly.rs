//! What is known to end nodes, against every generation.

use bitcoin_grpc_shield::{deadly, end};

/// Worlds until every generation had its turn.
const WORLDS: usize = 9;

#[test]
fn everything_that_ends_nodes_is_refused() {
    for _ in 0..WORLDS {
        let refused = deadly();
        assert!(refused.requests > 250, "{}", refused.requests);
        assert!(refused.others.is_empty(), "{:#?}", refused.others);
    }
    end();
}
