@0x92546c47dc734b2e;

# Node: state, peers, settings and life of a node, and the events it sends to an operator.

using G = import "/grpc.capnp";
using BilingualStr = import "/common.capnp".BilingualStr;
using Context = import "/mp/proxy.capnp".Context;
using GlobalArgs = import "/common.capnp".GlobalArgs;
using Handler = import "/handler.capnp".Handler;
using Pair = import "/common.capnp".Pair;
using PairUInt64 = import "/common.capnp".PairUInt64;
using WalletLoader = import "/wallet.capnp".WalletLoader;

enum Network $G.wireEnum {
  # Networks that a peer or a proxy can belong to.

  unroutable @0;
  # No publicly routable network, for example loopback.
  ipv4 @1;
  # IPv4.
  ipv6 @2;
  # IPv6.
  onion @3;
  # Tor onion services.
  i2p @4;
  # I2P.
  cjdns @5;
  # CJDNS.
  internal @6;
  # Placeholder addresses that the address manager uses for names of seeds.
}

enum ConnectionType $G.wireEnum {
  # Why a connection to a peer exists.

  inbound @0;
  # The peer opened it.
  outboundFullRelay @1;
  # Opened by the node; relays blocks, addresses and transactions.
  manual @2;
  # Opened at the request of the operator.
  feeler @3;
  # Short-lived, tests whether an address answers.
  blockRelay @4;
  # Opened by the node; relays blocks only.
  addrFetch @5;
  # Short-lived, asks a peer for addresses.
  privateBroadcast @6;
  # Short-lived, hands one transaction to a peer on a privacy network.
}

enum TransportProtocol $G.wireEnum {
  # Protocol spoken below the peer-to-peer messages.

  detecting @0;
  # Not known yet.
  v1 @1;
  # Unencrypted.
  v2 @2;
  # Encrypted, BIP 324.
}

enum SynchronizationState $G.wireEnum {
  # How far the node is with the block chain.

  initReindex @0;
  # Rebuilding its index from the block files.
  initDownload @1;
  # In initial block download.
  postInit @2;
  # Caught up.
}

enum TransactionError $G.wireEnum {
  # Outcome of a broadcast.

  ok @0;
  # In the mempool and announced; also when it was in the mempool before.
  missingInputs @1;
  # An input does not exist or is spent already.
  alreadyInUtxoSet @2;
  # Confirmed already.
  mempoolRejected @3;
  # The mempool refused it.
  mempoolError @4;
  # The mempool failed.
  maxFeeExceeded @5;
  # Its fee is above the limit that the request gave.
  maxBurnExceeded @6;
  # It burns more than a limit allows. Not sent by this method.
  invalidPackage @7;
  # A package of transactions was refused. Not sent by this method.
}

interface BannedListChangedCallback @0x93d235d8153ab33b {
  # A ban was added or lifted. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (context :Context) -> ();
  # The list of bans changed.
}

interface ExternalSigner @0xfbf1fccd8f75eb78 {
  # A device that signs transactions. Known by its name in the contract.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  getName @1 (context :Context) -> (
    result :Text $G.name("name") $G.doc("Model of the device; may be empty.")
  ) $G.plumbing("ListExternalSigners answers with the names");
  # Name of the device.
}

interface InitMessageCallback @0x955d952241295e4c {
  # Steps of starting. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    message :Text $G.doc("What the node does now, for people.")
  ) -> ();
  # A step began.
}

interface InitWalletCallback @0x800f919151a3d94d {
  # The wallet loader exists. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (context :Context) -> ();
  # The wallet loader has been made.
}

interface MessageBoxCallback @0xc4e60505ab00fed6 {
  # A message for the operator, which waits for an answer.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    message :BilingualStr $G.doc("Text of the message."),
    style :UInt32
      $G.doc("Bit mask: 1 warning, 2 error, 0x400 ok button, 0x10000000 modal, 0x40000000 keep out of logs.")
  ) -> (
    result :Bool $G.name("confirmed") $G.doc("The answer; the node does not look at it for plain messages.")
  );
  # The node has a message. The branch of 2024 sends a caption too.
}

interface Node @0xece87a85e7d7c91d $G.access(read) $G.service("root") {
  # State, peers, settings and life of a node. Offered by development branches with multiprocess support only.
  # While the node still loads the chain, methods that need the chain are refused.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  initLogging @1 (context :Context) -> () $G.access(lifecycle);
  # Starts logging as the settings say. For a node that this proxy spawned, after BaseInitialize;
  # without effect on a running node.

  initParameterInteraction @2 (context :Context) -> () $G.access(lifecycle);
  # Derives settings from other settings, for example -listen from -proxy.
  # For a node that this proxy spawned; without effect on a running node.

  getWarnings @3 (context :Context) -> (
    result :BilingualStr $G.name("warnings") $G.doc("Empty texts when there is no warning.")
  );
  # Warnings that the node shows its operator, one after another, separated by <hr />.

  getLogCategories @4 (context :Context) -> (
    result :UInt64 $G.name("categories") $G.doc("Bit mask; the bits differ between generations.")
  );
  # Log categories that are switched on.

  getExitStatus @5 (context :Context) -> (
    result :Int32 $G.name("exit_status") $G.doc("0 unless something failed.")
  );
  # Exit status that the node process would end with now.

  baseInitialize @6 (
    context :Context,
    globalArgs :GlobalArgs $G.required $G.doc("Settings that the node starts with; they replace its own.")
  ) -> (
    error :Text $G.exception("std::exception")
      $G.doc("Why it failed, for example an unusable data directory."),
    result :Bool $G.name("initialized")
      $G.doc("False when the node refused to start; its log and message box events say why.")
  ) $G.access(lifecycle) $G.blocking;
  # First step in the life of a spawned node: settings, network, sanity checks, directory locks.
  # Call it once and before all else. A node that runs already is killed by it.

  appInitMain @7 (context :Context) -> (
    tipInfo :BlockAndHeaderTipInfo $G.doc("Tips after loading. Random numbers unless started is true."),
    error :Text $G.exception("std::exception") $G.doc("Why it failed."),
    result :Bool $G.name("started") $G.doc("Whether the node runs now.")
  ) $G.access(lifecycle) $G.blocking;
  # Second step in the life of a spawned node: loads the chain, starts networking, RPC and wallets.
  # May take minutes or hours (reindex). Call it once, after BaseInitialize; a running node is killed by it.

  appShutdown @8 (context :Context) -> () $G.access(lifecycle) $G.blocking;
  # Last step in the life of a spawned node, after StartShutdown: stops all parts and writes the chain to
  # disk.
  # A node that was not told to stop before is killed by it.

  startShutdown @9 (context :Context) -> () $G.access(lifecycle);
  # Asks the node to stop. It answers first and ends shortly afterwards, unless a wallet is still in use.

  shutdownRequested @10 (context :Context) -> (
    result :Bool $G.name("requested") $G.doc("True from the request on.")
  );
  # Whether the node has been asked to stop.

  isSettingIgnored @11 (
    name :Text $G.maxBytes(1000) $G.doc("Name without the leading dash, for example prune.")
  ) -> (
    result :Bool $G.name("ignored") $G.doc("True when the command line gives the setting.")
  );
  # Whether a setting in settings.json has no effect because the command line gives it too.

  getPersistentSetting @12 (
    name :Text $G.maxBytes(1000) $G.doc("Name without the leading dash, for example prune.")
  ) -> (
    result :Text $G.name("value") $G.content(json) $G.doc("JSON; null when not set.")
  ) $G.access(control) $G.idempotent;
  # A setting as settings.json or bitcoin.conf has it. Command line and forced values are not looked at.

  updateRwSetting @13 (
    name :Text $G.maxBytes(1000) $G.doc("Name without the leading dash, for example prune."),
    value :Text $G.content(json) $G.maxBytes(65536) $G.doc("JSON; null erases the setting.")
  ) -> () $G.access(control) $G.idempotent;
  # Writes one setting to settings.json at once; most take effect at the next start of the node.
  # Fails when the node runs without a settings file (-nosettings).

  forceSetting @14 (
    name :Text $G.maxBytes(1000) $G.doc("Name without the leading dash, for example prune."),
    value :Text $G.content(json) $G.maxBytes(65536) $G.doc("JSON; null ends the override.")
  ) -> () $G.access(control) $G.idempotent;
  # Sets a value that overrides every other source until the node stops. Nothing is written to disk.

  resetSettings @15 () -> () $G.access(control);
  # Copies settings.json to settings.json.bak and empties it. Done twice, the backup is empty too.

  mapPort @16 (
    context :Context,
    useNatPnP :Bool $G.name("use_nat_pmp") $G.doc("True maps the listening port, false ends the mapping.")
  ) -> () $G.access(control) $G.idempotent;
  # Switches port mapping at the router (PCP or NAT-PMP) on or off.

  getProxy @17 (
    context :Context,
    net :Int32 $G.name("network") $G.enumeration("Network") $G.range(min = 0, max = 6)
      $G.doc("Network to reach. Other numbers kill the node, and are refused.")
  ) -> (
    proxyInfo :ProxyInfo $G.name("proxy") $G.doc("Unspecified address and port 0 unless configured is true."),
    result :Bool $G.name("configured") $G.doc("Whether there is a proxy for that network.")
  );
  # Proxy that the node uses to reach a network.

  getNodeCount @18 (
    context :Context,
    flags :Int32 $G.name("directions") $G.range(min = 0, max = 3)
      $G.doc("1 inbound, 2 outbound, 3 both, 0 none.")
  ) -> (
    result :UInt64 $G.name("count") $G.doc("Peers; 0 while networking is not up.")
  );
  # Number of connected peers.

  getNodesStats @19 (context :Context) -> (
    stats :List(NodeStats) $G.name("peers") $G.doc("In the order of connecting."),
    result :Bool $G.name("available") $G.doc("False while networking is not up.")
  );
  # Statistics of every connected peer.

  getBanned @20 (context :Context) -> (
    banmap :Banmap $G.name("bans") $G.doc("Every ban in force."),
    result :Bool $G.name("available") $G.doc("False while the ban list is not loaded.")
  );
  # Banned addresses and subnets.

  ban @21 (
    context :Context,
    netAddr :Data $G.name("address") $G.content(netAddress) $G.required $G.doc("Address to ban."),
    banTimeOffset :Int64 $G.name("duration_s") $G.range(max = 1000000000000)
      $G.doc("Seconds from now; 0 and below mean -bantime, by default 24 hours.")
  ) -> (
    result :Bool $G.name("accepted") $G.doc("False while the ban list is not loaded.")
  ) $G.access(control);
  # Bans an address. Peers that are connected stay; DisconnectByAddress ends those.
  # A ban that is in force for longer is not shortened.

  unban @22 (
    context :Context,
    ip :Data $G.name("subnet") $G.content(subnet) $G.required
      $G.doc("Address or subnet exactly as GetBanned shows it.")
  ) -> (
    result :Bool $G.name("accepted")
      $G.doc("True even if there was no such ban; false while the ban list is not loaded.")
  ) $G.access(control) $G.idempotent;
  # Lifts a ban.

  disconnectByAddress @23 (
    context :Context,
    address :Data $G.content(netAddress) $G.required $G.doc("Address of the peers.")
  ) -> (
    result :Bool $G.name("disconnected") $G.doc("Whether there was such a peer.")
  ) $G.access(control);
  # Ends all connections with an address.

  disconnectById @24 (
    context :Context,
    id :Int64 $G.name("node_id") $G.doc("Number of the peer as in GetNodesStats.")
  ) -> (
    result :Bool $G.name("disconnected") $G.doc("Whether there was such a peer.")
  ) $G.access(control);
  # Ends one connection.

  listExternalSigners @25 (context :Context) -> (
    result :List(ExternalSigner) $G.name("signer_names") $G.doc("Names of the devices; may be empty texts.")
  ) $G.access(wallet) $G.blocking;
  # Names of the signing devices that the command of -signer finds; runs that command. None without -signer.
  # A failing command kills generations whose unhandled errors end the process.

  getTotalBytesRecv @26 (context :Context) -> (
    result :Int64 $G.name("bytes") $G.doc("Sum over all peers, past ones included.")
  );
  # Bytes received from peers since the node started.

  getTotalBytesSent @27 (context :Context) -> (
    result :Int64 $G.name("bytes") $G.doc("Sum over all peers, past ones included.")
  );
  # Bytes sent to peers since the node started.

  getMempoolSize @28 (context :Context) -> (
    result :UInt64 $G.name("transactions") $G.doc("0 while there is no mempool.")
  );
  # Number of transactions in the mempool.

  getMempoolDynamicUsage @29 (context :Context) -> (
    result :UInt64 $G.name("usage_bytes") $G.doc("Bytes.")
  );
  # Memory that the mempool uses.

  getMempoolMaxUsage @30 (context :Context) -> (
    result :UInt64 $G.name("max_usage_bytes") $G.doc("Bytes.")
  );
  # Memory that the mempool may use (-maxmempool).

  getHeaderTip @31 (context :Context) -> (
    height :Int32 $G.doc("Height of the header."),
    blockTime :Int64 $G.doc("Time in the header, Unix seconds."),
    result :Bool $G.name("found") $G.doc("False when no header is known yet; the other fields are 0 then.")
  );
  # Best header that the node knows; may be ahead of the tip.

  getNumBlocks @32 (context :Context) -> (
    result :Int32 $G.name("height") $G.doc("0 for the genesis block, -1 without a tip.")
  );
  # Height of the tip.

  getNetLocalAddresses @33 (context :Context) -> (
    result :List(Pair(Data, LocalServiceInfo)) $G.name("addresses") $G.content(netAddress)
      $G.entry(name = "LocalAddress", key = "address", value = "info")
      $G.doc("Address, and how it was learned.")
  );
  # Own addresses that the node tells its peers.

  getBestBlockHash @34 (context :Context) -> (
    result :Data $G.name("block_hash") $G.content(blockHash)
      $G.doc("Internal byte order; the genesis block without a tip.")
  );
  # Hash of the tip.

  getLastBlockTime @35 (context :Context) -> (
    result :Int64 $G.name("block_time") $G.doc("Unix seconds; of the genesis block without a tip.")
  );
  # Time in the header of the tip.

  getVerificationProgress @36 (context :Context) -> (
    result :Float64 $G.name("progress") $G.doc("0 to 1, by number of transactions.")
  );
  # Estimate of how much of the chain is validated.

  isInitialBlockDownload @37 (context :Context) -> (
    result :Bool $G.name("initial_block_download") $G.doc("True until the tip is recent enough.")
  );
  # Whether the node is still catching up with the chain. Never becomes true again.

  isLoadingBlocks @38 (context :Context) -> (
    result :Bool $G.name("loading_blocks") $G.doc("True while it does.")
  );
  # Whether the node imports or indexes block files.

  setNetworkActive @39 (
    context :Context,
    active :Bool $G.doc("False disconnects every peer and opens no connection.")
  ) -> () $G.access(control) $G.idempotent;
  # Switches all peer-to-peer traffic on or off.

  getNetworkActive @40 (context :Context) -> (
    result :Bool $G.name("active") $G.doc("False also while networking is not up.")
  );
  # Whether peer-to-peer traffic is switched on.

  getDustRelayFee @41 (context :Context) -> (
    result :Data $G.name("feerate") $G.content(feeRate) $G.doc("Satoshi per 1000 vB.")
  );
  # Feerate that defines dust (-dustrelayfee).

  executeRpc @42 (
    context :Context,
    command :Text $G.name("method") $G.maxBytes(1000) $G.doc("Name of the command."),
    params :Text $G.content(json) $G.maxBytes(1048576)
      $G.doc("JSON array, or object with named parameters; other JSON counts as none."),
    uri :Text $G.maxBytes(1000) $G.doc("/wallet/NAME selects a wallet; otherwise empty.")
  ) -> (
    error :Text $G.exception("std::exception") $G.doc("Text of a failure that is no JSON-RPC error."),
    rpcError :Text $G.exception("UniValue") $G.content(json)
      $G.doc("JSON-RPC error: an object with code and message, in place of a result."),
    result :Text $G.content(json) $G.doc("JSON result of the command.")
  ) $G.access(control) $G.blocking;
  # Runs a JSON-RPC command inside the node, past the user and password of its RPC port.
  # Any command, also stop. Commands such as unloadwallet wait while the wallet is in use.

  listRpcCommands @43 (context :Context) -> (
    result :List(Text) $G.name("methods") $G.doc("Sorted by name.")
  );
  # Names of all JSON-RPC commands that the node offers, those of wallets included.

  getUnspentOutput @44 (
    context :Context,
    output :Data $G.name("outpoint") $G.content(outPoint) $G.required $G.doc("Output to look up.")
  ) -> (
    result :Data $G.name("coin") $G.content(coin) $G.nullable
      $G.doc("Absent when spent, unknown or not confirmed.")
  );
  # An unspent output in the chain. The mempool is not looked at.

  broadcastTransaction @45 (
    context :Context,
    tx :Data $G.content(transaction) $G.maxBytes(4000000) $G.doc("Network serialization with witness."),
    maxTxFee :Int64 $G.name("max_tx_fee_sat") $G.range(min = 0)
      $G.doc("Highest fee to accept, in satoshi; 0 for no limit.")
  ) -> (
    error :Text $G.name("reject_reason") $G.doc("Reason of the mempool; empty when there is none to tell."),
    result :Int32 $G.name("outcome") $G.enumeration("TransactionError")
      $G.doc("What became of the transaction.")
  ) $G.access(submit) $G.idempotent;
  # Adds a transaction to the mempool and announces it to all peers.

  customWalletLoader @46 (context :Context) -> (
    result :WalletLoader $G.doc("The loader.")
  ) $G.access(wallet) $G.plumbing("how the proxy reaches the service WalletLoader");
  # The wallet loader of the node. Call the service WalletLoader instead.

  handleInitMessage @47 (
    context :Context,
    callback :InitMessageCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Steps of starting and of loading wallets, as texts for people.

  handleMessageBox @48 (
    context :Context,
    callback :MessageBoxCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  ) $G.access(control);
  # Messages for the operator; each waits for its answer. While nobody answers, the node waits too.

  handleQuestion @49 (
    context :Context,
    callback :QuestionCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  ) $G.access(control);
  # Questions to the operator, for example whether to rebuild a broken index; each waits for its answer.

  handleShowProgress @50 (
    context :Context,
    callback :ShowNodeProgressCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Progress of long work such as verifying blocks.

  handleInitWallet @51 (
    context :Context,
    callback :InitWalletCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Tells when the wallet loader has been made, during the start of the node.

  handleNotifyNumConnectionsChanged @52 (
    context :Context,
    callback :NotifyNumConnectionsChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Number of peers, each time it changes.

  handleNotifyNetworkActiveChanged @53 (
    context :Context,
    callback :NotifyNetworkActiveChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Peer-to-peer traffic being switched on or off.

  handleNotifyAlertChanged @54 (
    context :Context,
    callback :NotifyAlertChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Tells when the warnings may have changed; GetWarnings has them.

  handleBannedListChanged @55 (
    context :Context,
    callback :BannedListChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Tells when a ban was added or lifted; GetBanned has the list.

  handleNotifyBlockTip @56 (
    context :Context,
    callback :NotifyBlockTipCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # New tips. One event for each connected block, one after a block was invalidated, none for each
  # disconnected block.

  handleNotifyHeaderTip @57 (
    context :Context,
    callback :NotifyHeaderTipCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # New best headers.
}

interface NotifyAlertChangedCallback @0xb1691cf5ab373886 {
  # Warnings changed. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (context :Context) -> ();
  # The warnings may have changed.
}

interface NotifyBlockTipCallback @0xd7a817fb90738585 {
  # New tips. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    syncState :Int32 $G.enumeration("SynchronizationState") $G.doc("How far the node is with the chain."),
    tip :BlockTip $G.doc("The new tip."),
    verificationProgress :Float64 $G.doc("Estimate of how much of the chain is validated, 0 to 1.")
  ) -> ();
  # The tip changed.
}

interface NotifyHeaderTipCallback @0x9d0b34fb1eeed2c5 {
  # New best headers. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    syncState :Int32 $G.enumeration("SynchronizationState") $G.doc("How far the node is with the chain."),
    tip :BlockTip $G.doc("The header; its hash is always zero, whatever the header."),
    verificationProgress :Float64 $G.name("presync")
      $G.doc("1 while headers are only checked for their work before they are kept, else 0.")
  ) -> ();
  # The best header changed.
}

interface NotifyNetworkActiveChangedCallback @0x9d0290be20a9ec6c {
  # Peer-to-peer traffic was switched. Called by the node; the subscriber sees each call as one event of the
  # stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    networkActive :Bool $G.doc("Whether it is on.")
  ) -> ();
  # Peer-to-peer traffic was switched on or off.
}

interface NotifyNumConnectionsChangedCallback @0xd28fa815a3700dca {
  # The number of peers changed. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    newNumConnections :Int32 $G.name("connections") $G.doc("Number of peers now.")
  ) -> ();
  # The number of peers changed.
}

interface QuestionCallback @0xe2637348d576dcaf {
  # A question to the operator, which waits for an answer.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    message :BilingualStr $G.doc("The question."),
    nonInteractiveMessage :Text $G.doc("What it would say where nobody can answer."),
    style :UInt32
      $G.doc("Bit mask: 1 warning, 2 error, 0x400 ok button, 0x10000000 modal, 0x40000000 keep out of logs.")
  ) -> (
    result :Bool $G.name("confirmed") $G.doc("The answer; true agrees.")
  );
  # The node has a question. The branch of 2024 sends a caption too.
}

interface ShowNodeProgressCallback @0xa0c733bacdde6cac {
  # Progress of long work. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    title :Text $G.doc("What the node does; empty when it is done."),
    progress :Int32 $G.name("progress_percent") $G.doc("0 to 100."),
    resumePossible :Bool $G.doc("Whether the work goes on after a restart where it stopped.")
  ) -> ();
  # Work went on.
}

struct Banmap @0x8691f5ffd4852e9c $G.name("BanList") {
  # The list of bans.
  json @0 :Text $G.name("entries") $G.content(banMap);
  # One entry for each ban. Tor, I2P and CJDNS addresses have no prefix length.
}

struct BlockAndHeaderTipInfo @0x98f8b9129f9d8bfd {
  # Tip and best header after loading.
  blockHeight @0 :Int32;
  # Height of the tip.
  blockTime @1 :Int64;
  # Time in the header of the tip, Unix seconds.
  headerHeight @2 :Int32;
  # Height of the best header.
  headerTime @3 :Int64;
  # Time in the best header, Unix seconds.
  verificationProgress @4 :Float64;
  # Estimate of how much of the chain is validated, 0 to 1.
}

struct BlockTip @0xd507949ce6c6f781 {
  # A tip or a best header.
  blockHeight @0 :Int32;
  # Height.
  blockTime @1 :Int64;
  # Time in the header, Unix seconds.
  blockHash @2 :Data $G.content(blockHash);
  # Hash, 32 bytes, internal byte order. Zero in events of header tips.
}

struct LocalServiceInfo @0x9c8fff1696ce17ff {
  # How the node learned one of its addresses.
  score @0 :Int32;
  # Trust: 0 unknown, 1 interface, 2 bound, 3 mapped by the router, 4 given by the operator; plus 1 for each
  # peer that saw it.
  port @1 :UInt16;
  # Port that it listens on.
}

struct NodeStateStats @0xecccc20ba54fece4 {
  # What the validation and relay parts know of a peer.
  syncHeight @0 :Int32;
  # Height of the best block that the peer is known to have; -1 when not known.
  commonHeight @1 :Int32;
  # Height of the last block that both have; -1 when not known.
  startingHeight @2 :Int32;
  # Height that the peer announced when it connected; -1 before that.
  pingWait @3 :Int64 $G.name("ping_wait_us");
  # Microseconds that the ping under way has waited; 0 without one.
  heightInFlight @4 :List(Int32) $G.name("heights_in_flight");
  # Heights of the blocks asked of this peer and not arrived.
  addressesProcessed @5 :UInt64;
  # Addresses received from it and looked at.
  addressesRateLimited @6 :UInt64;
  # Addresses received from it and dropped as too many.
  addressRelayEnabled @7 :Bool;
  # Whether addresses are exchanged with it.
  theirServices @8 :UInt64;
  # Services that it offers, as a bit mask.
  presyncHeight @9 :Int64;
  # Height reached while its headers are checked for their work; -1 when that is not under way.
  timeOffset @10 :Int64 $G.name("time_offset_s");
  # Seconds by which its clock is ahead of ours; negative when behind.
}

struct NodeStats @0xb45fb3131e4d7fe0 {
  # Statistics of one peer.
  nodeid @0 :Int64 $G.name("node_id");
  # Number of the peer, unique until the node restarts.
  lastSend @1 :Int64;
  # Time of the last bytes sent, Unix seconds; 0 for none.
  lastRecv @2 :Int64;
  # Time of the last bytes received, Unix seconds; 0 for none.
  lastTXTime @3 :Int64;
  # Time when it last gave us a valid transaction, Unix seconds; 0 for none.
  lastBlockTime @4 :Int64;
  # Time when it last gave us a block first, Unix seconds; 0 for none.
  timeConnected @5 :Int64;
  # Time when it connected, Unix seconds.
  addrName @6 :Text $G.name("address_name");
  # Address or host name and port, as text.
  version @7 :Int32;
  # Protocol version that it announced; 0 before that.
  cleanSubVer @8 :Text $G.name("user_agent");
  # User agent that it announced, made safe to print.
  inbound @9 :Bool;
  # Whether the peer opened the connection.
  bip152HighbandwidthTo @10 :Bool $G.name("bip152_high_bandwidth_to");
  # Whether we asked it for compact blocks unannounced.
  bip152HighbandwidthFrom @11 :Bool $G.name("bip152_high_bandwidth_from");
  # Whether it asked us for compact blocks unannounced.
  startingHeight @12 :Int32;
  # Not filled in, always 0; see state_stats.
  sendBytes @13 :UInt64 $G.name("sent_bytes");
  # Bytes sent to it.
  sendBytesPerMsgType @14 :List(PairUInt64(Text)) $G.name("sent_by_type")
    $G.entry(name = "MessageTypeBytes", key = "message_type", value = "bytes");
  # Bytes sent, for each message type in use.
  recvBytes @15 :UInt64 $G.name("received_bytes");
  # Bytes received from it.
  recvBytesPerMsgType @16 :List(PairUInt64(Text)) $G.name("received_by_type")
    $G.entry(name = "MessageTypeBytes", key = "message_type", value = "bytes");
  # Bytes received, for every message type; *other* sums up unknown ones.
  permissionFlags @17 :Int32;
  # Permissions as a bit mask: 2 bloom filter, 8 relay, 12 force relay, 64 download, 80 no ban, 32 mempool,
  # 128 addr.
  # Bit 31 marks permissions given by default.
  pingTime @18 :Int64 $G.name("ping_time_us");
  # Round trip of the last ping in microseconds; 0 for none.
  minPingTime @19 :Int64 $G.name("min_ping_time_us");
  # Shortest round trip in microseconds; the largest number for none.
  addrLocal @20 :Text $G.name("local_address");
  # Our address as the peer sees it, as text; empty when not known.
  addr @21 :Data $G.name("address") $G.content(peerAddress);
  # Address of the peer.
  addrBind @22 :Data $G.name("bind_address") $G.content(netService);
  # Our end of the connection.
  network @23 :Int32 $G.enumeration("Network");
  # Network that the connection runs over.
  mappedAs @24 :UInt32 $G.name("mapped_as");
  # Autonomous system of the peer (-asmap); 0 when not known.
  connType @25 :Int32 $G.name("connection_type") $G.enumeration("ConnectionType");
  # Why the connection exists.
  transportType @26 :UInt8 $G.name("transport") $G.enumeration("TransportProtocol");
  # Protocol of the connection.
  sessionId @27 :Text;
  # BIP 324 session id as hex; empty without encryption.
  stateStats @28 :NodeStateStats;
  # Absent when the node was too busy to look, or the peer has just gone.
}

struct ProxyInfo @0xb85c2ec6d667f0df {
  # A SOCKS5 proxy.
  proxy @0 :Data $G.name("address") $G.content(netService);
  # Address and port; unspecified for a proxy behind a unix socket, whose path is not told.
  torStreamIsolation @1 :Bool;
  # Whether each connection uses credentials of its own.
}
