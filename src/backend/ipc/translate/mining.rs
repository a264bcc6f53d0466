//! Mining calls that are asked another way.

use std::collections::HashMap;
use std::future::Future;

use bitcoin_grpc_contract::v1;
use bytes::Bytes;

use super::super::link::Caller;
use super::Waiter;
use crate::error::CallError;

/// Most transactions asked for at once: at 400 kB, the limit of a standard one, their reply is
/// 200 MB, which the reader takes.
const IDS_PER_CALL: usize = 500;

/// Most bytes of transactions in a reply. The node would collect 4 GB for 10 000 large ones.
const LONGEST_REPLY: usize = 64 * 1024 * 1024;

/// Ids that are asked for twice are sent once, and many in several calls: the node collects the
/// whole reply in memory, once for every mention.
pub(super) async fn by_txid(
    caller: Caller<'_>,
    request: v1::MiningGetTransactionsByTxIdRequest,
    waiter: Waiter<'_>,
) -> Result<v1::MiningGetTransactionsByTxIdResponse, CallError> {
    let ask = async |txids| {
        let part = v1::MiningGetTransactionsByTxIdRequest { txids };
        Ok(caller.ask_as(part).await?.transactions)
    };
    let transactions = in_parts(request.txids, waiter, ask).await?;
    Ok(v1::MiningGetTransactionsByTxIdResponse { transactions })
}

/// As [`by_txid`].
pub(super) async fn by_wtxid(
    caller: Caller<'_>,
    request: v1::MiningGetTransactionsByWitnessIdRequest,
    waiter: Waiter<'_>,
) -> Result<v1::MiningGetTransactionsByWitnessIdResponse, CallError> {
    let ask = async |wtxids| {
        let part = v1::MiningGetTransactionsByWitnessIdRequest { wtxids };
        Ok(caller.ask_as(part).await?.transactions)
    };
    let transactions = in_parts(request.wtxids, waiter, ask).await?;
    Ok(v1::MiningGetTransactionsByWitnessIdResponse { transactions })
}

async fn in_parts<F>(
    ids: Vec<Bytes>,
    waiter: Waiter<'_>,
    ask: impl Fn(Vec<Bytes>) -> F,
) -> Result<Vec<v1::MempoolTransaction>, CallError>
where
    F: Future<Output = Result<Vec<v1::MempoolTransaction>, CallError>>,
{
    let (unique, places) = collapse(ids);
    let mut found: Vec<v1::MempoolTransaction> = Vec::with_capacity(unique.len());
    let mut bytes = 0;
    for part in unique.chunks(IDS_PER_CALL) {
        if waiter.is_gone() {
            return Err(CallError::DeadlineExceeded);
        }
        let transactions = ask(part.to_vec()).await?;
        if transactions.is_empty() {
            // Without a mempool there is not even an absence to report.
            return Ok(Vec::new());
        }
        bytes += transactions.iter().filter_map(|t| t.tx.as_ref()).map(Bytes::len).sum::<usize>();
        if transactions.len() != part.len() || bytes > LONGEST_REPLY {
            return Err(CallError::BadReply(format!(
                "{} transactions for {} ids, {bytes} bytes so far",
                transactions.len(),
                part.len()
            )));
        }
        found.extend(transactions);
    }
    places
        .into_iter()
        .map(|place| {
            found
                .get(place)
                .cloned()
                .ok_or_else(|| CallError::Internal("a lost transaction".to_owned()))
        })
        .collect()
}

/// Each id once, and for each mention its place among them.
fn collapse(ids: Vec<Bytes>) -> (Vec<Bytes>, Vec<usize>) {
    let mut unique = Vec::with_capacity(ids.len());
    let mut seen = HashMap::with_capacity(ids.len());
    let places = ids
        .into_iter()
        .map(|id| {
            *seen.entry(id).or_insert_with_key(|id| {
                unique.push(id.clone());
                unique.len() - 1
            })
        })
        .collect();
    (unique, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> Bytes {
        Bytes::from(vec![byte; 32])
    }

    #[test]
    fn mentions_point_at_one_id() {
        let (unique, places) = collapse(vec![id(7), id(1), id(7), id(7), id(2)]);
        assert_eq!(unique, [id(7), id(1), id(2)]);
        assert_eq!(places, [0, 1, 0, 0, 2]);
    }
}
