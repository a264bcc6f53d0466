//! A node that knows nothing until its client tells it: what it answers before it runs, and how it ends.
//!
//! It is what `bitcoin-node -ipcfd N` is. Out of its order, a call ends a real node.

use std::cell::Cell;

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::answer::Fault;
use super::handler::{Message, Signal};
use super::shared::Shared;

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has no settings.
    Empty,
    /// It has settings.
    Initialized,
    /// It runs.
    Running,
    /// It was told the last thing.
    Over,
}

/// The life of a node that a client leads; of others there is nothing to say.
#[derive(Debug, Default)]
pub(super) struct Led(Cell<Option<Stage>>);

impl Led {
    /// From now on the node is led, and knows nothing.
    pub(super) fn begin(&self) {
        self.0.set(Some(Stage::Empty));
    }

    /// Whether a node that was told to stop may end.
    pub(super) fn may_end(&self) -> bool {
        matches!(self.0.get(), None | Some(Stage::Over))
    }

    /// Answers what belongs to such a life; none for what any node answers.
    pub(super) fn answer(
        &self,
        shared: &Shared,
        request: &Request,
    ) -> Option<Result<Reply, Fault>> {
        let stage = self.0.get()?;
        match (stage, request) {
            (_, Request::EchoEcho(_)) => None,
            (Stage::Empty, Request::NodeBaseInitialize(q)) => {
                Some(Ok(Reply::NodeBaseInitialize(self.initialize(shared, q))))
            }
            (Stage::Initialized, Request::NodeAppInitMain(_)) => {
                Some(Ok(Reply::NodeAppInitMain(self.load(shared))))
            }
            (Stage::Running, Request::NodeAppShutdown(_)) if shared.node().shutdown_requested() => {
                self.0.set(Some(Stage::Over));
                shared.wake();
                Some(Ok(Reply::NodeAppShutdown(v1::NodeAppShutdownResponse {})))
            }
            (Stage::Running, _) => None,
            (stage, _) => {
                Some(Err(Fault::Dies(format!("the node is {stage:?}: this is not its time"))))
            }
        }
    }

    fn initialize(
        &self,
        shared: &Shared,
        request: &v1::NodeBaseInitializeRequest,
    ) -> v1::NodeBaseInitializeResponse {
        let settings = request.global_args.as_ref().and_then(|args| args.settings.as_ref());
        let given = |name: &str| {
            settings.is_some_and(|s| s.command_line_options.iter().any(|o| o.name == name))
        };
        let initialized = !(given("prune") && given("txindex"));
        if initialized {
            self.0.set(Some(Stage::Initialized));
        } else {
            let text = "Prune mode is incompatible with -txindex.".to_owned();
            let message = Message { original: text.clone(), translated: text };
            shared.signals.push(Signal::MessageBox(message, ERROR));
        }
        v1::NodeBaseInitializeResponse { initialized }
    }

    fn load(&self, shared: &Shared) -> v1::NodeAppInitMainResponse {
        for step in ["Loading block index…", "Verifying blocks…", "Done loading"] {
            shared.signals.push(Signal::InitMessage(step.to_owned()));
        }
        self.0.set(Some(Stage::Running));
        let node = shared.node();
        let tip = node.tip();
        let tip_info = Some(v1::BlockAndHeaderTipInfo {
            block_height: i32::try_from(tip.height()).unwrap_or(i32::MAX),
            block_time: tip.time().into(),
            header_height: i32::try_from(tip.height()).unwrap_or(i32::MAX),
            header_time: tip.time().into(),
            verification_progress: 1.0,
        });
        v1::NodeAppInitMainResponse { tip_info, started: true }
    }
}

/// Style of an error (`node/interface_ui.h`, MSG_ERROR).
const ERROR: u32 = 0x1000_0402;
