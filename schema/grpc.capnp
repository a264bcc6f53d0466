@0x8139a5911545091d;
# What the wire does not say: annotations from which `codegen` makes a gRPC
# contract out of the node's interfaces. They change nothing on the wire.

enum AccessClass {
  # The right a caller needs. `docs/rights.md` explains the classes.

  read @0;
  # Looks at public chain, mempool and peer state.
  submit @1;
  # Hands the node a transaction, a block or a template solution.
  wallet @2;
  # Touches a wallet, its keys or its history.
  control @3;
  # Changes settings, peers or bans, talks to the operator, or runs RPC commands.
  lifecycle @4;
  # Starts, initialises or stops the node.
}

enum ContentKind {
  # What the bytes of a `Data` (or the characters of a `Text`) hold. The first
  # group stays `bytes` in the contract and is checked before it is sent; the
  # second becomes a message of its own, so nothing undecodable can be sent.

  raw @0;
  # Any bytes. The default.
  blockHash @1;
  # 32 bytes, internal byte order.
  txid @2;
  # 32 bytes, internal byte order, witness left out of the hash.
  wtxid @3;
  # 32 bytes, internal byte order, witness included.
  transaction @4;
  # Network serialization, with witness (BIP 144). Must parse to its last byte and have inputs.
  block @5;
  # Network serialization, with witness. Must parse to its last byte.
  header @6;
  # 80 bytes.
  script @7;
  # A script; some generations put its length before it.
  pubKey @8;
  # A public key, 33 or 65 bytes, or empty for none; some generations put its length before it.
  hash160 @9;
  # 20 bytes.
  secret @10;
  # A passphrase. Never shown in logs or in Debug output.
  json @11;
  # Text: one JSON value.

  outPoint @12;
  # txid, then output number as 4 bytes little endian.
  feeRate @13;
  # CFeeRate; 8 or 12 bytes, by generation.
  locator @14;
  # CBlockLocator: version, then hashes from the tip towards genesis.
  coin @15;
  # Coin: height and coinbase flag, compressed amount, compressed script.
  txOut @16;
  # CTxOut: amount, script.
  txIn @17;
  # CTxIn: outpoint, scriptSig, sequence.
  netAddress @18;
  # CNetAddr: network by BIP 155, length, bytes.
  netService @19;
  # CService: a CNetAddr, then the port big endian.
  peerAddress @20;
  # CAddress: time, services, CService.
  subnet @21;
  # Text in Data: an address, or an address and a prefix length.
  banMap @22;
  # JSON text: an array of bans.
}

struct Bounds {
  # Inclusive bounds of a number in a request.
  min @0 :Int64 = -9223372036854775808;
  max @1 :Int64 = 9223372036854775807;
}

struct EntryNames {
  # How a Pair becomes a message: its name, and those of its two fields.
  name @0 :Text;
  key @1 :Text;
  value @2 :Text;
}

annotation doc @0xbd4da3b9bb0ad5b9 (param) :Text;
# Comment of a parameter or result (Cap'n Proto keeps no comments there).

annotation access @0xa0d1a5d4aa4d22c1 (interface, method) :AccessClass;
# Access class of a method, or of all methods of an interface.

annotation service @0xe2a5ef0c6e3b4c71 (interface) :Text;
# This interface is a gRPC service. The value says how a call finds its object
# on the node: "root" for one made by Init, "leased" or "named" for the others.

annotation plumbing @0x8ce35d2b4b1c2f6a (method) :Text;
# Not in the contract, and why.

annotation blocking @0xd3f1c80d5e0a4b92 (method) :Void;
# May wait for an event for as long as the caller allows; runs on a thread of its own.

annotation effect @0xb7c9ae2f6d184e05 (method) :Void;
# A `read` method that is not idempotent all the same. (Methods of class `read` are
# idempotent unless this is said; methods of other classes are not.)

annotation idempotent @0xf5a8d3e17b6249c3 (method) :Void;
# A method outside class `read` that may be sent twice with the effect of once.

annotation cacheable @0x9a6e40c2d8b71f35 (method) :Text;
# The reply to one request never changes, under the condition given as text.

annotation name @0xc6f07d3e2a914b58 (interface, method, struct, field, param) :Text;
# A better name in the contract, snake_case for fields, PascalCase for the rest.

annotation content @0xad83b5f91c6e2047 (field, param) :ContentKind;
# What the Data holds; of a list its elements, of a Pair its key.

annotation valueContent @0x92b4e6d03f7a15c8 (field, param) :ContentKind;
# What the Data in the value half of a Pair holds.

annotation enumeration @0xe93c5a7f10d2b864 (field, param) :Text;
# The number is one of the named enum's values.

annotation range @0xdb1e94a6c53f7208 (field, param) :Bounds;
# Bounds of a number in a request; anything else is refused before it is sent.

annotation maxItems @0xf26d3b8c9e5a0174 (field, param) :UInt32;
# The most elements that a list in a request may have.

annotation maxBytes @0x8f7b2c4d1ea96053 (field, param) :UInt32;
# The most bytes that one Text or Data in a request may have.

annotation required @0xa84f6e1d2c0b9375 (field, param) :Void;
# A message that a request must carry.

annotation keysOnly @0xcc95d02e7f48b1a6 (field, param) :Void;
# In a request only the keys of these Pairs matter; the contract asks for no values.

annotation entry @0xd604a1b8f3c27e59 (field, param) :EntryNames;
# Names of the message that a Pair becomes.

annotation innerEntry @0xb35c9ef2806d4a17 (field, param) :EntryNames;
# The same for a Pair in the value half of a Pair.

annotation exception @0x97e2d6b5a01f8c43 (field, param) :Text;
# Carries the text of a C++ exception of this type, in place of a result.

annotation oneof @0xe1b70f5c6d32a894 (struct) :Void;
# Exactly one of the fields is set.

annotation wireEnum @0x85d9c3a2e46f0b71 (enum) :Void;
# Numbers of this enum are what the node sends and takes in an integer field.

annotation nullable @0x87d1e4b6209fc35a (field, param) :Void;
# A Data in a reply that the node leaves out when there is nothing to say: `optional`
# in the contract. In a list, each element becomes a message (see `entry`: its name, and
# as `key` that of its one optional field).
