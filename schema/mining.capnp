@0xc77d03df6a41b505;

# Block templates, and what a miner or pool needs around them: waiting for a new tip, checking and
# submitting blocks, fetching mempool transactions.

using G = import "/grpc.capnp";
using BlockRef = import "/common.capnp".BlockRef;
using Context = import "/mp/proxy.capnp".Context;

interface BlockTemplate @0xf9671ad841b2f622 $G.service("leased") $G.access(submit) {
  # A block template that the node keeps for the caller. It stays as it was made when the chain moves on.

  destroy @0 (context :Context) -> () $G.idempotent;
  # Ends the lease and frees the template on the node.

  getBlockHeader @1 (context :Context) -> (
    result :Data $G.content(header) $G.name("header")
      $G.doc("80 bytes. The merkle root and nonce are to be filled in by the miner.")
  ) $G.idempotent;
  # Header of the template. After SubmitSolution it is the submitted one.

  getBlock @2 (context :Context) -> (
    result :Data $G.content(block) $G.name("block")
      $G.doc("Network serialization with witness; its coinbase transaction is a placeholder, not to be "
             "mined.")
  ) $G.idempotent;
  # The whole template. After SubmitSolution it is the submitted block.

  getTxFees @3 (context :Context) -> (
    result :List(Int64) $G.name("fees_sat")
      $G.doc("In satoshi, in block order, without the coinbase transaction.")
  ) $G.idempotent;
  # Fee of each transaction.

  getTxSigops @4 (context :Context) -> (
    result :List(Int64) $G.name("sigop_costs")
      $G.doc("Signature operation cost (of 80000 per block), in block order, without the coinbase "
             "transaction.")
  ) $G.idempotent;
  # Signature operation cost of each transaction.

  getCoinbaseTx @5 (context :Context) -> (
    result :CoinbaseTx $G.name("coinbase_tx") $G.doc("What the coinbase transaction must contain.")
  ) $G.idempotent;
  # The parts from which to build a coinbase transaction. Core 30 and generations before 2026 do not have this
  # form.

  getCoinbaseMerklePath @6 (context :Context) -> (
    result :List(Data) $G.content(raw) $G.name("merkle_path")
      $G.doc("32 bytes each, internal byte order, leaf level first; empty if there is only a coinbase "
             "transaction.")
  ) $G.idempotent;
  # The hashes that combine with the coinbase txid into the merkle root. The coinbase txid itself is left out.

  submitSolutionOld7 @7 (
    context :Context,
    version :UInt32 $G.doc("Header version."),
    timestamp :UInt32 $G.doc("Header time, Unix time in seconds."),
    nonce :UInt32 $G.doc("Header nonce."),
    coinbase :Data $G.content(transaction) $G.doc("Coinbase transaction, network serialization.")
  ) -> (
    result :Bool $G.doc("True if accepted.")
  ) $G.plumbing("superseded by submitSolution; nodes that know it answer with an error");
  # Earlier form of submitSolution, without a reason.

  waitNext @8 (
    context :Context,
    options :BlockWaitOptions $G.doc("How long to wait, and for what.")
  ) -> (
    result :BlockTemplate $G.name("template")
      $G.doc("The new template; absent: time is up, the wait was interrupted, or the node is stopping.")
  ) $G.blocking;
  # Waits for a better template: the tip changed, or fees rose enough. On test networks also once the tip is
  # 20 minutes old.

  interruptWait @9 () -> ();
  # Ends a WaitNext on this template. If none is waiting, the next one ends at once instead.

  submitSolution @10 (
    context :Context,
    version :UInt32 $G.doc("Header version."),
    timestamp :UInt32 $G.doc("Header time, Unix time in seconds."),
    nonce :UInt32 $G.doc("Header nonce."),
    coinbase :Data $G.content(transaction) $G.maxBytes(4000000)
      $G.doc("Complete coinbase transaction, network serialization, with witness if the block has a "
             "commitment.")
  ) -> (
    reason :Text
      $G.doc("Why it was refused, in BIP 22 terms (`high-hash`, `bad-cb-amount`, `duplicate`, "
             "`inconclusive`); empty if accepted."),
    debug :Text $G.doc("More about the reason; may be empty."),
    result :Bool $G.name("accepted") $G.doc("True if accepted as a new block.")
  );
  # Completes the template and offers the block to the node and the network. A refusal is a reply; the same
  # solution again is refused as `duplicate`. Only Core 32 and later report a reason.
}

interface Mining @0xf9c68436df3af39e $G.service("root") $G.access(read) {
  # Block templates and blocks. Hashes are 32 bytes in internal byte order, the reverse of what explorers
  # and bitcoin-cli show.

  isTestChain @0 (context :Context) -> (
    result :Bool $G.name("test_chain") $G.doc("True on testnet, signet and regtest.")
  );
  # Whether the node is on a network for tests.

  isInitialBlockDownload @1 (context :Context) -> (
    result :Bool $G.name("initial_block_download") $G.doc("True until the chain has caught up once.")
  );
  # Whether the node is still in initial block download.

  getTip @2 (context :Context) -> (
    result :BlockRef $G.name("tip") $G.doc("The tip; absent while the chain has no block."),
    hasResult :Bool $G.doc("Whether there is a tip.")
  );
  # The tip of the active chain.

  waitTipChanged @3 (
    context :Context,
    currentTip :Data $G.content(blockHash)
      $G.doc("The tip that the caller knows, internal byte order; any other hash: return at once."),
    timeout :Float64 = 1.7976931348623157e+308 $G.range(min = 0) $G.name("timeout_ms")
      $G.doc("Milliseconds; absent: no limit.")
  ) -> (
    result :BlockRef $G.name("tip")
      $G.doc("The tip now; the same as before if time was up. Absent: interrupted, or the node is stopping.")
  ) $G.blocking;
  # Waits until the tip is another one. While the node loads, waits for a first tip, however short the
  # timeout.

  createNewBlock @4 (
    context :Context,
    options :BlockCreateOptions $G.doc("How to make the template. Absent: the defaults of each option."),
    cooldown :Bool = true
      $G.doc("Wait until initial block download is over and the tip has caught up with the known headers; "
             "for ever, on a network without recent blocks. Absent: true. Core 30 and branches up to "
             "February 2026 never wait.")
  ) -> (
    result :BlockTemplate $G.name("template")
      $G.doc("The template; absent: interrupted, or the node is stopping.")
  ) $G.access(submit) $G.blocking;
  # Makes a block template on the current tip. The node keeps it until the lease ends.

  checkBlock @5 (
    context :Context,
    block :Data $G.content(block) $G.maxBytes(4000000) $G.doc("Network serialization with witness."),
    options :BlockCheckOptions $G.doc("Checks to leave out.")
  ) -> (
    reason :Text
      $G.doc("Why it is not valid, in BIP 22 terms; `inconclusive-not-best-prevblk` if it does not build "
             "on the tip. Empty if valid."),
    debug :Text $G.doc("More about the reason; may be empty."),
    result :Bool $G.name("valid") $G.doc("True if it would be accepted as the next block.")
  ) $G.access(submit) $G.idempotent;
  # Validates a block on top of the tip without keeping it. The node's chain is locked meanwhile.

  interrupt @6 () -> () $G.access(submit);
  # Ends one waiting CreateNewBlock or WaitTipChanged. If none is waiting, the next one ends at once instead.

  submitBlock @7 (
    context :Context,
    block :Data $G.content(block) $G.maxBytes(4000000)
      $G.doc("Network serialization, with the coinbase witness if the block has a commitment; nothing is "
             "added to it.")
  ) -> (
    reason :Text
      $G.doc("Why it was refused, in BIP 22 terms; `duplicate` if known, `inconclusive` if stored but not "
             "the tip. Empty if accepted."),
    debug :Text $G.doc("More about the reason; may be empty."),
    result :Bool $G.name("accepted") $G.doc("True if accepted as a new block and connected.")
  ) $G.access(submit);
  # Offers a complete block to the node and the network. A refusal is a reply; a block sent again is refused
  # as `duplicate`.

  getTransactionsByTxID @8 (
    context :Context,
    txids :List(Data) $G.content(txid) $G.maxItems(10000)
      $G.doc("Transaction ids, internal byte order. At most 10000, as the reply may hold that many "
             "transactions.")
  ) -> (
    result :List(Data) $G.content(transaction) $G.name("transactions") $G.nullable
      $G.entry(name = "MempoolTransaction", key = "tx", value = "")
      $G.doc("One per id, in the same order; without a `tx`: not in the mempool. No entry at all if the node has "
             "no mempool.")
  );
  # Mempool transactions by txid. Confirmed ones are not found.

  getTransactionsByWitnessID @9 (
    context :Context,
    wtxids :List(Data) $G.content(wtxid) $G.maxItems(10000)
      $G.doc("Witness transaction ids, internal byte order. At most 10000, as the reply may hold that many "
             "transactions.")
  ) -> (
    result :List(Data) $G.content(transaction) $G.name("transactions") $G.nullable
      $G.entry(name = "MempoolTransaction", key = "tx", value = "")
      $G.doc("One per id, in the same order; without a `tx`: not in the mempool. No entry at all if the node has "
             "no mempool.")
  );
  # Mempool transactions by wtxid. Confirmed ones are not found.
}

struct BlockCheckOptions @0x89f3f39b6c9dd162 {
  # Checks of a block that may be left out.
  checkMerkleRoot @0 :Bool = true;
  # Check the merkle root. Absent: true.
  checkPow @1 :Bool = true;
  # Check the proof of work, and on signet the signature. Absent: true.
}

struct BlockCreateOptions @0x80fca083ef81a559 {
  # How to make a block template.
  useMempool @0 :Bool = true;
  # Include mempool transactions. Absent: true.
  blockReservedWeight @1 :UInt64 = 8000 $G.range(min = 2000, max = 4000000);
  # Weight units kept free for header, transaction count and coinbase transaction, 2000 to 4000000. Absent:
  # 8000.
  coinbaseOutputMaxAdditionalSigops @2 :UInt64 = 400 $G.range(min = 0, max = 80000);
  # Signature operation cost kept free for coinbase outputs, 0 to 80000. Absent: 400.
}

struct BlockWaitOptions @0x9ba437d9de0c452e {
  # What to wait for.
  timeout @0 :Float64 = 1.7976931348623157e+308 $G.range(min = 0) $G.name("timeout_ms");
  # Milliseconds, by the node's clock, which stands still under setmocktime. 0: do not wait. Absent: no limit.
  feeThreshold @1 :Int64 = 2100000000000000 $G.range(min = 0, max = 2100000000000000)
    $G.name("fee_threshold_sat");
  # How much the total fees must rise, in satoshi. Below the default, the node makes a trial template every
  # second. 0: a new one at the next second in any case. Absent: only a new tip counts.
}

struct CoinbaseTx @0xdc399c6d34ae7e69 {
  # The parts of a coinbase transaction that the node prescribes. The miner adds its own outputs.
  version @0 :UInt32;
  # Transaction version.
  sequence @1 :UInt32;
  # Sequence of the only input.
  scriptSigPrefix @2 :Data $G.content(script);
  # Start of the scriptSig (the height, BIP 34). More may follow, 100 bytes in all. Up to height 16 at least
  # one byte must follow.
  witness @3 :Data $G.content(raw) $G.nullable;
  # The only witness element of the input, 32 bytes; absent if the block has no witness.
  blockRewardRemaining @4 :Int64 $G.name("block_reward_remaining_sat");
  # Subsidy and fees less the required outputs, in satoshi: what the miner may pay out.
  requiredOutputs @5 :List(Data) $G.content(txOut);
  # Outputs that must come last, such as the witness commitment.
  lockTime @6 :UInt32;
  # Lock time of the transaction.
}
