//! What is refused before it is sent.

use bitcoin_grpc_contract::{Request, Violation, v1};

use super::super::link::Caller;
use super::settings;
use crate::error::CallError;

/// Highest fee rate, in satoshi per 1000 vB: all coins there are. Higher ones overflow in the node.
const HIGHEST_FEE_RATE: i64 = 2_100_000_000_000_000;

/// Latest second that the node's clock can show: it counts nanoseconds in 64 bits, and aborts below 0.
const LATEST: i64 = i64::MAX / 1_000_000_000;

const KILLS: &str = "a node that runs already is ended by it";
const INTERRUPT: &str = "the wait that it would end may be another caller's, or the next one; a wait ends when its call is cancelled";
const PRIVATE: &str = "the node does not run with -privatebroadcast, and would keep the transaction for ever without sending it";
const SIGNER: &str = "the node would run its -signer command, and abort if that fails";
const TEST_ONLY: &str = "it is for test networks only";
const RPC_SERVER: &str = "the node's RPC server runs, and the node aborts if a command is added then; start it with -server=0";
const UNSAFE_DEPRECATED: &str =
    "the node's setting deprecatedrpc holds a value that is no text, on which the node would abort";

/// Refuses what would harm the node.
pub(super) async fn check(caller: Caller<'_>, request: &Request) -> Result<(), CallError> {
    let method = request.method();
    let refused = |why| Err(CallError::Refused { method, why });
    match request {
        // A node that is led has its own rules for them.
        Request::NodeBaseInitialize(_)
        | Request::NodeAppInitMain(_)
        | Request::NodeAppShutdown(_)
            if caller.link.life.get().is_none() =>
        {
            refused(KILLS)
        }
        Request::MiningInterrupt(_) => refused(INTERRUPT),
        Request::ChainBroadcastTransaction(q)
            if q.broadcast_method() == v1::BroadcastMethod::PrivateBroadcast =>
        {
            match settings::is_set(caller, "privatebroadcast").await? {
                true => Ok(()),
                false => refused(PRIVATE),
            }
        }
        Request::ChainRpcEnableDeprecated(_) => {
            match settings::are_texts(caller, "deprecatedrpc").await? {
                true => Ok(()),
                false => refused(UNSAFE_DEPRECATED),
            }
        }
        Request::WalletLoaderSetMockTime(q) if q.unix_time > LATEST => {
            Err(invalid("unix_time", format!("must be at most {LATEST}")))
        }
        Request::WalletLoaderSetMockTime(_) | Request::WalletLoaderSchedulerMockForward(_) => {
            match caller.ask_as(v1::MiningIsTestChainRequest::default()).await?.test_chain {
                true => Ok(()),
                false => refused(TEST_ONLY),
            }
        }
        Request::NodeListExternalSigners(_) if caller.link.profile.exceptions_kill => {
            match settings::is_empty(caller, "signer").await? {
                true => Ok(()),
                false => refused(SIGNER),
            }
        }
        Request::ChainCalculateIndividualBumpFees(q) => {
            fee_rate("target_feerate", q.target_feerate.as_ref())
        }
        Request::ChainCalculateCombinedBumpFee(q) => {
            fee_rate("target_feerate", q.target_feerate.as_ref())
        }
        Request::ChainOverwriteRwSetting(q) => {
            settings::value(&q.name, &q.value)?;
            settings::stays(caller, method, &q.name)?;
            settings::write(caller, method, q.action()).await
        }
        Request::ChainDeleteRwSettings(q) => settings::write(caller, method, q.action()).await,
        Request::ChainUpdateRwSetting(q) => {
            settings::stays(caller, method, &q.name)?;
            settings::write(caller, method, v1::SettingsAction::Write).await
        }
        Request::ChainHandleRpc(_) if caller.link.profile.exceptions_kill => {
            match settings::is_off(caller, "server").await? {
                true => Ok(()),
                false => refused(RPC_SERVER),
            }
        }
        Request::NodeUpdateRwSetting(q) => {
            settings::value(&q.name, &q.value)?;
            settings::stays(caller, method, &q.name)
        }
        Request::NodeForceSetting(q) => {
            settings::value(&q.name, &q.value)?;
            settings::stays(caller, method, &q.name)
        }
        _ => Ok(()),
    }
}

pub(super) fn fee_rate(field: &str, rate: Option<&v1::FeeRate>) -> Result<(), CallError> {
    let rate = rate.map_or(0, |rate| rate.sat_per_kvb);
    match rate {
        0..=HIGHEST_FEE_RATE => Ok(()),
        rate => Err(invalid(
            field,
            format!("is {rate} sat per 1000 vB; it must be from 0 to {HIGHEST_FEE_RATE}"),
        )),
    }
}

pub(super) fn invalid(field: &str, description: String) -> CallError {
    CallError::Invalid(vec![Violation { field: field.to_owned(), description }])
}
