//! Methods that only older generations have, and that the contract leaves out.
//!
//! The schema has no types for them. Their parameters and results are read and written with the types of methods that
//! have the same layout, which are named where they are used.

use std::rc::Rc;
use std::time::Duration;

use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Txid};
use bitcoin_grpc_contract::Service;
use bitcoin_grpc_contract::wire::chain_capnp::chain as wire;
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook, Params, Results};

use super::answer::Fault;
use super::callback::{Callback, Caller, NodeThread};
use super::connection::Connection;
use super::init;
use super::object::{Kind, Object};
use crate::miner::witness_commitment_place;
use crate::settings::{Json, SettingsAction};
use crate::wire::encode_locator;

/// Functions that may wait to be run later.
const MAX_LATER: usize = 1_000;

/// Type id of `RunLaterCallback`.
const RUN_LATER: u64 = 0xb90d_3269_1d40_bce8;

/// Its methods.
const RUN_LATER_DESTROY: u16 = 0;
const RUN_LATER_CALL: u16 = 1;

/// A method that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Legacy {
    TipLocator,
    ActiveChainLocator,
    RunLater,
    RemoveFromMempool,
    UpdateRwSetting,
    TipHash,
    CoinbaseTx,
    CoinbaseCommitment,
    WitnessCommitmentIndex,
    /// Sets or takes away the timers of JSON-RPC, which are always there.
    Timers,
}

type Table = &'static [(Service, u16, Legacy)];

const JULY_2024: Table = &[
    (Service::Chain, 4, Legacy::TipLocator),
    (Service::Chain, 5, Legacy::ActiveChainLocator),
    (Service::Chain, 44, Legacy::RunLater),
    (Service::Chain, 48, Legacy::UpdateRwSetting),
    (Service::Mining, 4, Legacy::TipHash),
    (Service::Node, 42, Legacy::Timers),
    (Service::Node, 43, Legacy::Timers),
];

const MAY_2025: Table = &[
    (Service::Chain, 4, Legacy::TipLocator),
    (Service::Chain, 5, Legacy::ActiveChainLocator),
    (Service::Chain, 45, Legacy::RunLater),
    (Service::Chain, 54, Legacy::RemoveFromMempool),
    (Service::BlockTemplate, 5, Legacy::CoinbaseTx),
    (Service::BlockTemplate, 6, Legacy::CoinbaseCommitment),
    (Service::BlockTemplate, 7, Legacy::WitnessCommitmentIndex),
];

/// The method at a place on the wire that is no more, if it is one.
pub(super) fn find(profile: &str, interface_id: u64, ordinal: u16) -> Option<Legacy> {
    let table = match profile {
        "pr10102-2024-07" => JULY_2024,
        "pr29409-2025-05" => MAY_2025,
        _ => return None,
    };
    let found = table
        .iter()
        .find(|(service, place, _)| service.interface_id() == interface_id && *place == ordinal);
    found.map(|(_, _, legacy)| *legacy)
}

/// A function that a client wants to be called later.
pub(super) struct Later {
    callback: Rc<Callback>,
    timer: tokio::task::AbortHandle,
}

impl Drop for Later {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

impl Object {
    /// Answers such a method.
    pub(super) async fn legacy(
        &self,
        method: Legacy,
        params: &Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> Result<(), Fault> {
        self.check_alive()?;
        let serving = self.connection.enter_named(init::context_of(params)?).await?;
        let shared = &self.connection.shared;
        let out = results.get();
        match method {
            Legacy::TipLocator => {
                let node = shared.node();
                put_data(out, &encode_locator(&node.index().locator(node.index().tip())));
            }
            Legacy::ActiveChainLocator => {
                let hash = BlockHash::from_byte_array(self.hash(params)?);
                let node = shared.node();
                let locator = node.find_block(&hash).map(|block| block.locator());
                put_data(out, &encode_locator(&locator.unwrap_or_default()));
            }
            Legacy::RemoveFromMempool => {
                let txid = Txid::from_byte_array(self.hash(params)?);
                put_flag(out, shared.change(|node| node.remove_transaction(&txid)));
            }
            Legacy::TipHash => {
                put_data(out, shared.node().tip().hash().as_byte_array());
            }
            Legacy::UpdateRwSetting => put_flag(out, self.update_rw_setting(params)?),
            Legacy::Timers => {}
            Legacy::RunLater => self.run_later(params, &serving.caller).await?,
            Legacy::CoinbaseTx | Legacy::CoinbaseCommitment | Legacy::WitnessCommitmentIndex => {
                self.coinbase(method, out)?;
            }
        }
        shared.tell_signals(&serving.caller).await
    }

    /// The hash behind the context, as where `isInMempool` has its own. None at all means zeros.
    fn hash(&self, params: &Params<any_pointer::Owned>) -> Result<[u8; 32], Fault> {
        let params = params.get().map_err(Fault::Malformed)?;
        let params: wire::is_in_mempool_params::Reader<'_> =
            params.get_as().map_err(Fault::Malformed)?;
        if !params.has_txid() {
            return Ok([0; 32]);
        }
        let bytes = params.get_txid().map_err(Fault::Malformed)?;
        bytes.first_chunk().copied().ok_or_else(|| self.end_of_data("a hash of less than 32 bytes"))
    }

    /// Name and value stand where `overwriteRwSetting` has them; a bit is in the place of its action.
    fn update_rw_setting(&self, params: &Params<any_pointer::Owned>) -> Result<bool, Fault> {
        let params = params.get().map_err(Fault::Malformed)?;
        let params: wire::overwrite_rw_setting_params::Reader<'_> =
            params.get_as().map_err(Fault::Malformed)?;
        let text = |text: Result<capnp::text::Reader<'_>, capnp::Error>| {
            let text = text.map_err(Fault::Malformed)?;
            text.to_string().map_err(|error| Fault::Malformed(error.into()))
        };
        let (name, value) = (text(params.get_name())?, text(params.get_value())?);
        let write = params.get_action() & 1 == 1;
        let action = if write { SettingsAction::Write } else { SettingsAction::SkipWrite };
        let change = |node: &mut crate::Node| {
            node.settings_mut().update_rw(&name, Json::parse(&value), Some(action))
        };
        Ok(self.connection.shared.change(change))
    }

    fn coinbase(&self, method: Legacy, out: any_pointer::Builder<'_>) -> Result<(), Fault> {
        let Kind::Template(template) = &self.kind else { return Err(Fault::Unimplemented) };
        let block = template.block.borrow();
        let Some(coinbase) = block.txdata.first() else { return Err(Fault::Unimplemented) };
        let place = witness_commitment_place(coinbase);
        match method {
            Legacy::CoinbaseTx => put_data(out, &bitcoin::consensus::serialize(coinbase)),
            Legacy::CoinbaseCommitment => {
                let script = place.map(|place| coinbase.output[place].script_pubkey.to_bytes());
                put_data(out, &script.unwrap_or_default());
            }
            // As `estimateMaxBlocks` has its number.
            _ => out
                .init_as::<wire::estimate_max_blocks_results::Builder<'_>>()
                .set_result(place.map_or(u32::MAX, |place| place as u32)),
        }
        Ok(())
    }

    /// Runs a function of the client later, on the thread of JSON-RPC's event loop. Another one of the same name takes
    /// the place of the first, which hears of it.
    async fn run_later(
        &self,
        params: &Params<any_pointer::Owned>,
        caller: &Caller,
    ) -> Result<(), Fault> {
        let (name, client, seconds) = later(params).map_err(Fault::Malformed)?;
        let callback = Rc::new(Callback::new(Rc::clone(&self.connection), client));
        let shared = &self.connection.shared;
        let before = shared.later.borrow_mut().remove(&name);
        // A real node that died of it would not know it any more.
        if let Some(before) = before.filter(|before| !before.callback.connection.is_dead()) {
            let told = before.callback.tell_at(caller, RUN_LATER, RUN_LATER_DESTROY).await;
            told.map_err(|trouble| self.connection.callback_failed(&trouble))?;
        }
        if shared.later.borrow().len() >= MAX_LATER {
            return Err(Fault::Malformed(capnp::Error::overloaded("too many timers".to_owned())));
        }
        let delay = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let run = run(Rc::clone(&self.connection), Rc::clone(&callback), delay);
        let timer = tokio::task::spawn_local(run).abort_handle();
        shared.later.borrow_mut().insert(name, Later { callback, timer });
        Ok(())
    }
}

/// Name, function and delay stand where `updateRwSetting` and `broadcastTransaction` have text, object and number.
fn later(
    params: &Params<any_pointer::Owned>,
) -> Result<(String, Option<Client>, i64), capnp::Error> {
    let params = params.get()?;
    let named: wire::update_rw_setting_params::Reader<'_> = params.get_as()?;
    let client = named.has_update().then(|| named.get_update()).transpose()?;
    let client = client.map(|client| Client::new(client.into_client_hook()));
    let numbered: wire::broadcast_transaction_params::Reader<'_> = params.get_as()?;
    Ok((named.get_name()?.to_string()?, client, numbered.get_max_tx_fee()))
}

/// What was run is not forgotten: it hears of the next of its name all the same.
async fn run(connection: Rc<Connection>, callback: Rc<Callback>, delay: Duration) {
    tokio::time::sleep(delay).await;
    let caller = Caller::Node(NodeThread::HttpLoop);
    let told = callback.tell_at(&caller, RUN_LATER, RUN_LATER_CALL).await;
    connection.note(told);
}

/// As `getBlockHash` has its hash.
fn put_data(out: any_pointer::Builder<'_>, data: &[u8]) {
    out.init_as::<wire::get_block_hash_results::Builder<'_>>().set_result(data);
}

/// As `isInMempool` has its answer.
fn put_flag(out: any_pointer::Builder<'_>, flag: bool) {
    out.init_as::<wire::is_in_mempool_results::Builder<'_>>().set_result(flag);
}
