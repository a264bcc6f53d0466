//! What the operator hears: the callbacks of `Node`.

use bitcoin::hashes::Hash;
use bitcoin_grpc_contract::Inner;
use bitcoin_grpc_contract::transfer::ContextWriter;
use bitcoin_grpc_contract::wire::common_capnp::bilingual_str;
use bitcoin_grpc_contract::wire::node_capnp::{
    self as wire, block_tip, notify_block_tip_callback as tip,
};
use capnp::any_pointer;

use super::chain::only_context;
use super::{Callback, Caller, Trouble};
use crate::events::TipNews;
use crate::socket::handler::{Message, Signal};

type Written = Result<(), capnp::Error>;
type To<'a> = any_pointer::Builder<'a>;

/// States of synchronization on the wire (`interfaces/types.h`, SynchronizationState).
const INIT_DOWNLOAD: i32 = 1;
const POST_INIT: i32 = 2;

impl Callback {
    /// Tells a signal, and gives the answer where there is one.
    pub(in crate::socket) async fn signal(
        &self,
        caller: &Caller,
        signal: &Signal,
    ) -> Result<Option<bool>, Trouble> {
        let captions = self.connection.rules.captions;
        let (method, params): (Inner, super::Params<'_>) = match signal {
            Signal::InitMessage(text) => {
                (Inner::InitMessageCallbackCall, &|to, context| init_message(text, to, context))
            }
            Signal::MessageBox(text, style) => {
                return self.message_box(caller, text, *style, captions).await.map(Some);
            }
            Signal::Question(text, else_said, style) => {
                return self.question(caller, text, else_said, *style).await.map(Some);
            }
            Signal::Progress { title, progress, resume_possible } => {
                (Inner::ShowNodeProgressCallbackCall, &|to, context| {
                    show_progress(title, *progress, *resume_possible, to, context)
                })
            }
            Signal::InitWallet => (Inner::InitWalletCallbackCall, &only_context),
            Signal::Connections(count) => {
                (Inner::NotifyNumConnectionsChangedCallbackCall, &|to, context| {
                    connections(*count, to, context)
                })
            }
            Signal::NetworkActive(active) => {
                (Inner::NotifyNetworkActiveChangedCallbackCall, &|to, context| {
                    network_active(*active, to, context)
                })
            }
            Signal::Alert => (Inner::NotifyAlertChangedCallbackCall, &only_context),
            Signal::BannedList => (Inner::BannedListChangedCallbackCall, &only_context),
            Signal::BlockTip(news, progress) => {
                (Inner::NotifyBlockTipCallbackCall, &|to, context| {
                    new_tip(news, news.hash.as_byte_array(), *progress, to, context)
                })
            }
            // Of headers the hash is not told, and what is called progress says whether they are presynced.
            Signal::HeaderTip(news) => (Inner::NotifyHeaderTipCallbackCall, &|to, context| {
                new_tip(news, &[0; 32], 0.0, to, context)
            }),
        };
        self.tell(caller, method, params).await.map(|()| None)
    }

    /// A caption is always empty.
    async fn message_box(
        &self,
        caller: &Caller,
        text: &Message,
        style: u32,
        caption: bool,
    ) -> Result<bool, Trouble> {
        let params: super::Params<'_> = &|to, context| {
            let mut params = to.init_as::<wire::message_box_callback::call_params::Builder<'_>>();
            context(params.reborrow().init_context());
            params.set_style(style);
            message(text, params.init_message());
            Ok(())
        };
        let with_caption: super::Params<'_> = &|to, context| {
            // A question without the second text is a message with a caption.
            let mut params = to.init_as::<wire::question_callback::call_params::Builder<'_>>();
            context(params.reborrow().init_context());
            params.set_style(style);
            params.set_non_interactive_message("");
            message(text, params.init_message());
            Ok(())
        };
        let params = if caption { with_caption } else { params };
        self.call(caller, Inner::MessageBoxCallbackCall, params, |results| {
            let results: wire::message_box_callback::call_results::Reader<'_> = results.get_as()?;
            Ok(results.get_result())
        })
        .await
    }

    /// Generations with captions have one here too; it is always empty, so nothing is said of it.
    async fn question(
        &self,
        caller: &Caller,
        text: &Message,
        else_said: &str,
        style: u32,
    ) -> Result<bool, Trouble> {
        let params: super::Params<'_> = &|to, context| {
            let mut params = to.init_as::<wire::question_callback::call_params::Builder<'_>>();
            context(params.reborrow().init_context());
            params.set_style(style);
            params.set_non_interactive_message(else_said);
            message(text, params.init_message());
            Ok(())
        };
        self.call(caller, Inner::QuestionCallbackCall, params, |results| {
            let results: wire::question_callback::call_results::Reader<'_> = results.get_as()?;
            Ok(results.get_result())
        })
        .await
    }
}

fn message(text: &Message, mut to: bilingual_str::Builder<'_>) {
    to.set_original(text.original.as_str());
    to.set_translated(text.translated.as_str());
}

fn init_message(text: &str, to: To<'_>, context: ContextWriter<'_>) -> Written {
    let mut params = to.init_as::<wire::init_message_callback::call_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_message(text);
    Ok(())
}

fn show_progress(
    title: &str,
    progress: i32,
    resume_possible: bool,
    to: To<'_>,
    context: ContextWriter<'_>,
) -> Written {
    let mut params = to.init_as::<wire::show_node_progress_callback::call_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_title(title);
    params.set_progress(progress);
    params.set_resume_possible(resume_possible);
    Ok(())
}

fn connections(count: i32, to: To<'_>, context: ContextWriter<'_>) -> Written {
    use wire::notify_num_connections_changed_callback::call_params;
    let mut params = to.init_as::<call_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_new_num_connections(count);
    Ok(())
}

fn network_active(active: bool, to: To<'_>, context: ContextWriter<'_>) -> Written {
    use wire::notify_network_active_changed_callback::call_params;
    let mut params = to.init_as::<call_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_network_active(active);
    Ok(())
}

/// Tips of blocks and of headers are told in the same form.
fn new_tip(
    news: &TipNews,
    hash: &[u8; 32],
    progress: f64,
    to: To<'_>,
    context: ContextWriter<'_>,
) -> Written {
    let mut params = to.init_as::<tip::call_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_sync_state(if news.initial_download { INIT_DOWNLOAD } else { POST_INIT });
    params.set_verification_progress(progress);
    let mut tip: block_tip::Builder<'_> = params.init_tip();
    tip.set_block_height(i32::try_from(news.height).unwrap_or(i32::MAX));
    tip.set_block_time(news.time.into());
    tip.set_block_hash(hash);
    Ok(())
}
