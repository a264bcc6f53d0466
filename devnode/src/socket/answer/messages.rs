//! Messages to the operator, in `Chain`. Only handlers of `Node` see them: the devnode has neither log nor screen.

use bitcoin_grpc_contract::{Reply, Request, v1};

use crate::socket::Shared;
use crate::socket::handler::{Message, Signal};

/// Style of a warning: an icon, one button, and everything waits (`node/interface_ui.h`, MSG_WARNING).
const WARNING: u32 = 0x1000_0401;

/// Style of an error (MSG_ERROR).
const ERROR: u32 = 0x1000_0402;

pub(super) fn answer(shared: &Shared, request: &Request) -> Option<Reply> {
    let (signal, reply) = match request {
        Request::ChainInitMessage(q) => (
            Signal::InitMessage(q.message.clone()),
            Reply::ChainInitMessage(v1::ChainInitMessageResponse {}),
        ),
        Request::ChainInitWarning(q) => (
            Signal::MessageBox(message(q.message.as_ref()), WARNING),
            Reply::ChainInitWarning(v1::ChainInitWarningResponse {}),
        ),
        Request::ChainInitError(q) => (
            Signal::MessageBox(message(q.message.as_ref()), ERROR),
            Reply::ChainInitError(v1::ChainInitErrorResponse {}),
        ),
        Request::ChainShowProgress(q) => (
            Signal::Progress {
                title: q.title.clone(),
                progress: q.progress,
                resume_possible: q.resume_possible,
            },
            Reply::ChainShowProgress(v1::ChainShowProgressResponse {}),
        ),
        _ => return None,
    };
    shared.signals.push(signal);
    Some(reply)
}

fn message(text: Option<&v1::BilingualString>) -> Message {
    let text = text.cloned().unwrap_or_default();
    Message { original: text.original, translated: text.translated }
}
