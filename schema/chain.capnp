@0x94f21a4864bd2c65;

# The node's view of the block chain and the mempool, as its wallet uses it: blocks by hash and
# height, coins, fee estimates, transaction broadcast, notifications and settings.

using G = import "/grpc.capnp";
using BilingualStr = import "/common.capnp".BilingualStr;
using Context = import "/mp/proxy.capnp".Context;
using FeeCalculation = import "/common.capnp".FeeCalculation;
using Handler = import "/handler.capnp".Handler;
using Pair = import "/common.capnp".Pair;
using PairInt64 = import "/common.capnp".PairInt64;
using ResultVoid = import "/common.capnp".ResultVoid;

enum MempoolRemovalReason $G.wireEnum {
  # Why a transaction left the mempool.

  expiry @0;
  # It stayed longer than -mempoolexpiry, or was removed on request.
  sizeLimit @1;
  # The mempool was full and its feerate was among the lowest.
  reorg @2;
  # A reorganisation made it invalid, for example a coinbase spend that is immature again.
  block @3;
  # A block contains it. Not sent as a removal; the block notification tells it.
  conflict @4;
  # A block contains a transaction that spends one of its inputs.
  replaced @5;
  # A transaction with a higher fee took its place.
}

enum RbfState $G.wireEnum {
  # Whether a transaction signals replaceability (BIP 125).

  unknown @0;
  # It does not signal and is not in the mempool, so its unconfirmed ancestors are not known.
  replaceable @1;
  # It signals, or one of its ancestors in the mempool does.
  final @2;
  # It is in the mempool, and neither it nor an ancestor signals.
}

enum BroadcastMethod $G.wireEnum {
  # What to do with a transaction of ours.

  mempoolAndBroadcast @0;
  # Add it to the mempool and announce it to all peers that relay transactions.
  mempoolOnly @1;
  # Add it to the mempool and announce it to nobody.
  privateBroadcast @2;
  # Leave the mempool out and send it over a few short-lived connections through a privacy network.
  # Works only on a node run with -privatebroadcast: others accept the call and never send. Generations
  # before 2026 do not have it.
}

enum SettingsAction $G.wireEnum {
  # What happens with a changed setting.

  write @0;
  # Write the settings file at once.
  skipWrite @1;
  # Keep the change in memory; the next write of the file includes it.
}

enum RpcMode $G.wireEnum {
  # What the node wants from an RPC command.

  execute @0;
  # Run it.
  getHelp @1;
  # Report the help text, as an error. `params` is null.
  getArgs @2;
  # Report which arguments are converted from text. `params` is null.
}

enum JsonRpcVersion $G.wireEnum {
  # The JSON-RPC dialect of a request.

  legacy @0;
  # 1.0 or 1.1, or none stated.
  v2 @1;
  # 2.0.
}

interface ActorCallback @0xef421ff8403487a5 {
  # An RPC command served by the client.

  call @0 (
    context :Context,
    request :JSONRPCRequest $G.doc("The request to serve."),
    response :Text $G.content(json)
      $G.doc("JSON text; what an earlier server of the same command answered, else null."),
    lastCallback :Bool $G.doc("True if no other server of this command is asked after this one.")
  ) -> (
    error :Text $G.exception("std::exception") $G.maxBytes(1048576)
      $G.doc("Fail with JSON-RPC error code -1 and this message. Also carries the help text."),
    rpcError :Text $G.exception("UniValue") $G.content(json) $G.maxBytes(1048576) $G.name("rpc_error")
      $G.doc("Fail with this JSON-RPC error object, JSON text with code and message."),
    typeError :Text $G.exception("UniValue::type_error") $G.maxBytes(65536) $G.name("type_error")
      $G.doc("Fail with JSON-RPC error code -3 (wrong type) and this message."),
    helpResult :HelpResult $G.exception("HelpResult") $G.name("help_result")
      $G.doc("The help text, in answer to a help request. Generations before 2026 take it in `error`."),
    response :Text $G.content(json) $G.maxBytes(16777216) $G.doc("The result, JSON text."),
    result :Bool $G.name("handled")
      $G.doc("False: not handled here; the next server is asked, or the caller is told method not found.")
  );
  # The node asks for one run of the command. Set at most one of the error fields.
}

interface Chain @0xddfb1d54c24414b3 $G.service("root") $G.access(read) {
  # Blocks, coins, mempool, fees, notifications and settings of the node. Hashes are 32 bytes in internal
  # byte order, the reverse of what explorers and bitcoin-cli show. Heights count from genesis, which is 0.

  destroy @0 (context :Context) -> () $G.plumbing("the object is shared and lives as long as the connection");
  # Frees the object on the node.

  getHeight @1 (context :Context) -> (
    result :Int32 $G.name("height") $G.doc("Height of the tip; absent while the chain has no block."),
    hasResult :Bool $G.doc("Whether there is a tip.")
  );
  # Height of the tip of the active chain.

  getBlockHash @2 (
    context :Context,
    height :Int32 $G.range(min = 0) $G.doc("Height in the active chain.")
  ) -> (
    result :Data $G.content(blockHash) $G.name("block_hash") $G.doc("Block hash, internal byte order.")
  );
  # Hash of the block of the active chain at a height. A height above the tip is an error, never a reply.
  # A reorganisation may change the answer.

  haveBlockOnDisk @3 (
    context :Context,
    height :Int32 $G.doc("Height in the active chain.")
  ) -> (
    result :Bool $G.name("on_disk")
      $G.doc("True if the block's transactions are on disk; false if pruned, or if there is no such height.")
  );
  # Whether the node still has the block of the active chain at a height.

  findLocatorFork @4 (
    context :Context,
    locator :Data $G.content(locator) $G.maxBytes(3237) $G.doc("Block locator, at most 101 hashes.")
  ) -> (
    result :Int32 $G.name("height")
      $G.doc("Height of the fork point, 0 (genesis) if no hash is known; absent while the chain has no "
             "block."),
    hasResult :Bool $G.doc("Whether there is a fork point.")
  );
  # Height of the highest block of the active chain that the locator shares. The version of the locator
  # does not matter.

  hasBlockFilterIndex @5 (
    context :Context,
    filterType :UInt8 $G.range(min = 0, max = 255) $G.doc("0: basic (BIP 158). No other type has an index.")
  ) -> (
    result :Bool $G.name("available")
      $G.doc("True if the node keeps this index; it may still be catching up.")
  );
  # Whether the node was started with a block filter index of this type.

  blockFilterMatchesAny @6 (
    context :Context,
    filterType :UInt8 $G.range(min = 0, max = 255) $G.doc("0: basic (BIP 158)."),
    blockHash :Data $G.content(blockHash) $G.doc("Block to look at, internal byte order; may be stale."),
    filterSet :List(Data) $G.content(raw) $G.maxItems(10000) $G.maxBytes(10000)
      $G.doc("Elements to look for: raw output scripts (scriptPubKey). OP_RETURN scripts are in no basic "
             "filter.")
  ) -> (
    result :Bool $G.name("matches")
      $G.doc("True: at least one element is in the block, or a false positive; false: none, for certain. "
             "Absent: no index, unknown block, or its filter is not built yet."),
    hasResult :Bool $G.doc("Whether the filter was found.")
  ) $G.cacheable("`matches` is present");
  # Tests a block's compact filter (BIP 157) against a set of scripts without reading the block.

  findBlock @7 (
    context :Context,
    hash :Data $G.content(blockHash) $G.doc("Block hash, internal byte order."),
    block :FoundBlockParam $G.doc("What to report about it.")
  ) -> (
    block :FoundBlockResult $G.doc("The fields asked for."),
    result :Bool $G.name("found") $G.doc("True if the node knows the block, or at least its header.")
  ) $G.cacheable("found; in_active_chain and next_block not asked; data not asked or not the null block");
  # Looks a block up by hash, in any branch, and reports what is asked of it.

  findFirstBlockWithTimeAndHeight @8 (
    context :Context,
    minTime :Int64 $G.doc("Unix time in seconds."),
    minHeight :Int32 $G.doc("Height; negative is like 0."),
    block :FoundBlockParam $G.doc("What to report about it.")
  ) -> (
    block :FoundBlockResult $G.doc("The fields asked for."),
    result :Bool $G.name("found") $G.doc("False if no block of the active chain qualifies.")
  );
  # First block of the active chain at or above a height whose time, or that of a block before it, has reached
  # a time. (It compares the highest block time seen up to each block, not the block's own.)

  findAncestorByHeight @9 (
    context :Context,
    blockHash :Data $G.content(blockHash) $G.doc("Descendant that names the branch, internal byte order."),
    ancestorHeight :Int32 $G.doc("Height of the ancestor; the block's own height finds the block."),
    ancestor :FoundBlockParam $G.doc("What to report about it.")
  ) -> (
    ancestor :FoundBlockResult $G.doc("The fields asked for."),
    result :Bool $G.name("found") $G.doc("False if the block is unknown or not that high.")
  ) $G.cacheable("found; in_active_chain and next_block not asked; data not asked or not the null block");
  # Ancestor of a block at a height. As the branch is named by hash, a reorganisation cannot change the
  # answer.

  findAncestorByHash @10 (
    context :Context,
    blockHash :Data $G.content(blockHash) $G.doc("Supposed descendant, internal byte order."),
    ancestorHash :Data $G.content(blockHash) $G.doc("Supposed ancestor, internal byte order."),
    ancestor :FoundBlockParam $G.doc("What to report about the ancestor.")
  ) -> (
    ancestor :FoundBlockResult $G.doc("The fields asked for."),
    result :Bool $G.name("found")
      $G.doc("True if the ancestor is the block itself or below it. Also true if only the ancestor is known.")
  );
  # Whether one block descends from another. An unknown descendant does not make the answer false.

  findCommonAncestor @11 (
    context :Context,
    blockHash1 :Data $G.content(blockHash) $G.name("block_hash_1")
      $G.doc("First block, internal byte order."),
    blockHash2 :Data $G.content(blockHash) $G.name("block_hash_2")
      $G.doc("Second block, internal byte order."),
    ancestor :FoundBlockParam $G.doc("What to report about the common ancestor."),
    block1 :FoundBlockParam $G.name("block_1") $G.doc("What to report about the first block."),
    block2 :FoundBlockParam $G.name("block_2") $G.doc("What to report about the second block.")
  ) -> (
    ancestor :FoundBlockResult $G.doc("The highest block that both share."),
    block1 :FoundBlockResult $G.name("block_1")
      $G.doc("The first block; filled if known, whatever `found` says."),
    block2 :FoundBlockResult $G.name("block_2")
      $G.doc("The second block; filled if known, whatever `found` says."),
    result :Bool $G.name("found") $G.doc("True if both blocks are known.")
  ) $G.cacheable("found; in_active_chain and next_block not asked; data not asked or not the null block");
  # Last block that two branches have in common.

  findCoins @12 (
    context :Context,
    coins :List(Pair(Data, Data)) $G.keysOnly $G.name("outpoints") $G.content(outPoint) $G.valueContent(coin)
      $G.entry(name = "CoinEntry", key = "outpoint", value = "coin") $G.maxItems(10000)
      $G.doc("Outpoints to look up; one lookup under the main lock each, hence the limit.")
  ) -> (
    coins :List(Pair(Data, Data)) $G.content(outPoint) $G.valueContent(coin)
      $G.entry(name = "CoinEntry", key = "outpoint", value = "coin")
      $G.doc("One entry per distinct outpoint, sorted by outpoint. No coin: spent in the chain or unknown.")
  );
  # Unspent outputs of the active chain and of mempool transactions. An output that only a mempool transaction
  # spends is still reported. A coin from the mempool has height 2147483647.

  guessVerificationProgress @13 (
    context :Context,
    blockHash :Data $G.content(blockHash) $G.doc("Block hash, internal byte order.")
  ) -> (
    result :Float64 $G.name("progress")
      $G.doc("0 to 1; 0 for unknown blocks and for blocks known by header only.")
  );
  # Estimated share of all transactions that are verified once this block is. Changes as time passes.

  hasBlocks @14 (
    context :Context,
    blockHash :Data $G.content(blockHash) $G.doc("Block that names the branch, internal byte order."),
    minHeight :Int32 $G.doc("Lowest height to check; negative is like 0."),
    maxHeight :Int32 $G.range(min = 0)
      $G.doc("Highest height to check; absent, or above the block: the block itself."),
    hasMaxHeight :Bool $G.doc("Whether `max_height` is given.")
  ) -> (
    result :Bool $G.name("all_available")
      $G.doc("True if the data of every block in the range is on disk. False if the block is unknown.")
  );
  # Whether a block and its ancestors in a range of heights are all on disk (none pruned). Walks block by
  # block under the main lock, so ask for the range that is needed.

  isRBFOptIn @15 (
    context :Context,
    tx :Data $G.content(transaction) $G.maxBytes(4000000) $G.doc("Transaction, network serialization.")
  ) -> (
    result :Int32 $G.enumeration("RbfState") $G.name("state") $G.doc("What the transaction signals.")
  );
  # Whether a transaction signals that it may be replaced (BIP 125).

  isInMempool @16 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction id (not wtxid), internal byte order.")
  ) -> (
    result :Bool $G.name("in_mempool") $G.doc("True if it is in the mempool; false if confirmed or unknown.")
  );
  # Whether a transaction is in the mempool.

  hasDescendantsInMempool @17 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction id (not wtxid), internal byte order.")
  ) -> (
    result :Bool $G.name("has_descendants")
      $G.doc("True if a mempool transaction spends it; false also if it is not in the mempool itself.")
  );
  # Whether a mempool transaction has descendants in the mempool.

  broadcastTransaction @18 (
    context :Context,
    tx :Data $G.content(transaction) $G.maxBytes(4000000) $G.doc("Transaction, network serialization."),
    maxTxFee :Int64 $G.range(min = 0) $G.name("max_tx_fee_sat")
      $G.doc("Refuse a transaction whose fee is higher, in satoshi. 0: no limit."),
    broadcastMethod :Int32 $G.enumeration("BroadcastMethod") $G.doc("Where the transaction goes.")
  ) -> (
    error :Text $G.name("reason")
      $G.doc("Why the mempool refused it, such as `min relay fee not met, 0 < 73`. Empty if accepted, and "
             "also when refused because it is confirmed or its fee is above the limit."),
    result :Bool $G.name("accepted") $G.doc("True if accepted, or in the mempool already.")
  ) $G.access(submit) $G.idempotent;
  # Offers a transaction to the mempool and announces it to peers. A refusal is a reply. Sending it again
  # announces it again.

  getTransactionAncestry @19 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction id (not wtxid), internal byte order.")
  ) -> (
    ancestors :UInt64 $G.name("ancestor_count")
      $G.doc("Unconfirmed ancestors and the transaction itself; 0: it is not in the mempool."),
    descendants :UInt64 $G.name("cluster_count")
      $G.doc("Transactions connected to it in the mempool, itself included. Generations before 2026: the "
             "largest number of descendants that one of its unconfirmed ancestors has."),
    ancestorsize :UInt64 $G.name("ancestor_vsize")
      $G.doc("Virtual size of the ancestors and itself in vB; without meaning if `ancestor_count` is 0."),
    ancestorfees :Int64 $G.name("ancestor_fees_sat")
      $G.doc("Fees of the ancestors and itself in satoshi; without meaning if `ancestor_count` is 0.")
  );
  # How a mempool transaction is connected to others in the mempool.

  calculateIndividualBumpFees @20 (
    context :Context,
    outpoints :List(Data) $G.content(outPoint) $G.maxItems(10000)
      $G.doc("Outputs that are to be spent. The mempool is locked meanwhile, hence the limit."),
    targetFeerate :Data $G.content(feeRate) $G.doc("The feerate to reach, in satoshi per 1000 vB.")
  ) -> (
    result :List(PairInt64(Data)) $G.content(outPoint) $G.name("bump_fees")
      $G.entry(name = "BumpFee", key = "outpoint", value = "fee_sat")
      $G.doc("One entry per distinct outpoint, sorted by outpoint; empty if more than 500 mempool "
             "transactions are connected to them.")
  );
  # For each output: the extra fee, in satoshi, that a spend of it must pay to lift its unconfirmed ancestors
  # to a feerate. Each is computed as if the others were not spent. 0 for confirmed and unknown outputs.

  calculateCombinedBumpFee @21 (
    context :Context,
    outpoints :List(Data) $G.content(outPoint) $G.maxItems(10000)
      $G.doc("Outputs that are to be spent together. The mempool is locked meanwhile, hence the limit."),
    targetFeerate :Data $G.content(feeRate) $G.doc("The feerate to reach, in satoshi per 1000 vB.")
  ) -> (
    result :Int64 $G.name("bump_fee_sat")
      $G.doc("In satoshi; absent if more than 500 mempool transactions are connected to the outputs."),
    hasResult :Bool $G.doc("Whether it could be computed.")
  );
  # The same for all outputs together, shared ancestors counted once: at most the sum of the individual fees.

  getPackageLimits @22 (context :Context) -> (
    ancestors :UInt32 $G.name("ancestor_limit")
      $G.doc("Most unconfirmed ancestors, the transaction included."),
    descendants :UInt32 $G.name("descendant_limit")
      $G.doc("Most descendants in the mempool, the transaction included.")
  );
  # The node's limits on chains of unconfirmed transactions (-limitancestorcount, -limitdescendantcount).

  checkChainLimits @23 (
    context :Context,
    tx :Data $G.content(transaction) $G.maxBytes(4000000) $G.doc("Transaction, network serialization.")
  ) -> (
    result :ResultVoid $G.name("verdict")
      $G.doc("Its error says which limit is exceeded; without one it fits.")
  );
  # Whether the mempool's limits on unconfirmed chains or clusters leave room for a transaction. Nothing
  # else is checked.

  estimateSmartFee @24 (
    context :Context,
    numBlocks :Int32 $G.name("conf_target")
      $G.doc("Confirm within this many blocks, 1 to 1008. 1 is treated as 2; outside the bounds: no "
             "estimate."),
    conservative :Bool $G.doc("Prefer a higher, more stable estimate."),
    wantCalc :Bool $G.doc("Also report how the estimate was made.")
  ) -> (
    calc :FeeCalculation $G.doc("How the estimate was made; absent unless asked for."),
    result :Data $G.content(feeRate) $G.name("feerate")
      $G.doc("In satoshi per 1000 vB; 0: there is not enough data.")
  );
  # Feerate at which a transaction is likely to confirm within a number of blocks.

  estimateMaxBlocks @25 (context :Context) -> (
    result :UInt32 $G.name("max_conf_target") $G.doc("In blocks; 0 if the node does not estimate fees.")
  );
  # The largest confirmation target that the fee estimator tracks.

  mempoolMinFee @26 (context :Context) -> (
    result :Data $G.content(feeRate) $G.name("feerate")
      $G.doc("In satoshi per 1000 vB; 0 unless the mempool was full.")
  );
  # Feerate below which a full mempool takes nothing new. The minimum relay feerate holds besides.

  relayMinFee @27 (context :Context) -> (
    result :Data $G.content(feeRate) $G.name("feerate") $G.doc("In satoshi per 1000 vB.")
  );
  # Lowest feerate that the node accepts and relays (-minrelaytxfee).

  relayIncrementalFee @28 (context :Context) -> (
    result :Data $G.content(feeRate) $G.name("feerate") $G.doc("In satoshi per 1000 vB.")
  );
  # Feerate that a replacement must pay on top, for its own relay (-incrementalrelayfee).

  relayDustFee @29 (context :Context) -> (
    result :Data $G.content(feeRate) $G.name("feerate") $G.doc("In satoshi per 1000 vB.")
  );
  # Feerate by which an output counts as dust (-dustrelayfee).

  havePruned @30 (context :Context) -> (
    result :Bool $G.name("have_pruned") $G.doc("True if block data was deleted, now or earlier.")
  );
  # Whether the node has ever pruned a block.

  getPruneHeight @31 (context :Context) -> (
    result :Int32 $G.name("prune_height")
      $G.doc("Height of the highest block whose data is gone; absent if nothing is pruned."),
    hasResult :Bool $G.doc("Whether anything is pruned.")
  );
  # Height up to which block data has been pruned.

  isReadyToBroadcast @32 (context :Context) -> (
    result :Bool $G.name("ready") $G.doc("True if blocks are loaded and the initial block download is over.")
  );
  # Whether it makes sense to broadcast transactions now.

  isInitialBlockDownload @33 (context :Context) -> (
    result :Bool $G.name("initial_block_download") $G.doc("True until the chain has caught up once.")
  );
  # Whether the node is still in initial block download.

  shutdownRequested @34 (context :Context) -> (
    result :Bool $G.name("shutdown_requested") $G.doc("True once the node is stopping.")
  );
  # Whether the node has been asked to stop.

  initMessage @35 (
    context :Context,
    message :Text $G.maxBytes(65536) $G.doc("What is going on.")
  ) -> () $G.access(control);
  # Shows a progress text to whoever runs the node, as the node does while it starts.

  initWarning @36 (
    context :Context,
    message :BilingualStr $G.required $G.doc("The warning.")
  ) -> () $G.access(control) $G.blocking;
  # Shows a warning to the operator. May wait until it has been read.

  initError @37 (
    context :Context,
    message :BilingualStr $G.required $G.doc("The error.")
  ) -> () $G.access(control) $G.blocking;
  # Shows an error to the operator. May wait until it has been read. The node goes on.

  showProgress @38 (
    context :Context,
    title :Text $G.maxBytes(65536) $G.doc("What is in progress; empty at the end."),
    progress :Int32 $G.range(min = 0, max = 100) $G.doc("Percent; 100 ends it."),
    resumePossible :Bool $G.doc("True if it can be interrupted and taken up again.")
  ) -> () $G.access(control);
  # Shows a progress indicator to the operator.

  handleNotifications @39 (
    context :Context,
    notifications :ChainNotifications $G.doc("Receives the notifications.")
  ) -> (
    result :Handler $G.doc("Ends the subscription.")
  ) $G.effect;
  # Streams changes of the chain and the mempool from now on, in the order in which they happened.

  waitForNotificationsIfTipChanged @40 (
    context :Context,
    oldTip :Data $G.content(blockHash)
      $G.doc("The tip that the caller has seen, internal byte order. If it still is the tip, the call "
             "returns at once; 32 zero bytes: always wait.")
  ) -> () $G.blocking;
  # Waits until all notifications about changes made before the call have been delivered, to every subscriber.

  waitForNotifications @41 (context :Context) -> () $G.blocking;
  # Waits until all notifications about changes made before the call have been delivered, to every
  # subscriber. Only the newest generation (July 2026) has it.

  handleRpc @42 (
    context :Context,
    command :RPCCommand $G.required $G.doc("The command and how to reach its server.")
  ) -> (
    result :Handler $G.doc("Withdraws the command.")
  ) $G.access(control);
  # Serves a JSON-RPC command of the node from the client. Possible only before the node's RPC server has
  # started (or with -server=0); refused afterwards.

  rpcEnableDeprecated @43 (
    context :Context,
    method :Text $G.maxBytes(1000) $G.doc("Name as in -deprecatedrpc=<name>.")
  ) -> (
    result :Bool $G.name("enabled") $G.doc("True if the operator enabled it.")
  );
  # Whether a deprecated RPC feature has been enabled on the node.

  getSetting @44 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name, with or without the leading dash.")
  ) -> (
    result :Text $G.content(json) $G.name("value")
      $G.doc("JSON text; `null` if unset. Values of the command line and the configuration file are JSON "
             "strings.")
  ) $G.access(control) $G.idempotent;
  # A setting as it is in force, from the command line, the settings file or the configuration file.

  getSettingsList @45 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name, with or without the leading dash.")
  ) -> (
    result :List(Text) $G.content(json) $G.name("values") $G.doc("One JSON text per value; empty if unset.")
  ) $G.access(control) $G.idempotent;
  # All values of a setting that may be given more than once.

  getRwSetting @46 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name, without a dash.")
  ) -> (
    result :Text $G.content(json) $G.name("value") $G.doc("JSON text; `null` if unset.")
  ) $G.access(control) $G.idempotent;
  # A setting as the settings file (settings.json) has it.

  updateRwSetting @47 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name, without a dash."),
    update :SettingsUpdateCallback $G.doc("Is given the value and answers with the new one.")
  ) -> (
    result :Bool $G.name("updated")
      $G.doc("False if the update was declined or the file could not be written.")
  ) $G.access(control) $G.blocking;
  # Reads and changes a setting of the settings file in one step. All settings of the node are locked until
  # the client has answered.

  overwriteRwSetting @48 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name, without a dash."),
    value :Text $G.content(json) $G.maxBytes(1048576)
      $G.doc("New value, JSON text; `null` erases the setting."),
    action :Int32 $G.enumeration("SettingsAction") $G.doc("Whether to write the file now.")
  ) -> (
    result :Bool $G.name("updated") $G.doc("False if the file could not be written.")
  ) $G.access(control) $G.idempotent;
  # Replaces a setting of the settings file.

  deleteRwSettings @49 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name, without a dash."),
    action :Int32 $G.enumeration("SettingsAction") $G.doc("Whether to write the file now.")
  ) -> (
    result :Bool $G.name("updated")
      $G.doc("False if the file could not be written; true also if it was not set.")
  ) $G.access(control) $G.idempotent;
  # Erases a setting of the settings file.

  requestMempoolTransactions @50 (
    context :Context,
    notifications :ChainNotifications $G.doc("Receives one notification per transaction.")
  ) -> () $G.effect $G.blocking;
  # Streams every transaction in the mempool once, parents before children, then ends. The node's chain and
  # mempool are locked meanwhile, so use it sparingly: once, before following HandleNotifications.

  hasAssumedValidChain @51 (context :Context) -> (
    result :Bool $G.name("assumed_valid")
      $G.doc("True if the chain state was loaded from a snapshot; stays true until a restart after "
             "validation.")
  );
  # Whether the node works from a UTXO snapshot (assumeutxo).
}

interface ChainClient @0xe12e54f4b0c4b578 $G.access(wallet) {
  # What the node does with a program that follows its chain, which is the wallet. The methods are part
  # of the WalletLoader service.

  destroy @0 (context :Context) -> () $G.plumbing("the object is shared and lives as long as the connection");
  # Frees the object.

  registerRpcs @1 (context :Context) -> ()
    $G.plumbing("the node does it once while starting; a second time ends the node");
  # Registers the wallet's RPC commands with the node.

  verify @2 (context :Context) -> (
    result :Bool $G.name("valid")
      $G.doc("True if the wallets of the -wallet setting can be opened; false if one cannot, or is loaded "
             "already.")
  ) $G.idempotent $G.blocking;
  # Checks the wallet directory and the wallets to be loaded at start. What is wrong is shown to the
  # operator. Meant for the start of a node.

  load @3 (context :Context) -> (
    result :Bool $G.name("loaded") $G.doc("False if a wallet could not be loaded, or is loaded already.")
  ) $G.blocking;
  # Loads the wallets of the -wallet setting. May rescan the chain, which takes minutes to hours. Meant for
  # the start of a node; use LoadWallet on a running one.

  start @4 (
    context :Context,
    scheduler :Void $G.doc("Nothing.")
  ) -> () $G.blocking;
  # Offers the wallets' unconfirmed transactions to the mempool and starts their periodic work. The node does
  # this itself while starting; every further call adds one more resend timer until the node stops.

  stop @5 (context :Context) -> () $G.blocking;
  # Unloads all wallets. Returns only when nobody uses any of them any more.

  setMockTime @6 (
    context :Context,
    time :Int64 $G.range(min = 0) $G.name("unix_time")
      $G.doc("Unix time in seconds; 0: the real clock again.")
  ) -> () $G.idempotent;
  # Sets the clock of the wallet process, for tests. It is not checked that the network is one for tests.

  schedulerMockForward @7 (
    context :Context,
    deltaSeconds :Int64 $G.range(min = 1, max = 3600) $G.doc("1 to 3600.")
  ) -> ();
  # Lets the periodic work of the wallets run this much earlier, for tests.
}

interface ChainNotifications @0x9ac9db48ba219039 {
  # Changes of the chain and the mempool, in the order in which they happened.

  destroy @0 (context :Context) -> () $G.plumbing("the end of the stream says it");
  # The node sends nothing more.

  transactionAddedToMempool @1 (
    context :Context,
    tx :Data $G.content(transaction) $G.doc("The transaction, network serialization.")
  ) -> ();
  # A transaction entered the mempool.

  transactionRemovedFromMempool @2 (
    context :Context,
    tx :Data $G.content(transaction) $G.doc("The transaction, network serialization."),
    reason :Int32 $G.enumeration("MempoolRemovalReason") $G.doc("Why it left.")
  ) -> ();
  # A transaction left the mempool for another reason than being in a block.

  blockConnected @3 (
    context :Context,
    role :ChainstateRole $G.doc("Which chain state it was connected to; absent before 2026."),
    block :BlockInfo $G.doc("The block, with its data.")
  ) -> ();
  # A block was connected. With role.historical it is an old block that only proves a snapshot, no change of
  # the tip.

  blockDisconnected @4 (
    context :Context,
    block :BlockInfo $G.doc("The block, with its data.")
  ) -> ();
  # The tip was disconnected, in a reorganisation or by invalidateblock. The tip comes first, one block each.

  updatedBlockTip @5 (context :Context) -> ();
  # The tip changed and the blocks leading to it have been reported. Not sent when a block is only
  # disconnected.

  chainStateFlushed @6 (
    context :Context,
    role :ChainstateRole $G.doc("Which chain state was written; absent before 2026."),
    locator :Data $G.content(locator) $G.doc("Locator of the block up to which it was written.")
  ) -> ();
  # The chain state was written to disk. After a crash the node resumes from here, so a follower may keep this
  # locator as its own position.
}

interface SettingsUpdateCallback @0x995e7b64fb44bec5 {
  # Decides on a new value for a setting.

  destroy @0 (context :Context) -> () $G.plumbing("the end of the call says it");
  # The node does not ask again.

  call @1 (
    context :Context,
    value :Text $G.content(json) $G.doc("Current value, JSON text; `null` if unset.")
  ) -> (
    value :Text $G.content(json) $G.maxBytes(1048576)
      $G.doc("New value, JSON text; `null` or empty erases the setting. To decline, repeat the current "
             "value."),
    result :Int32 $G.enumeration("SettingsAction") $G.name("action")
      $G.doc("Whether to write the file now; absent: decline. The value is then still changed in memory."),
    hasResult :Bool $G.doc("Whether there is an action.")
  );
  # The node asks once, with all of its settings locked: answer without delay.
}

struct BlockInfo @0x9515caf33b457880 {
  # A block that was connected or disconnected.
  hash @0 :Data $G.content(blockHash);
  # Block hash, internal byte order.
  prevHash @1 :Data $G.content(blockHash) $G.nullable;
  # Hash of the block before it, internal byte order; absent for genesis.
  height @2 :Int32 = -1;
  # Height; absent: unknown.
  fileNumber @3 :Int32 = -1;
  # Number of the blk?????.dat file that holds it; absent: not on disk.
  dataPos @4 :UInt32 = 0;
  # Position of the block in that file, in bytes.
  data @5 :Data $G.content(block) $G.nullable;
  # The block, network serialization with witness; absent if not provided.
  undoData @6 :Data $G.content(raw) $G.nullable;
  # Undo data (the coins that the block spends) in the node's own format; absent if not provided.
  chainTimeMax @7 :UInt32 = 0;
  # Highest block time of this block and all before it, Unix time in seconds.
}

struct ChainstateRole @0xfc64a127a9c6d56a {
  # Which of the node's chain states an event concerns. A node without a snapshot has one: validated, not
  # historical.
  validated @0 :Bool;
  # True if every block since genesis has been validated; false for a snapshot that is not proven yet.
  historical @1 :Bool;
  # True for the chain state that replays old blocks to prove a snapshot; it does not follow the tip.
}

struct FoundBlockParam @0xedde51f40e3cad2a {
  # Which facts about a block to report. Each wanted one costs a little, `want_data` a read from disk.
  wantHash @0 :Bool;
  # Report the hash.
  wantHeight @1 :Bool;
  # Report the height.
  wantTime @2 :Bool;
  # Report the time in the header.
  wantMaxTime @3 :Bool;
  # Report the highest time up to the block.
  wantMtpTime @4 :Bool $G.name("want_median_time_past");
  # Report the median time past.
  wantInActiveChain @5 :Bool;
  # Report whether the block is in the active chain.
  wantLocator @6 :Bool;
  # Report a locator of the block.
  nextBlock @7 :FoundBlockParam;
  # Also report about the next block of the active chain; may be nested, up to 15 blocks.
  wantData @8 :Bool;
  # Report the whole block; of two blocks at most in one request.
}

struct FoundBlockResult @0x980d6d9f8f8630fe {
  # Facts about a block. Those that were not asked for are absent; so are all if it was not found.
  hash @0 :Data $G.content(blockHash) $G.nullable;
  # Block hash, internal byte order.
  height @1 :Int32 $G.nullable;
  # Height.
  time @2 :Int64 $G.nullable;
  # Time in the header, Unix time in seconds.
  maxTime @3 :Int64 $G.nullable;
  # Highest header time of this block and all before it, Unix time in seconds.
  mtpTime @4 :Int64 $G.name("median_time_past") $G.nullable;
  # Median time of this block and the ten before it, Unix time in seconds.
  inActiveChain @5 :Bool $G.nullable;
  # True if the block is in the active chain.
  locator @6 :Data $G.content(locator);
  # Locator of the block: its hash, then hashes ever further back, genesis last.
  nextBlock @7 :FoundBlockResult;
  # The block after it in the active chain; its `found` is false at the tip and on stale branches.
  data @8 :Data $G.content(block) $G.nullable;
  # The block, network serialization with witness; absent too if the node has not got it: it was pruned, or
  # never received.
  found @9 :Bool;
  # True if there is such a block.
}

struct HelpResult @0xc38a63499212f3e4 {
  # The help text of an RPC command.
  message @0 :Text $G.maxBytes(1048576);
  # The text.
}

struct JSONRPCRequest @0xd804f4dad81929c9 $G.name("JsonRpcRequest") {
  # A JSON-RPC request that reached the node.
  id @0 :Text $G.content(json);
  # Id of the request, JSON text.
  method @1 :Text;
  # Name of the command.
  params @2 :Text $G.content(json);
  # Arguments, JSON text: an array, or `null` for help requests.
  mode @3 :Int32 $G.enumeration("RpcMode");
  # What is wanted.
  uri @4 :Text;
  # Path of the HTTP request, for example `/wallet/name`.
  authUser @5 :Text;
  # User who authenticated; empty if none.
  peerAddr @6 :Text;
  # Address and port of the HTTP client; empty if the request did not come over HTTP.
  version @7 :Int32 $G.enumeration("JsonRpcVersion");
  # Dialect of the request.
}

struct RPCArg @0x8cb8812c575d5584 $G.name("RpcArgument") {
  # An argument of an RPC command.
  name @0 :Text $G.maxBytes(1000);
  # Name; aliases follow after `|`.
  namedOnly @1 :Bool;
  # True if it can be given by name only, not by position.
}

struct RPCCommand @0xcf447f100da2859a $G.name("RpcCommand") {
  # An RPC command that the client serves.
  category @0 :Text $G.maxBytes(1000);
  # Heading in the help list; commands in `hidden` are not listed.
  name @1 :Text $G.maxBytes(1000);
  # Name of the command. For a name that the node serves itself, the node's own server is asked first.
  actor @2 :ActorCallback;
  # Runs the command.
  argNames @3 :List(RPCArg) $G.maxItems(1000);
  # Arguments in order of position. At most 1000.
  uniqueId @4 :Int64;
  # Number that tells commands of one name apart; the help list shows each number once.
}
