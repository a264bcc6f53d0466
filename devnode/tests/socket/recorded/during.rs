//! What the recorder did while a call was waiting.

use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_devnode::clock::Clock;
use serde_json::{Value, json};

use crate::client::{Object, World};
use crate::facts::FactsClient;

/// Longer than a call takes to begin waiting on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// Done while a call waits.
pub(super) enum Deed {
    Clock(i64),
    Interrupt,
    Stop,
}

/// A call that ends by being interrupted, and one that ends with the node.
const INTERRUPTED: &str = "ended by Mining.interrupt";
const STOPPED: &str = "pending while the node is stopped";

/// Whether a line of the recording is about what happens during the next call.
pub(super) fn is_while(note: &str) -> bool {
    note.starts_with("while")
}

fn says(record: &Value, words: &str) -> bool {
    record["note"].as_str().is_some_and(|note| note.contains(words))
}

/// Whether a recorded call is done during the one that is recorded next.
pub(super) fn is_part_of(record: &Value, next: &Value) -> bool {
    record["method"] == "interrupt" && says(next, INTERRUPTED)
}

/// Whether the client closes its connection after a call, and before something that the call ordered.
pub(super) fn client_leaves_later(record: &Value) -> bool {
    says(record, "the client leaves before the time")
}

/// The recorder let ten minutes pass once, and wrote no line of it.
pub(super) fn unrecorded_clock(label: &str, record: &Value) -> Option<i64> {
    (label == "core-32" && record["seq"] == 208).then_some(1_700_081_637)
}

/// Whether the client closes its connection while a call waits.
pub(super) fn client_leaves(record: &Value) -> bool {
    says(record, "the client closed its socket while the call waited")
}

impl Deed {
    /// What belongs to a call.
    pub(super) fn of(record: &Value, clock: Option<i64>) -> Option<Self> {
        match clock {
            Some(time) => Some(Self::Clock(time)),
            None if says(record, INTERRUPTED) => Some(Self::Interrupt),
            None if says(record, STOPPED) => Some(Self::Stop),
            None => None,
        }
    }

    /// Does it as soon as one more call waits for a change than now.
    pub(super) fn done(
        self,
        client: &FactsClient,
        object: &Object,
        world: &Rc<World>,
    ) -> impl Future<Output = ()> {
        let waiting = world.shared.waiting();
        async move {
            let begun = async {
                while world.shared.waiting() <= waiting {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(LONG, begun).await.expect("a call that waits");
            match self {
                Self::Clock(time) => {
                    world.shared.change(|node| node.set_clock(Clock::Mock(time)));
                }
                Self::Stop => world.shared.change(|node| node.request_shutdown()),
                Self::Interrupt => {
                    let params = json!({});
                    let done = client.call(object, "Mining", "interrupt", &params, &[]).await;
                    done.expect("answered");
                }
            }
        }
    }
}
