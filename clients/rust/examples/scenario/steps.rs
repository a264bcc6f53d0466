//! What each step does.

use std::error::Error;
use std::time::Duration;

use bitcoin::hashes::{Hash, sha256d};
use bitcoin::hex::FromHex;
use bitcoin_grpc_client::v1::chain_client::ChainClient;
use bitcoin_grpc_client::v1::chain_handle_notifications_response::Event;
use bitcoin_grpc_client::v1::echo_client::EchoClient;
use bitcoin_grpc_client::v1::mining_client::MiningClient;
use bitcoin_grpc_client::v1::node_client::NodeClient;
use bitcoin_grpc_client::{display, internal, v1};
use serde::Deserialize;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use super::code_name;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Bound of every call.
const WITHIN: Duration = Duration::from_secs(20);

/// A step with its parameters.
#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    Echo { text: String },
    Tip,
    Block { height: i32 },
    NoBlock { height: i32 },
    BadTxid { txid: String },
    NotGranted,
    Wait { deadline_ms: u64 },
    InMempool { txid: String },
    Send { tx: String, txid: String },
    Follow { blocks: usize },
}

impl Step {
    /// As the scenario names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Echo { .. } => "echo",
            Self::Tip => "tip",
            Self::Block { .. } => "block",
            Self::NoBlock { .. } => "no_block",
            Self::BadTxid { .. } => "bad_txid",
            Self::NotGranted => "not_granted",
            Self::Wait { .. } => "wait",
            Self::InMempool { .. } => "in_mempool",
            Self::Send { .. } => "send",
            Self::Follow { .. } => "follow",
        }
    }
}

/// Clients of the services that the scenario needs.
pub(crate) struct Steps {
    chain: ChainClient<Channel>,
    echo: EchoClient<Channel>,
    mining: MiningClient<Channel>,
    node: NodeClient<Channel>,
}

fn within<T>(request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(WITHIN);
    request
}

impl Steps {
    pub(crate) async fn connect(address: &str) -> Outcome<Self> {
        let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
        Ok(Self {
            chain: ChainClient::new(channel.clone()),
            echo: EchoClient::new(channel.clone()),
            mining: MiningClient::new(channel.clone()),
            node: NodeClient::new(channel),
        })
    }

    pub(crate) async fn carry_out(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Echo { text } => self.say(text).await,
            Step::Tip => self.tip().await,
            Step::Block { height } => self.block(*height).await,
            Step::NoBlock { height } => self.block_hash(*height).await.map(drop),
            Step::BadTxid { txid } => self.is_in_mempool(Vec::from_hex(txid)?).await.map(drop),
            Step::NotGranted => self.shut_down().await,
            Step::Wait { deadline_ms } => self.wait(Duration::from_millis(*deadline_ms)).await,
            Step::InMempool { txid } => self.in_mempool(txid).await,
            Step::Send { tx, txid } => self.send(tx, txid).await,
            Step::Follow { blocks } => self.follow(*blocks).await,
        }
    }

    async fn say(&mut self, text: &str) -> Outcome {
        let reply = self.echo.echo(within(v1::EchoEchoRequest { echo: text.to_owned() })).await?;
        println!("echo: {}", reply.into_inner().echo);
        Ok(())
    }

    async fn block_hash(&mut self, height: i32) -> Outcome<Vec<u8>> {
        let request = v1::ChainGetBlockHashRequest { height };
        Ok(self.chain.get_block_hash(within(request)).await?.into_inner().block_hash)
    }

    async fn tip(&mut self) -> Outcome {
        let reply = self.chain.get_height(within(v1::ChainGetHeightRequest {})).await?;
        let height = reply.into_inner().height();
        println!("tip: {height} {}", display(&self.block_hash(height).await?));
        Ok(())
    }

    async fn block(&mut self, height: i32) -> Outcome {
        let wanted = v1::FoundBlockParam {
            want_hash: true,
            want_height: true,
            want_time: true,
            want_median_time_past: true,
            want_data: true,
            ..Default::default()
        };
        let hash = self.block_hash(height).await?;
        let request = v1::ChainFindBlockRequest { hash, block: Some(wanted) };
        let reply = self.chain.find_block(within(request)).await?.into_inner();
        let block = reply.block.ok_or("no block")?;
        let header = sha256d::Hash::hash(block.data().get(..80).ok_or("no header")?);
        println!(
            "block {}: {} time={} median_time_past={} bytes={} header={}",
            block.height(),
            display(block.hash()),
            block.time(),
            block.median_time_past(),
            block.data().len(),
            display(header.as_byte_array())
        );
        Ok(())
    }

    async fn shut_down(&mut self) -> Outcome {
        self.node.start_shutdown(within(v1::NodeStartShutdownRequest {})).await?;
        Ok(())
    }

    async fn wait(&mut self, deadline: Duration) -> Outcome {
        let tip = self.mining.get_tip(within(v1::MiningGetTipRequest {})).await?.into_inner().tip;
        let current_tip = tip.ok_or("no tip")?.hash;
        let mut request =
            Request::new(v1::MiningWaitTipChangedRequest { current_tip, timeout_ms: None });
        request.set_timeout(deadline);
        if let Err(status) = self.mining.wait_tip_changed(request).await {
            // tonic says CANCELLED where its own clock was faster than the server's answer.
            let code = match status.code() {
                tonic::Code::Cancelled => tonic::Code::DeadlineExceeded,
                code => code,
            };
            println!("wait: {}", code_name(code));
        }
        Ok(())
    }

    async fn is_in_mempool(&mut self, txid: Vec<u8>) -> Outcome<bool> {
        let request = v1::ChainIsInMempoolRequest { txid };
        Ok(self.chain.is_in_mempool(within(request)).await?.into_inner().in_mempool)
    }

    async fn in_mempool(&mut self, txid: &str) -> Outcome {
        println!("in_mempool: {}", self.is_in_mempool(internal(txid)?.to_vec()).await?);
        Ok(())
    }

    async fn send(&mut self, tx: &str, txid: &str) -> Outcome {
        let request = v1::ChainBroadcastTransactionRequest {
            tx: Vec::from_hex(tx)?,
            max_tx_fee_sat: 100_000,
            ..Default::default()
        };
        let verdict = self.chain.broadcast_transaction(within(request)).await?.into_inner();
        let request = v1::ChainGetTransactionAncestryRequest { txid: internal(txid)?.to_vec() };
        let entry = self.chain.get_transaction_ancestry(within(request)).await?.into_inner();
        println!(
            "send: accepted={} ancestors={} vsize={} fees_sat={}",
            verdict.accepted, entry.ancestor_count, entry.ancestor_vsize, entry.ancestor_fees_sat
        );
        Ok(())
    }

    async fn follow(&mut self, blocks: usize) -> Outcome {
        let kinds = vec![v1::ChainNotificationKind::BlockConnected.into()];
        let request = v1::ChainHandleNotificationsRequest { kinds, ..Default::default() };
        let mut stream = self.chain.handle_notifications(within(request)).await?.into_inner();
        let Event::Started(started) = next(&mut stream).await? else {
            return Err("no start".into());
        };
        println!("follow: from {} {}", started.tip_height, display(&started.tip_hash));
        for _ in 0..blocks {
            let mine = v1::NodeExecuteRpcRequest {
                method: "generatetodescriptor".to_owned(),
                params: r#"[1, "raw(51)"]"#.to_owned(),
                ..Default::default()
            };
            self.node.execute_rpc(within(mine)).await?;
            let Event::BlockConnected(event) = next(&mut stream).await? else {
                return Err("another event".into());
            };
            let block = event.block.ok_or("no block")?;
            let (hash, previous) = (display(&block.hash), display(block.prev_hash()));
            println!("follow: {} {hash} on {previous}", block.height());
        }
        Ok(())
    }
}

type Messages = Streaming<v1::ChainHandleNotificationsResponse>;

async fn next(stream: &mut Messages) -> Outcome<Event> {
    Ok(stream.message().await?.and_then(|message| message.event).ok_or("the stream ended")?)
}
