//! A subscriber that speaks to the node itself: what a C++ or Rust program does that needs no proxy.

use std::cell::RefCell;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::chain_capnp::{chain, chain_notifications as wire};
use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Method, Profile};
use capnp::capability::FromClientHook;
use tokio::task::LocalSet;

use super::book::Book;
use super::publisher::GENERATION;
use super::{orders, tell};
use crate::direct::DirectNode;
use crate::party::runtime;
use crate::plan::Outcome;

/// Takes note of blocks and of nothing else.
struct Listener {
    book: RefCell<Book>,
    heard: RefCell<usize>,
}

impl wire::Server for Listener {
    async fn block_connected(
        self: Rc<Self>,
        params: wire::BlockConnectedParams,
        _: wire::BlockConnectedResults,
    ) -> Result<(), capnp::Error> {
        // A subscriber has the block only when it has its bytes.
        let data = params.get()?.get_block()?.get_data()?.to_vec();
        let number = self.heard.replace_with(|heard| *heard + 1);
        let arrival = self.book.borrow_mut().note(number);
        drop(data);
        if let Some(arrival) = arrival {
            let _ = tell(&arrival);
        }
        Ok(())
    }

    async fn updated_block_tip(
        self: Rc<Self>,
        _: wire::UpdatedBlockTipParams,
        _: wire::UpdatedBlockTipResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }

    async fn chain_state_flushed(
        self: Rc<Self>,
        _: wire::ChainStateFlushedParams,
        _: wire::ChainStateFlushedResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }
}

/// Subscribes and listens until the standard input is closed.
pub(crate) fn serve(socket: &str) -> Outcome {
    let profile = Profile::by_name(GENERATION).ok_or("no such generation")?;
    LocalSet::new().block_on(&runtime()?, async {
        let node = DirectNode::connect(socket, profile, Method::ChainGetHeight).await?;
        let chain: chain::Client = node.object().clone().cast_to();
        let listener = Listener { book: RefCell::new(Book::new(1)), heard: RefCell::default() };
        let mut request = chain.handle_notifications_request();
        let mut params = request.get();
        params.reborrow().init_context().set_thread(thread::Client::clone(node.thread()));
        params.set_notifications(capnp_rpc::new_client(listener));
        let reply = request.send().promise.await?;
        let _handler = reply.get()?.get_result()?;
        tell(&serde_json::json!({ "ready": 1 }))?;
        let mut orders = orders();
        while orders.recv().await.is_some() {}
        Ok(())
    })
}
