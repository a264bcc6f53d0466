//! From a call to what may be sent to a real node, and from its replies to the call's.
//!
//! Most calls are sent as they are. Those that can harm a node, or mislead a caller, are refused,
//! asked another way, or corrected here, each by a short function that names the hazard.
//! `docs/node-safety.md` tells of every method. Requests have passed
//! [`Request::check`](bitcoin_grpc_contract::Request::check) before; nothing here repeats it.

pub(super) mod chain;
mod guard;
mod mining;
mod settings;
pub(super) mod template;
mod wallet;

use std::cell::Cell;
use std::rc::Rc;

use bitcoin_grpc_contract::{Reply, Request, Service, Violation, mask};
use tokio::time::Instant;

use super::held::Holdings;
use super::leases::Seat;
use super::link::Caller;
use super::wallets::{self, Wallets};
use crate::error::CallError;

/// Refuses what would harm the node.
pub(super) async fn check(caller: Caller<'_>, request: &Request) -> Result<(), CallError> {
    guard::check(caller, request).await
}

/// Holds a setting's new value to what the node can read.
pub(super) fn setting_value(name: &str, json: &str) -> Result<(), Vec<Violation>> {
    settings::violation(name, json).map_or(Ok(()), |violation| Err(vec![violation]))
}

/// What is known of who waits for a call.
#[derive(Clone, Copy)]
pub(super) struct Waiter<'a> {
    /// When it stops waiting.
    pub(super) deadline: Option<Instant>,
    /// Whether it has left.
    pub(super) left: &'a Cell<bool>,
    /// Its place for an object that the call may return.
    pub(super) seat: &'a Cell<Option<Seat>>,
    /// Where such objects are kept.
    pub(super) holdings: Option<&'a Holdings>,
    /// The wallets that were looked up lately.
    pub(super) wallets: &'a Rc<Wallets>,
}

impl Waiter<'_> {
    fn is_gone(self) -> bool {
        self.left.get() || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// Answers a call.
pub(super) async fn answer(
    caller: Caller<'_>,
    request: Request,
    waiter: Waiter<'_>,
) -> Result<Reply, CallError> {
    guard::check(caller, &request).await?;
    let _turn = caller.link.apart.turn(caller.link.profile, &request).await?;
    if request.method().info().service == Service::Wallet {
        return on_wallet(caller, &request, waiter).await;
    }
    if let Some(life) = caller.link.life.get() {
        match &request {
            Request::NodeBaseInitialize(q) => return life.base_initialize(caller, q).await,
            Request::NodeAppInitMain(_) => return life.app_init_main(caller).await,
            Request::NodeAppShutdown(_) => return life.app_shutdown().await,
            _ => {}
        }
    }
    match request {
        Request::ChainGetBlockHash(q) => {
            chain::get_block_hash(caller, q).await.map(Reply::ChainGetBlockHash)
        }
        Request::ChainGetTransactionAncestry(q) => {
            chain::get_transaction_ancestry(caller, q).await.map(Reply::ChainGetTransactionAncestry)
        }
        Request::MiningCreateNewBlock(q) => template::create(caller, q, waiter).await,
        Request::MiningGetTransactionsByTxId(q) => {
            mining::by_txid(caller, q, waiter).await.map(Reply::MiningGetTransactionsByTxId)
        }
        Request::MiningGetTransactionsByWitnessId(q) => {
            mining::by_wtxid(caller, q, waiter).await.map(Reply::MiningGetTransactionsByWitnessId)
        }
        request => {
            let mut reply = wallets::ask(caller, &request).await?;
            mask(&request, &mut reply);
            Ok(reply)
        }
    }
}

/// Answers a call on a wallet.
async fn on_wallet(
    caller: Caller<'_>,
    request: &Request,
    waiter: Waiter<'_>,
) -> Result<Reply, CallError> {
    let name = request.key().unwrap_or_default();
    let held = waiter.wallets.find(caller, name).await?;
    let caller = caller.with(held.client());
    wallet::check(caller, name, request).await?;
    caller.ask(request).await
}
