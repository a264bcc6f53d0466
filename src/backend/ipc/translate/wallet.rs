//! Wallet calls that are refused, or preceded by a harmless look.
//!
//! Whatever the wallet does not expect ends the wallet's process, and the node with it. Between the
//! look and the call somebody else may change the wallet; transactions are hardly ever taken out of
//! one, and nothing else that is looked at here goes away.

mod anchors;

use bitcoin::consensus::encode::deserialize;
use bitcoin::{Amount, Script, Transaction};
use bitcoin_grpc_contract::{Request, v1};
use bytes::Bytes;

use super::super::link::Caller;
use super::guard::{fee_rate, invalid};
use crate::error::CallError;

/// The wallet that a call is for, and what looks at it.
#[derive(Clone, Copy)]
struct Look<'a> {
    caller: Caller<'a>,
    wallet: &'a str,
}

const UNKNOWN: &str = "the wallet does not know the transaction, and the node would abort";
const NO_OUTPUT: &str = "the transaction has no such output, and the node would abort";
const FOREIGN: &str =
    "an input spends a transaction that the wallet does not know, and the node would abort";
const KNOWN: &str = "the wallet has the transaction already, and the node would abort";
const NO_KEYS: &str = "a wallet without private keys cannot be encrypted, and the node would abort";
const ANCHOR: &str = "the transaction has a pay-to-anchor output, on which the node would abort";
const DEVICE: &str = "a signing device that is missing or fails would end the node";

/// Refuses what would end the wallet's process. `caller` is for the wallet.
pub(super) async fn check(
    caller: Caller<'_>,
    wallet: &str,
    request: &Request,
) -> Result<(), CallError> {
    let look = Look { caller, wallet };
    let why = match request {
        Request::WalletAbandonTransaction(q) => {
            look.tx(&q.txid).await?.is_none().then_some(UNKNOWN)
        }
        Request::WalletGetCoins(q) => look.lacks_output(&q.outpoints).await?.then_some(NO_OUTPUT),
        Request::WalletGetCredit(q) => return amount(q.txout.as_ref()),
        Request::WalletCommitTransaction(q) => look.cannot_commit(&q.tx).await?,
        Request::WalletCommitBumpTransaction(q) => look.cannot_commit(&q.tx).await?,
        Request::WalletEncryptWallet(_) => look.has_no_keys().await?.then_some(NO_KEYS),
        Request::WalletGetWalletTx(q) => look.has_anchor(&q.txid).await?.then_some(ANCHOR),
        Request::WalletGetWalletTxDetails(q) => look.has_anchor(&q.txid).await?.then_some(ANCHOR),
        Request::WalletGetWalletTxs(_) => anchors::in_transactions(look).await?,
        Request::WalletGetAddresses(_) => anchors::in_addresses(look).await?,
        Request::WalletDisplayAddress(_) | Request::WalletSignBumpTransaction(_) => {
            look.may_ask_device().await?.then_some(DEVICE)
        }
        Request::WalletFillPsbt(q) if q.sign => look.may_ask_device().await?.then_some(DEVICE),
        Request::WalletCreateTransaction(q) => {
            rate(q.coin_control.as_ref())?;
            (q.sign && look.may_ask_device().await?).then_some(DEVICE)
        }
        Request::WalletCreateBumpTransaction(q) => return rate(q.coin_control.as_ref()),
        Request::WalletGetMinimumFee(q) => return rate(q.coin_control.as_ref()),
        Request::WalletGetAvailableBalance(q) => return rate(q.coin_control.as_ref()),
        _ => None,
    };
    let method = request.method();
    why.map_or(Ok(()), |why| Err(CallError::Refused { method, why }))
}

fn amount(output: Option<&v1::TxOut>) -> Result<(), CallError> {
    let amount = output.map_or(0, |output| output.value_sat);
    let most = Amount::MAX_MONEY.to_sat().cast_signed();
    match (0..=most).contains(&amount) {
        true => Ok(()),
        false => {
            Err(invalid("txout.value_sat", format!("is {amount}; it must be from 0 to {most}")))
        }
    }
}

fn rate(control: Option<&v1::CoinControl>) -> Result<(), CallError> {
    fee_rate("coin_control.feerate", control.and_then(|control| control.feerate.as_ref()))
}

impl Look<'_> {
    /// A transaction of the wallet.
    async fn tx(&self, txid: &Bytes) -> Result<Option<Transaction>, CallError> {
        let question =
            v1::WalletGetTxRequest { wallet: self.wallet.to_owned(), txid: txid.clone() };
        let tx = self.caller.ask_as(question).await?.tx;
        let unreadable = |error| CallError::BadReply(format!("a transaction: {error}"));
        tx.map(|tx| deserialize(&tx).map_err(unreadable)).transpose()
    }

    /// Whether one of the outpoints names an output that a transaction of the wallet has not got.
    /// Those of unknown transactions are harmless.
    async fn lacks_output(&self, outpoints: &[v1::OutPoint]) -> Result<bool, CallError> {
        let mut last: Option<(&Bytes, Option<usize>)> = None;
        for outpoint in outpoints {
            let outputs = match last {
                Some((txid, outputs)) if *txid == outpoint.txid => outputs,
                _ => self.tx(&outpoint.txid).await?.map(|tx| tx.output.len()),
            };
            if outputs.is_some_and(|outputs| outpoint.vout as usize >= outputs) {
                return Ok(true);
            }
            last = Some((&outpoint.txid, outputs));
        }
        Ok(false)
    }

    /// Why the wallet cannot store a transaction of its own, if it cannot.
    async fn cannot_commit(&self, tx: &Bytes) -> Result<Option<&'static str>, CallError> {
        let tx: Transaction = deserialize(tx)
            .map_err(|error| invalid("tx", format!("is not a transaction: {error}")))?;
        if self.tx(&id(tx.compute_txid())).await?.is_some() {
            return Ok(Some(KNOWN));
        }
        for input in &tx.input {
            if self.tx(&id(input.previous_output.txid)).await?.is_none() {
                return Ok(Some(FOREIGN));
            }
        }
        Ok(None)
    }

    async fn has_no_keys(&self) -> Result<bool, CallError> {
        let wallet = self.wallet.to_owned();
        let question = v1::WalletPrivateKeysDisabledRequest { wallet };
        Ok(self.caller.ask_as(question).await?.private_keys_disabled)
    }

    /// Whether a transaction has an output for which older generations have no form.
    async fn has_anchor(&self, txid: &Bytes) -> Result<bool, CallError> {
        if !self.caller.link.profile.exceptions_kill {
            return Ok(false);
        }
        let anchor = |script: &Script| script.as_bytes() == PAY_TO_ANCHOR;
        let tx = self.tx(txid).await?;
        Ok(tx.is_some_and(|tx| tx.output.iter().any(|output| anchor(&output.script_pubkey))))
    }

    async fn may_ask_device(&self) -> Result<bool, CallError> {
        if !self.caller.link.profile.exceptions_kill {
            return Ok(false);
        }
        let wallet = self.wallet.to_owned();
        let question = v1::WalletHasExternalSignerRequest { wallet };
        Ok(self.caller.ask_as(question).await?.has_external_signer)
    }
}

/// OP_1 and the two bytes of BIP 433.
const PAY_TO_ANCHOR: [u8; 4] = [0x51, 0x02, 0x4e, 0x73];

fn id(txid: bitcoin::Txid) -> Bytes {
    Bytes::copy_from_slice(bitcoin::hashes::Hash::as_byte_array(&txid))
}
