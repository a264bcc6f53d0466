//! The program as people meet it; values come from the typed clients and from rust-bitcoin.

use std::io::Write;
use std::process::Stdio;

use bitcoin::consensus::encode::{deserialize, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash};
use bitcoin_grpc::frontend::grpc::services::chain_client::ChainClient;
use bitcoin_grpc_contract::v1;
use serde_json::Value as Json;
use tonic::transport::Channel;

use super::world::{World, program, run};

/// The block of that height, by the typed client.
pub(super) async fn block(channel: Channel, height: i32) -> Block {
    let mut chain = ChainClient::new(channel);
    let asked = v1::ChainGetBlockHashRequest { height };
    let hash = chain.get_block_hash(asked).await.unwrap().into_inner().block_hash;
    let wanted = v1::FoundBlockParam { want_data: true, ..Default::default() };
    let asked = v1::ChainFindBlockRequest { hash, block: Some(wanted) };
    let found = chain.find_block(asked).await.unwrap().into_inner().block.unwrap();
    deserialize(&found.data.unwrap()).unwrap()
}

#[tokio::test]
async fn hashes_transactions_and_blocks_are_shown_as_bitcoin_cli_does() {
    let world = World::start().await;
    let block = block(world.channel().await, 5).await;
    let (hash, coinbase) = (block.block_hash().to_string(), &block.txdata[0]);
    assert!(hash.parse::<BlockHash>().unwrap().to_byte_array() != [0; 32]);
    assert_eq!(world.prints(&["chain.getheight"]).await, "110");
    assert_eq!(world.prints(&["chain.getblockhash", "height=5"]).await, hash);
    let typed = format!("hash={hash}");
    let found = world
        .prints(&["Chain.FindBlock", &typed, "block.want_data=true", "block.want_height=true"])
        .await;
    let found: Json = serde_json::from_str(&found).unwrap();
    assert_eq!(found["block"]["data"], serialize_hex(&block));
    assert_eq!(found["block"]["height"], 5);
    let outpoint = format!("outpoints={}:0", coinbase.compute_txid());
    let coins = world.prints(&["chain.findcoins", &outpoint]).await;
    assert!(
        coins.contains(&serialize_hex(&coinbase.output[0].script_pubkey.to_bytes())[2..]),
        "{coins}"
    );
    assert!(coins.contains(&coinbase.output[0].value.to_sat().to_string()), "{coins}");
}

#[tokio::test]
async fn names_in_every_spelling() {
    let world = World::start().await;
    for name in [
        "chain.getheight",
        "Chain.GetHeight",
        "CHAIN/GETHEIGHT",
        "bitcoin.ipc.v1.Chain.GetHeight",
        "bitcoin.ipc.v1.Chain/GetHeight",
    ] {
        assert_eq!(world.prints(&[name]).await, "110", "{name}");
    }
    let healthy = world.prints(&["health.check", "service=bitcoin.ipc.v1.Chain"]).await;
    assert_eq!(healthy, "SERVING");
}

#[tokio::test]
async fn json_in_and_out() {
    let world = World::start().await;
    let hash = world.prints(&["chain.getblockhash", "height=5"]).await;
    let line = format!("{{\"block_hash\":\"{hash}\"}}");
    assert_eq!(world.prints(&["chain.getblockhash", "--json", "{\"height\": 5}"]).await, line);
    assert_eq!(world.prints(&["chain.getblockhash", "height=5", "--json"]).await, line);
    let mut reading = world.program(&["chain.getblockhash", "--json", "-"]);
    reading.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = reading.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"height\":\n5}").unwrap();
    let output =
        tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), line);
    // What was printed is a request again: this response has the field of that request.
    let locator = world.prints(&["chain.guessverificationprogress", "--json", &line]).await;
    assert!(locator.contains("\"progress\":"), "{locator}");
}

#[tokio::test]
async fn it_lists_and_describes() {
    let world = World::start().await;
    let services = world.prints(&[]).await;
    for name in ["Chain ", "WalletLoader ", "Health", "grpc.reflection.v1.ServerReflection\n"] {
        assert!(services.contains(name), "{name}\n{services}");
    }
    let methods = world.prints(&["chain"]).await;
    assert!(methods.contains("Chain.GetBlockHash  "), "{methods}");
    let told = world.prints(&["chain.findblock", "--help"]).await;
    for part in [
        "Chain.FindBlock\n",
        "Access: read.",
        "hash   (hash) ",
        "FoundBlockParam:",
        "want_data",
        "as bitcoin-cli shows them",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let told = world.prints(&["node.getproxy", "-h"]).await;
    assert!(told.contains("Network:") && told.contains("  ONION"), "{told}");
    // Without a method the program tells of itself, and needs no server for that.
    let output = run(program(&["--help"])).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("Exit codes") && text.contains("--unix"),
        "{text}"
    );
}

#[tokio::test]
async fn nobody_there() {
    let mut unix = program(&["chain.getheight", "--unix", "/nowhere/s"]);
    unix.env("BITCOIN_GRPC_ADDR", "127.0.0.1:1");
    for (program, place) in [
        (unix, "unix:/nowhere/s"),
        (program(&["chain.getheight", "--addr", "127.0.0.1:1"]), "127.0.0.1:1"),
    ] {
        let output = run(program).await;
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{errors}");
        assert!(errors.contains(place) && errors.contains("bitcoin-grpc serve"), "{errors}");
    }
}

/// The words that bash offers after these.
fn offered(words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$PROGRAM" completions bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        function=$(complete -p bitcoin-grpc | sed 's/.* -F \([^ ]*\) .*/\1/')
        "$function" "$1" "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = std::process::Command::new("bash")
        .args(["--noprofile", "--norc", "-c", script, "bash", "bitcoin-grpc"])
        .args(words)
        .env("PROGRAM", env!("CARGO_BIN_EXE_bitcoin-grpc"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_methods_and_options() {
    assert_eq!(offered(&["dev"]), ["devnode"]);
    assert_eq!(offered(&["call", "Chain.GetB"]), ["Chain.GetBlockHash"]);
    assert_eq!(offered(&["call", "--tok"]), ["--token-file"]);
    assert_eq!(offered(&["completions", "f"]), ["fish"]);
}

#[test]
fn every_shell_and_every_page() {
    let printed = |words: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
        let output = program.args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("Wallet.GetBalances") && script.contains("token-file"), "{shell}");
    }
    for (words, title) in [
        (&["man"][..], ".TH bitcoin-grpc 1"),
        (&["man", "call"], ".TH bitcoin-grpc-call 1"),
        (&["man", "serve"], ".TH bitcoin-grpc-serve 1"),
    ] {
        let page = printed(words);
        assert!(page.contains(title) && page.contains(".SH OPTIONS"), "{page}");
    }
}
