@0xb1f0c2d3a4958677;

# Layouts of older generations, where they differ from the newest. Generated from
# schema/profiles/ by codegen; `cargo run -p bitcoin-grpc-codegen` writes it anew.

using BilingualStr = import "/common.capnp".BilingualStr;
using BlockCreateOptions = import "/mining.capnp".BlockCreateOptions;
using BlockInfo = import "/chain.capnp".BlockInfo;
using Context = import "/mp/proxy.capnp".Context;
using EstimationResult = import "/common.capnp".EstimationResult;
using Pair = import "/common.capnp".Pair;
using Recipient = import "/wallet.capnp".Recipient;
using TxDestination = import "/wallet.capnp".TxDestination;
using WalletTxStatus = import "/wallet.capnp".WalletTxStatus;

struct ActorCallbackCallParamsPr10102At202407 {
  context @0 :Context;
  request @1 :JSONRPCRequestPr10102At202407;
  response @2 :Text;
  lastCallback @3 :Bool;
}

struct ActorCallbackCallParamsPr29409At202505 {
  context @0 :Context;
  request @1 :JSONRPCRequestPr29409At202505;
  response @2 :Text;
  lastCallback @3 :Bool;
}

struct ActorCallbackCallResultsPr10102At202407 {
  error @0 :Text;
  rpcError @1 :Text;
  typeError @2 :Text;
  response @3 :Text;
  result @4 :Bool;
}

struct BlockCheckOptionsCoreAt30 {
  checkMerkleRoot @0 :Bool;
  checkPow @1 :Bool;
}

struct BlockCreateOptionsCoreAt30 {
  useMempool @0 :Bool;
  blockReservedWeight @1 :UInt64;
  coinbaseOutputMaxAdditionalSigops @2 :UInt64;
}

struct BlockTemplateSubmitSolutionResultsCoreAt30 {
  result @0 :Bool;
}

struct BlockTemplateWaitNextParamsCoreAt30 {
  context @0 :Context;
  options @1 :BlockWaitOptionsCoreAt30;
}

struct BlockWaitOptionsCoreAt30 {
  timeout @0 :Float64;
  feeThreshold @1 :Int64;
}

struct ChainBroadcastTransactionParamsPr10102At202407 {
  context @0 :Context;
  tx @1 :Data;
  maxTxFee @2 :Int64;
  relay @3 :Bool;
}

struct ChainClientSchedulerMockForwardParamsPr10102At202407 {
  context @0 :Context;
  time @1 :Int64;
}

struct ChainEstimateSmartFeeResultsPr10102At202407 {
  calc @0 :FeeCalculationPr10102At202407;
  result @1 :Data;
}

struct ChainFindAncestorByHashParamsPr10102At202407 {
  context @0 :Context;
  blockHash @1 :Data;
  ancestorHash @2 :Data;
  ancestor @3 :FoundBlockParamPr10102At202407;
}

struct ChainFindAncestorByHashResultsPr10102At202407 {
  ancestor @0 :FoundBlockResultPr10102At202407;
  result @1 :Bool;
}

struct ChainFindAncestorByHashResultsPr29409At202505 {
  ancestor @0 :FoundBlockResultPr29409At202505;
  result @1 :Bool;
}

struct ChainFindAncestorByHeightParamsPr10102At202407 {
  context @0 :Context;
  blockHash @1 :Data;
  ancestorHeight @2 :Int32;
  ancestor @3 :FoundBlockParamPr10102At202407;
}

struct ChainFindAncestorByHeightResultsPr10102At202407 {
  ancestor @0 :FoundBlockResultPr10102At202407;
  result @1 :Bool;
}

struct ChainFindAncestorByHeightResultsPr29409At202505 {
  ancestor @0 :FoundBlockResultPr29409At202505;
  result @1 :Bool;
}

struct ChainFindBlockParamsPr10102At202407 {
  context @0 :Context;
  hash @1 :Data;
  block @2 :FoundBlockParamPr10102At202407;
}

struct ChainFindBlockResultsPr10102At202407 {
  block @0 :FoundBlockResultPr10102At202407;
  result @1 :Bool;
}

struct ChainFindBlockResultsPr29409At202505 {
  block @0 :FoundBlockResultPr29409At202505;
  result @1 :Bool;
}

struct ChainFindCommonAncestorParamsPr10102At202407 {
  context @0 :Context;
  blockHash1 @1 :Data;
  blockHash2 @2 :Data;
  ancestor @3 :FoundBlockParamPr10102At202407;
  block1 @4 :FoundBlockParamPr10102At202407;
  block2 @5 :FoundBlockParamPr10102At202407;
}

struct ChainFindCommonAncestorResultsPr10102At202407 {
  ancestor @0 :FoundBlockResultPr10102At202407;
  block1 @1 :FoundBlockResultPr10102At202407;
  block2 @2 :FoundBlockResultPr10102At202407;
  result @3 :Bool;
}

struct ChainFindCommonAncestorResultsPr29409At202505 {
  ancestor @0 :FoundBlockResultPr29409At202505;
  block1 @1 :FoundBlockResultPr29409At202505;
  block2 @2 :FoundBlockResultPr29409At202505;
  result @3 :Bool;
}

struct ChainFindFirstBlockWithTimeAndHeightParamsPr10102At202407 {
  context @0 :Context;
  minTime @1 :Int64;
  minHeight @2 :Int32;
  block @3 :FoundBlockParamPr10102At202407;
}

struct ChainFindFirstBlockWithTimeAndHeightResultsPr10102At202407 {
  block @0 :FoundBlockResultPr10102At202407;
  result @1 :Bool;
}

struct ChainFindFirstBlockWithTimeAndHeightResultsPr29409At202505 {
  block @0 :FoundBlockResultPr29409At202505;
  result @1 :Bool;
}

struct ChainGetPackageLimitsResultsPr10102At202407 {
  ancestors @0 :UInt64;
  descendants @1 :UInt64;
}

struct ChainIsInMempoolParamsPr10102At202407 {
  context @0 :Context;
  tx @1 :Data;
}

struct ChainNotificationsBlockConnectedParamsPr10102At202407 {
  context @0 :Context;
  role @1 :UInt32;
  block @2 :BlockInfo;
}

struct ChainNotificationsChainStateFlushedParamsPr10102At202407 {
  context @0 :Context;
  role @1 :UInt32;
  locator @2 :Data;
}

struct CoinControlPr10102At202407 {
  destChange @0 :TxDestination;
  hasChangeType @1 :Bool;
  changeType @2 :Int32;
  includeUnsafeInputs @3 :Bool;
  allowOtherInputs @4 :Bool;
  allowWatchOnly @5 :Bool;
  overrideFeeRate @6 :Bool;
  hasFeeRate @7 :Bool;
  feeRate @8 :Data;
  hasConfirmTarget @9 :Bool;
  confirmTarget @10 :Int32;
  hasSignalRbf @11 :Bool;
  signalRbf @12 :Bool;
  avoidPartialSpends @13 :Bool;
  avoidAddressReuse @14 :Bool;
  feeMode @15 :Int32;
  minDepth @16 :Int32;
  maxDepth @17 :Int32;
  hasLockTime @18 :UInt32;
  lockTime @19 :UInt32;
  hasVersion @20 :UInt32;
  version @21 :UInt32;
  setSelected @22 :List(Data);
}

struct FeeCalculationPr10102At202407 {
  est @0 :EstimationResult;
  reason @1 :Int32;
  desiredTarget @2 :Int32;
  returnedTarget @3 :Int32;
}

struct FoundBlockParamPr10102At202407 {
  wantHash @0 :Bool;
  wantHeight @1 :Bool;
  wantTime @2 :Bool;
  wantMaxTime @3 :Bool;
  wantMtpTime @4 :Bool;
  wantInActiveChain @5 :Bool;
  nextBlock @6 :FoundBlockParamPr10102At202407;
  wantData @7 :Bool;
}

struct FoundBlockResultPr10102At202407 {
  hash @0 :Data;
  height @1 :Int32;
  time @2 :Int64;
  maxTime @3 :Int64;
  mtpTime @4 :Int64;
  inActiveChain @5 :Int64;
  nextBlock @6 :FoundBlockResultPr10102At202407;
  data @7 :Data;
  found @8 :Bool;
}

struct FoundBlockResultPr29409At202505 {
  hash @0 :Data;
  height @1 :Int32;
  time @2 :Int64;
  maxTime @3 :Int64;
  mtpTime @4 :Int64;
  inActiveChain @5 :Int64;
  locator @6 :Data;
  nextBlock @7 :FoundBlockResultPr29409At202505;
  data @8 :Data;
  found @9 :Bool;
}

struct JSONRPCRequestPr10102At202407 {
  id @0 :Text;
  method @1 :Text;
  params @2 :Text;
  mode @3 :Int32;
  uri @4 :Text;
  authUser @5 :Text;
}

struct JSONRPCRequestPr29409At202505 {
  id @0 :Text;
  method @1 :Text;
  params @2 :Text;
  mode @3 :UInt32;
  uri @4 :Text;
  authUser @5 :Text;
  peerAddr @6 :Text;
  version @7 :Int32;
}

struct MessageBoxCallbackCallParamsPr10102At202407 {
  context @0 :Context;
  message @1 :BilingualStr;
  caption @2 :Text;
  style @3 :UInt32;
}

struct MiningCheckBlockParamsCoreAt30 {
  block @0 :Data;
  options @1 :BlockCheckOptionsCoreAt30;
}

struct MiningCreateNewBlockParamsCoreAt30 {
  options @0 :BlockCreateOptionsCoreAt30;
}

struct MiningCreateNewBlockParamsPr10102At202602 {
  context @0 :Context;
  options @1 :BlockCreateOptions;
}

struct MiningWaitTipChangedParamsCoreAt30 {
  context @0 :Context;
  currentTip @1 :Data;
  timeout @2 :Float64;
}

struct NodeGetLogCategoriesResultsPr10102At202407 {
  result @0 :UInt32;
}

struct NodeGetProxyResultsPr10102At202407 {
  proxyInfo @0 :ProxyInfoPr10102At202407;
  result @1 :Bool;
}

struct NodeMapPortParamsPr10102At202407 {
  context @0 :Context;
  useUPnP @1 :Bool;
  useNatPnP @2 :Bool;
}

struct ProxyInfoPr10102At202407 {
  proxy @0 :Data;
  randomizeCredentials @1 :Bool;
}

struct QuestionCallbackCallParamsPr10102At202407 {
  context @0 :Context;
  message @1 :BilingualStr;
  nonInteractiveMessage @2 :Text;
  caption @3 :Text;
  style @4 :UInt32;
}

struct WalletAddressPr10102At202407 {
  dest @0 :TxDestination;
  isMine @1 :Int32;
  name @2 :Text;
  purpose @3 :Int32;
}

struct WalletBalancesPr10102At202407 {
  balance @0 :Int64;
  unconfirmedBalance @1 :Int64;
  immatureBalance @2 :Int64;
  haveWatchOnly @3 :Bool;
  watchOnlyBalance @4 :Int64;
  unconfirmedWatchOnlyBalance @5 :Int64;
  immatureWatchOnlyBalance @6 :Int64;
}

struct WalletCreateBumpTransactionParamsPr10102At202407 {
  context @0 :Context;
  txid @1 :Data;
  coinControl @2 :CoinControlPr10102At202407;
}

struct WalletCreateTransactionParamsPr10102At202407 {
  context @0 :Context;
  recipients @1 :List(Recipient);
  coinControl @2 :CoinControlPr10102At202407;
  sign @3 :Bool;
  changePos @4 :Int32;
}

struct WalletGetAddressParamsPr10102At202407 {
  context @0 :Context;
  dest @1 :TxDestination;
  wantName @2 :Bool;
  wantIsMine @3 :Bool;
  wantPurpose @4 :Bool;
}

struct WalletGetAddressResultsPr10102At202407 {
  name @0 :Text;
  isMine @1 :Int32;
  purpose @2 :Int32;
  result @3 :Bool;
}

struct WalletGetAddressesResultsPr10102At202407 {
  result @0 :List(WalletAddressPr10102At202407);
}

struct WalletGetAvailableBalanceParamsPr10102At202407 {
  context @0 :Context;
  coinControl @1 :CoinControlPr10102At202407;
}

struct WalletGetBalancesResultsPr10102At202407 {
  result @0 :WalletBalancesPr10102At202407;
}

struct WalletGetCreditParamsPr10102At202407 {
  context @0 :Context;
  txout @1 :Data;
  filter @2 :UInt32;
}

struct WalletGetDebitParamsPr10102At202407 {
  context @0 :Context;
  txin @1 :Data;
  filter @2 :UInt32;
}

struct WalletGetMinimumFeeParamsPr10102At202407 {
  context @0 :Context;
  txBytes @1 :UInt32;
  coinControl @2 :CoinControlPr10102At202407;
  wantReturnedTarget @3 :Bool;
  wantReason @4 :Bool;
}

struct WalletGetWalletTxDetailsResultsPr10102At202407 {
  txStatus @0 :WalletTxStatus;
  orderForm @1 :List(Pair(Text, Text));
  inMempool @2 :Bool;
  numBlocks @3 :Int32;
  result @4 :WalletTxPr10102At202407;
}

struct WalletGetWalletTxResultsPr10102At202407 {
  result @0 :WalletTxPr10102At202407;
}

struct WalletGetWalletTxsResultsPr10102At202407 {
  result @0 :List(WalletTxPr10102At202407);
}

struct WalletLoaderRestoreWalletParamsPr10102At202407 {
  context @0 :Context;
  backupFile @1 :Data;
  name @2 :Text;
}

struct WalletTryGetBalancesResultsPr10102At202407 {
  balances @0 :WalletBalancesPr10102At202407;
  blockHash @1 :Data;
  result @2 :Bool;
}

struct WalletTxPr10102At202407 {
  tx @0 :Data;
  txinIsMine @1 :List(Int32);
  txoutIsMine @2 :List(Int32);
  txoutIsChange @3 :List(Bool);
  txoutAddress @4 :List(TxDestination);
  txoutAddressIsMine @5 :List(Int32);
  credit @6 :Int64;
  debit @7 :Int64;
  change @8 :Int64;
  time @9 :Int64;
  valueMap @10 :List(Pair(Text, Text));
  isCoinbase @11 :Bool;
}

struct WalletTxinIsMineResultsPr10102At202407 {
  result @0 :Int32;
}

struct WalletTxoutIsMineResultsPr10102At202407 {
  result @0 :Int32;
}
