//! Mining calls that are asked another way.

use std::collections::HashMap;
use std::future::Future;

use bitcoin_grpc_contract::v1;
use bytes::Bytes;

use super::super::link::Caller;
use super::Waiter;
use super::guard::invalid;
use crate::error::CallError;

/// Most transactions asked for at once: at 400 kB, the limit of a standard one, their reply is
/// 200 MB, which the reader takes.
const IDS_PER_CALL: usize = 500;

/// Most bytes of transactions in a reply, counted at every mention: an id may be asked for 10 000
/// times, and 400 kB as often are 4 GB.
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
    let transactions = in_parts("txids", request.txids, || waiter.is_gone(), ask).await?;
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
    let transactions = in_parts("wtxids", request.wtxids, || waiter.is_gone(), ask).await?;
    Ok(v1::MiningGetTransactionsByWitnessIdResponse { transactions })
}

async fn in_parts<F>(
    field: &str,
    ids: Vec<Bytes>,
    is_gone: impl Fn() -> bool,
    ask: impl Fn(Vec<Bytes>) -> F,
) -> Result<Vec<v1::MempoolTransaction>, CallError>
where
    F: Future<Output = Result<Vec<v1::MempoolTransaction>, CallError>>,
{
    let (unique, places) = collapse(ids);
    let mentions = count(&places, unique.len());
    let mut found: Vec<v1::MempoolTransaction> = Vec::with_capacity(unique.len());
    let mut bytes = 0;
    for part in unique.chunks(IDS_PER_CALL) {
        if is_gone() {
            return Err(CallError::DeadlineExceeded);
        }
        let transactions = ask(part.to_vec()).await?;
        if transactions.is_empty() {
            // Without a mempool there is not even an absence to report.
            return Ok(Vec::new());
        }
        if transactions.len() != part.len() {
            let (got, asked) = (transactions.len(), part.len());
            return Err(CallError::BadReply(format!("{got} transactions for {asked} ids")));
        }
        bytes += mentioned_bytes(&transactions, &mentions[found.len()..]);
        if bytes > LONGEST_REPLY {
            return Err(too_much(field));
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

/// How often each of the ids is mentioned.
fn count(places: &[usize], ids: usize) -> Vec<usize> {
    let mut mentions = vec![0; ids];
    for place in places {
        mentions[*place] += 1;
    }
    mentions
}

/// Length of the transactions in a reply that repeats each as often as its id is mentioned.
fn mentioned_bytes(transactions: &[v1::MempoolTransaction], mentions: &[usize]) -> usize {
    let length = |t: &v1::MempoolTransaction| t.tx.as_ref().map_or(0, Bytes::len);
    transactions.iter().zip(mentions).map(|(t, times)| length(t).saturating_mul(*times)).sum()
}

fn too_much(field: &str) -> CallError {
    let most = LONGEST_REPLY / (1024 * 1024);
    let description = format!("the transactions are more than {most} MiB together; ask for fewer");
    invalid(field, description)
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

    /// Asks for ids that all stand for a transaction of this length.
    fn asked(ids: Vec<Bytes>, length: usize) -> Result<Vec<v1::MempoolTransaction>, CallError> {
        let tx = Some(Bytes::from(vec![0; length]));
        let ask = async |part: Vec<Bytes>| {
            Ok(vec![v1::MempoolTransaction { tx: tx.clone() }; part.len()])
        };
        futures_util::future::FutureExt::now_or_never(in_parts("txids", ids, || false, ask))
            .expect("nothing in it waits")
    }

    #[test]
    fn every_mention_counts_towards_the_longest_reply() {
        const LENGTH: usize = 400_000;
        let most = LONGEST_REPLY / LENGTH;
        assert_eq!(asked(vec![id(7); most], LENGTH).map(|found| found.len()), Ok(most));
        match asked(vec![id(7); most + 1], LENGTH) {
            Err(CallError::Invalid(violations)) => assert_eq!(violations[0].field, "txids"),
            other => panic!("{:?}", other.map(|found| found.len())),
        }
    }
}
