@0xcd2c6232cb484a28;

# Types that several interfaces share.

using G = import "/grpc.capnp";

enum FeeReason $G.wireEnum {
  # Where a feerate comes from. The numbers are the node's own. Nodes of 2025 and earlier have one more value at
  # 6 (set by the caller or by -paytxfee; newer nodes say none), which moves fallback and required to 7 and 8.
  # Only the wallet uses these three: the reasons of Chain's estimates mean the same on every node.

  none @0;
  # No estimate.
  halfEstimate @1;
  # The estimate for half the target, at a success rate of 60%.
  fullEstimate @2;
  # The estimate for the target, at a success rate of 85%.
  doubleEstimate @3;
  # The estimate for double the target, at a success rate of 95%.
  conservative @4;
  # The estimate for double the target over a longer time.
  mempoolMin @5;
  # The minimum feerate of the mempool.
  fallback @6;
  # The -fallbackfee setting.
  required @7;
  # The lowest feerate that the wallet or relay allows.
}

struct BilingualStr @0x8ab5bd30b9c0e6b8 $G.name("BilingualString") {
  # A message for the log and for the user.
  original @0 :Text $G.maxBytes(65536);
  # In English, as logged.
  translated @1 :Text $G.maxBytes(65536);
  # In the language of the user interface; may equal the original.
}

struct BlockRef @0xb3be4b8949350369 {
  # A block by hash and height.
  hash @0 :Data $G.content(blockHash);
  # Block hash, internal byte order.
  height @1 :Int32;
  # Height.
}

struct EstimationResult @0xb15b142936c65fa7 {
  # Which feerates met the success rate and which did not.
  pass @0 :EstimatorBucket;
  # The lowest range of feerates that met it.
  fail @1 :EstimatorBucket;
  # The highest range of feerates that did not; its bounds are -1 if there is none.
  decay @2 :Float64;
  # Factor by which older blocks count less, per block.
  scale @3 :UInt32;
  # Resolution of confirmation targets, in blocks.
}

struct EstimatorBucket @0x9f5f7cf3583faae9 {
  # Transactions of a range of feerates, weighted by age, hence fractional.
  start @0 :Float64 $G.name("start_sat_per_kvb");
  # Lower bound in satoshi per 1000 vB; -1: not set.
  end @1 :Float64 $G.name("end_sat_per_kvb");
  # Upper bound in satoshi per 1000 vB; -1: not set, 1e99: no bound.
  withinTarget @2 :Float64;
  # Transactions that confirmed within the target.
  totalConfirmed @3 :Float64;
  # Transactions that confirmed at all.
  inMempool @4 :Float64;
  # Transactions that have waited in the mempool for at least the target.
  leftMempool @5 :Float64;
  # Transactions that left the mempool unconfirmed after the target.
}

struct FeeCalculation @0xa1146c2d9df953f0 {
  # How a feerate was found.
  est @0 :EstimationResult $G.name("estimation");
  # The data behind it.
  reason @1 :Int32 $G.enumeration("FeeReason");
  # Which rule decided.
  desiredTarget @2 :Int32;
  # The target asked for, in blocks.
  returnedTarget @3 :Int32;
  # The target that the feerate is for, in blocks; the desired one may be out of reach.
  bestHeight @4 :UInt32;
  # Height of the last block that the estimator has seen.
}

struct GlobalArgs @0xb574578dd61d491c {
  # The settings of a process.
  settings @0 :Settings;
  # The settings, by source.
  configPath @1 :Text $G.maxBytes(4096);
  # Path of the configuration file.
}

struct Pair @0x8ef2f6fc4199a71e(Key, Value) {
  # A key and its value.
  key @0 :Key;
  # The key.
  value @1 :Value;
  # The value.
}

struct PairInt64 @0xb6061f707b66a314(Key) {
  # A key and a signed number.
  key @0 :Key;
  # The key.
  value @1 :Int64;
  # The number.
}

struct PairUInt64 @0xa23cd3610997e98d(Key) {
  # A key and an unsigned number.
  key @0 :Key;
  # The key.
  value @1 :UInt64;
  # The number.
}

struct Result @0xe9ccda4c4ecfcc58(Value) {
  # A value, or the reason why there is none.
  value @0 :Value;
  # The value; absent if there was an error.
  error @1 :BilingualStr;
  # What went wrong; absent if nothing did.
}

struct ResultVoid @0xc55a33a945f4410c(Value) {
  # Success, or the reason for failure.
  error @0 :BilingualStr;
  # What went wrong; absent if nothing did.
}

struct Settings @0xf25872482c47d6d9 {
  # Settings by where they come from, strongest first. Values are JSON text. At most 10000 names each.
  forcedSettings @0 :List(Pair(Text, Text)) $G.content(raw) $G.valueContent(json)
    $G.entry(name = "Setting", key = "name", value = "value") $G.maxItems(10000);
  # Set by the program itself, above everything else.
  commandLineOptions @1 :List(Pair(Text, List(Text))) $G.content(raw) $G.valueContent(json)
    $G.entry(name = "SettingValues", key = "name", value = "values") $G.maxItems(10000);
  # From the command line, all values of each.
  rwSettings @2 :List(Pair(Text, Text)) $G.content(raw) $G.valueContent(json)
    $G.entry(name = "Setting", key = "name", value = "value") $G.maxItems(10000);
  # From the settings file (settings.json).
  roConfig @3 :List(Pair(Text, List(Pair(Text, List(Text))))) $G.content(raw) $G.valueContent(json)
    $G.entry(name = "ConfigSection", key = "section", value = "settings")
    $G.innerEntry(name = "SettingValues", key = "name", value = "values") $G.maxItems(10000);
  # From the configuration file, by section (network); the section without a name applies to all.
}
