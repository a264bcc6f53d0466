//! What clients hear about chain and mempool: `ChainNotifications`.

use bitcoin::Transaction;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin_grpc_contract::Inner;
use bitcoin_grpc_contract::transfer::ContextWriter;
use bitcoin_grpc_contract::wire::chain_capnp::{block_info, chain_notifications as wire};
use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::variants_capnp as older;
use capnp::any_pointer;

use super::{Callback, Caller, Trouble};
use crate::events::{BlockNews, Event};
use crate::wire::encode_locator;

type Written = Result<(), capnp::Error>;

/// Parameters that are a context and nothing else.
pub(in crate::socket) fn only_context(
    params: any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Written {
    let params = params.init_as::<init::make_echo_params::Builder<'_>>();
    context(params.init_context());
    Ok(())
}

impl Callback {
    /// Tells an event. Those that are none of this interface are not told.
    pub(in crate::socket) async fn notify(
        &self,
        caller: &Caller,
        event: &Event,
    ) -> Result<(), Trouble> {
        let numbered = self.connection.rules.numbered_roles;
        match event {
            Event::TransactionAdded(tx) => self.transaction_added(caller, tx).await,
            Event::TransactionRemoved(tx, reason) => {
                let method = Inner::ChainNotificationsTransactionRemovedFromMempool;
                self.tell(caller, method, &|to, context| removed(tx, reason.number(), to, context))
                    .await
            }
            Event::BlockConnected(news) => {
                let method = Inner::ChainNotificationsBlockConnected;
                self.tell(caller, method, &|to, context| connected(news, numbered, to, context))
                    .await
            }
            Event::BlockDisconnected(news) => {
                let method = Inner::ChainNotificationsBlockDisconnected;
                self.tell(caller, method, &|to, context| disconnected(news, to, context)).await
            }
            Event::TipUpdated(_) => {
                self.tell(caller, Inner::ChainNotificationsUpdatedBlockTip, &only_context).await
            }
            Event::ChainStateFlushed(locator) => {
                let (method, locator) =
                    (Inner::ChainNotificationsChainStateFlushed, encode_locator(locator));
                self.tell(caller, method, &|to, context| flushed(&locator, numbered, to, context))
                    .await
            }
            _ => Ok(()),
        }
    }

    /// Tells of a transaction that came into the mempool, or is there.
    pub(in crate::socket) async fn transaction_added(
        &self,
        caller: &Caller,
        tx: &Transaction,
    ) -> Result<(), Trouble> {
        let method = Inner::ChainNotificationsTransactionAddedToMempool;
        self.tell(caller, method, &|to, context| added(tx, to, context)).await
    }
}

fn added(tx: &Transaction, to: any_pointer::Builder<'_>, context: ContextWriter<'_>) -> Written {
    let mut params = to.init_as::<wire::transaction_added_to_mempool_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_tx(&serialize(tx));
    Ok(())
}

fn removed(
    tx: &Transaction,
    reason: i32,
    to: any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Written {
    let mut params = to.init_as::<wire::transaction_removed_from_mempool_params::Builder<'_>>();
    context(params.reborrow().init_context());
    params.set_tx(&serialize(tx));
    params.set_reason(reason);
    Ok(())
}

/// Older generations have a number for the role of the chain state, which is 0 for the only one there is.
fn connected(
    news: &BlockNews,
    numbered_role: bool,
    to: any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Written {
    if numbered_role {
        type Older<'a> =
            older::chain_notifications_block_connected_params_pr10102_at202407::Builder<'a>;
        let mut params = to.init_as::<Older<'_>>();
        context(params.reborrow().init_context());
        block(news, params.init_block());
    } else {
        let mut params = to.init_as::<wire::block_connected_params::Builder<'_>>();
        context(params.reborrow().init_context());
        params.reborrow().init_role().set_validated(true);
        block(news, params.init_block());
    }
    Ok(())
}

fn disconnected(
    news: &BlockNews,
    to: any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Written {
    let mut params = to.init_as::<wire::block_disconnected_params::Builder<'_>>();
    context(params.reborrow().init_context());
    block(news, params.init_block());
    Ok(())
}

fn flushed(
    locator: &[u8],
    numbered_role: bool,
    to: any_pointer::Builder<'_>,
    context: ContextWriter<'_>,
) -> Written {
    if numbered_role {
        type Older<'a> =
            older::chain_notifications_chain_state_flushed_params_pr10102_at202407::Builder<'a>;
        let mut params = to.init_as::<Older<'_>>();
        context(params.reborrow().init_context());
        params.set_locator(locator);
    } else {
        let mut params = to.init_as::<wire::chain_state_flushed_params::Builder<'_>>();
        context(params.reborrow().init_context());
        params.reborrow().init_role().set_validated(true);
        params.set_locator(locator);
    }
    Ok(())
}

fn block(news: &BlockNews, mut info: block_info::Builder<'_>) {
    info.set_hash(news.hash.as_byte_array());
    info.set_prev_hash(news.prev_hash.as_byte_array());
    info.set_height(i32::try_from(news.height).unwrap_or(i32::MAX));
    info.set_file_number(0);
    info.set_data_pos(u32::try_from(news.data_position).unwrap_or(u32::MAX));
    info.set_data(&serialize(news.block.as_ref()));
    info.set_chain_time_max(news.max_time);
}
