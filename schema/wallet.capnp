@0xe234cce74feea00c;

# Wallet: the wallets of a node, their coins, addresses and history.

using G = import "/grpc.capnp";
using BilingualStr = import "/common.capnp".BilingualStr;
using ChainClient = import "/chain.capnp".ChainClient;
using Context = import "/mp/proxy.capnp".Context;
using FeeCalculation = import "/common.capnp".FeeCalculation;
using Handler = import "/handler.capnp".Handler;
using Pair = import "/common.capnp".Pair;
using Result = import "/common.capnp".Result;
using ResultVoid = import "/common.capnp".ResultVoid;

enum OutputType $G.wireEnum {
  # Kinds of addresses that a wallet makes.

  legacy @0;
  # Pay to public key hash (P2PKH).
  p2shSegwit @1;
  # Pay to witness public key hash inside P2SH.
  bech32 @2;
  # Pay to witness public key hash (P2WPKH).
  bech32m @3;
  # Pay to taproot (P2TR).
  unknown @4;
  # No such kind; a wallet has no addresses of it.
}

enum AddressPurpose $G.wireEnum {
  # Why an address is in the address book.

  receive @0;
  # To receive with.
  send @1;
  # To send to.
  refund @2;
  # Written by old versions only.
}

enum ChangeType $G.wireEnum {
  # What happened to an entry.

  new @0;
  # It was added.
  updated @1;
  # It changed.
  deleted @2;
  # It was removed.
}

enum SigningResult $G.wireEnum {
  # Outcome of signing a message.

  ok @0;
  # Signed.
  privateKeyNotAvailable @1;
  # The wallet has no such key, or is locked.
  signingFailed @2;
  # Signing failed.
}

enum FeeEstimateMode $G.wireEnum {
  # How a feerate is estimated.

  unset @0;
  # Economical for replaceable transactions, else conservative.
  economical @1;
  # Follows a falling market quickly.
  conservative @2;
  # Prefers the estimate of a longer past.
}

interface AddressBookChangedCallback @0xad868d169d144a1b {
  # Changes of the address book. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    address :TxDestination $G.name("destination") $G.doc("Address of the entry."),
    label :Text $G.doc("Its label."),
    isMine :Bool $G.doc("Whether the address belongs to the wallet."),
    purpose :Int32 $G.enumeration("AddressPurpose") $G.doc("Why it is there."),
    status :Int32 $G.name("change") $G.enumeration("ChangeType") $G.doc("What happened.")
  ) -> ();
  # An entry changed.
}

interface CanGetAddressesChangedCallback @0xbbfeaf2e5d6b3539 {
  # The supply of addresses changed. Called by the node; the subscriber sees each call as one event of the
  # stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (context :Context) -> ();
  # The supply of addresses changed.
}

interface LoadWalletCallback @0x868d77561f46af8f {
  # Wallets being loaded. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    wallet :Wallet $G.name("wallet_name") $G.doc("The wallet by its name.")
  ) -> ();
  # A wallet was loaded or made.
}

interface ShowWalletProgressCallback @0xa31e41c2528bd1f1 {
  # Progress of rescans. Called by the node; the subscriber sees each call as one event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    title :Text $G.doc("Name of the wallet and what it does, for people."),
    progress :Int32 $G.name("progress_percent") $G.doc("0 to 100; 100 is the end.")
  ) -> ();
  # Work went on.
}

interface StatusChangedCallback @0xde63c88146b7284e {
  # The wallet was encrypted, locked or unlocked. Called by the node; the subscriber sees each call as one
  # event of the stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (context :Context) -> ();
  # Its status changed.
}

interface TransactionChangedCallback @0x96d115fd9b806538 {
  # Transactions added or changed. Called by the node; the subscriber sees each call as one event of the
  # stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order."),
    status :Int32 $G.name("change") $G.enumeration("ChangeType") $G.doc("What happened.")
  ) -> ();
  # A transaction was added or changed.
}

interface UnloadWalletCallback @0x87a230ae23c56a66 {
  # The wallet is about to be unloaded. Called by the node; the subscriber sees each call as one event of the
  # stream.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  call @1 (context :Context) -> ();
  # The wallet is about to be unloaded.
}

interface Wallet @0xc5f5ca46c6495fcf $G.access(wallet) $G.service("named") {
  # One loaded wallet, found by its name. While it is in use, the node can neither unload it nor end.

  destroy @0 (context :Context) -> () $G.plumbing("frees the object");
  # Frees the object. Never part of the contract.

  encryptWallet @1 (
    context :Context,
    walletPassphrase :Data $G.name("passphrase") $G.content(secret) $G.range(min = 1, max = 4096)
      $G.doc("New passphrase, not empty. If it is lost, so are the coins.")
  ) -> (
    result :Bool $G.name("encrypted") $G.doc("False when it was encrypted before.")
  ) $G.blocking;
  # Encrypts the private keys, makes a new seed and locks the wallet. Backups made before become useless for
  # new addresses. Wallets without private keys must not be encrypted: it kills the node.

  isCrypted @2 (context :Context) -> (
    result :Bool $G.name("encrypted") $G.doc("True also while unlocked.")
  ) $G.idempotent;
  # Whether the private keys are encrypted.

  lock @3 (context :Context) -> (
    result :Bool $G.name("locked") $G.doc("False when the wallet is not encrypted.")
  ) $G.idempotent;
  # Forgets the decrypted keys.

  unlock @4 (
    context :Context,
    walletPassphrase :Data $G.name("passphrase") $G.content(secret) $G.maxBytes(4096)
      $G.doc("Passphrase of the wallet.")
  ) -> (
    result :Bool $G.name("unlocked")
      $G.doc("False when the passphrase is wrong or the wallet not encrypted.")
  ) $G.blocking $G.idempotent;
  # Decrypts the keys until Lock is called or the wallet unloaded; no timer locks it again.

  isLocked @5 (context :Context) -> (
    result :Bool $G.name("locked") $G.doc("False for a wallet that is not encrypted.")
  ) $G.idempotent;
  # Whether the keys are encrypted and not available now.

  changeWalletPassphrase @6 (
    context :Context,
    oldWalletPassphrase :Data $G.name("old_passphrase") $G.content(secret) $G.maxBytes(4096)
      $G.doc("Passphrase until now."),
    newWalletPassphrase :Data $G.name("new_passphrase") $G.content(secret) $G.range(min = 1, max = 4096)
      $G.doc("Passphrase from now on, not empty.")
  ) -> (
    result :Bool $G.name("changed")
      $G.doc("False when the old one is wrong (the wallet is locked then) or the wallet not encrypted.")
  ) $G.blocking;
  # Changes the passphrase.

  abortRescan @7 (context :Context) -> () $G.idempotent;
  # Asks a rescan that is under way to stop. Without one, nothing happens.

  backupWallet @8 (
    context :Context,
    filename :Text $G.name("path") $G.maxBytes(4096)
      $G.doc("File to write on the node; an empty path reports success and keeps nothing.")
  ) -> (
    result :Bool $G.name("saved") $G.doc("False when the file could not be written.")
  ) $G.blocking;
  # Copies the wallet file on the machine of the node. An existing file is overwritten.

  getWalletName @9 (context :Context) -> (
    result :Text $G.name("name") $G.doc("Empty for the wallet without a name.")
  ) $G.idempotent;
  # Name of the wallet.

  getNewDestination @10 (
    context :Context,
    outputType :Int32 $G.name("address_type") $G.enumeration("OutputType")
      $G.doc("Kind of address. Other numbers kill the node, and are refused."),
    label :Text $G.maxBytes(1000) $G.doc("Label in the address book; may be empty.")
  ) -> (
    result :Result(TxDestination) $G.name("destination")
      $G.doc("The address, or why there is none (for example keys used up while locked).")
  );
  # Makes a receiving address and puts it into the address book.

  getPubKey @11 (
    context :Context,
    script :Data $G.content(script) $G.maxBytes(10000) $G.doc("Output script that pays to the key."),
    address :Data $G.name("key_hash") $G.content(hash160) $G.doc("Hash of the key, 20 bytes.")
  ) -> (
    pubKey :Data $G.content(pubKey) $G.doc("The key; empty unless found is true."),
    result :Bool $G.name("found") $G.doc("Whether the wallet knows the key.")
  ) $G.idempotent;
  # Public key behind a key hash that the wallet can solve for.

  signMessage @12 (
    context :Context,
    message :Text $G.maxBytes(65536) $G.doc("Text to sign."),
    pkhash :Data $G.name("key_hash") $G.content(hash160) $G.doc("Hash of the key, 20 bytes.")
  ) -> (
    signature :Text $G.doc("Base64; empty unless status says ok."),
    result :Int32 $G.name("status") $G.enumeration("SigningResult") $G.doc("Outcome.")
  ) $G.idempotent;
  # Signs a text with the key of a P2PKH address.

  isSpendable @13 (
    context :Context,
    dest :TxDestination $G.name("destination") $G.required $G.doc("Address meant.")
  ) -> (
    result :Bool $G.name("spendable") $G.doc("True also for addresses that the wallet only watches.")
  ) $G.idempotent;
  # Whether an address belongs to the wallet.

  setAddressBook @14 (
    context :Context,
    dest :TxDestination $G.name("destination") $G.required $G.doc("Address meant."),
    name :Text $G.name("label") $G.maxBytes(1000) $G.doc("Label; may be empty."),
    purpose :Int32 $G.enumeration("AddressPurpose")
      $G.doc("Why it is there. Other numbers kill the node, and are refused.")
  ) -> (
    result :Bool $G.name("saved") $G.doc("False when the wallet file could not be written.")
  ) $G.idempotent;
  # Adds an address to the address book, or changes its label and purpose.

  delAddressBook @15 (
    context :Context,
    dest :TxDestination $G.name("destination") $G.required $G.doc("Address meant.")
  ) -> (
    result :Bool $G.name("deleted")
      $G.doc("False for an own address, which stays; true also when it was not there.")
  ) $G.idempotent;
  # Removes an address from the address book.

  getAddress @16 (
    context :Context,
    dest :TxDestination $G.name("destination") $G.required $G.doc("Address meant."),
    wantName :Bool $G.name("want_label") $G.doc("Asks for the label."),
    wantPurpose :Bool $G.doc("Asks for the purpose.")
  ) -> (
    name :Text $G.name("label") $G.doc("Empty unless asked for and found."),
    purpose :Int32 $G.enumeration("AddressPurpose") $G.doc("Receive (0) unless asked for and found."),
    result :Bool $G.name("found") $G.doc("Whether the address book has it.")
  ) $G.idempotent;
  # Looks an address up in the address book.

  getAddresses @17 (context :Context) -> (
    result :List(WalletAddress) $G.name("addresses") $G.doc("All entries.")
  ) $G.idempotent;
  # The address book, change addresses left out.

  getAddressReceiveRequests @18 (context :Context) -> (
    result :List(Data) $G.name("requests") $G.content(raw)
      $G.doc("The bytes as they were stored; neither addresses nor ids are told.")
  ) $G.idempotent;
  # Payment requests that were stored with SetAddressReceiveRequest.

  setAddressReceiveRequest @19 (
    context :Context,
    dest :TxDestination $G.name("destination") $G.required $G.doc("Address meant."),
    id :Data $G.content(raw) $G.maxBytes(1000) $G.doc("Name of the request, free to choose."),
    value :Data $G.content(raw) $G.maxBytes(65536) $G.doc("Any bytes; empty removes the request.")
  ) -> (
    result :Bool $G.name("saved") $G.doc("False when the wallet file could not be written.")
  ) $G.idempotent;
  # Stores a payment request with an address, or removes it.

  displayAddress @20 (
    context :Context,
    dest :TxDestination $G.name("destination") $G.required $G.doc("Address meant.")
  ) -> (
    result :ResultVoid $G.name("verdict")
      $G.doc("Carries an error when the address could not be shown or the wallet has no device.")
  ) $G.blocking;
  # Shows an own address on the signing device of the wallet and waits for it.
  # A device that is missing or fails kills generations whose unhandled errors end the process.

  lockCoin @21 (
    context :Context,
    output :Data $G.name("outpoint") $G.content(outPoint) $G.required $G.doc("Output meant."),
    writeToDb :Bool $G.name("persistent") $G.doc("Keeps the lock when the wallet is loaded again.")
  ) -> (
    result :Bool $G.name("locked") $G.doc("False when the wallet file could not be written.")
  ) $G.idempotent;
  # Keeps an output from being chosen for spending. Unknown outputs are accepted.

  unlockCoin @22 (
    context :Context,
    output :Data $G.name("outpoint") $G.content(outPoint) $G.required $G.doc("Output meant.")
  ) -> (
    result :Bool $G.name("unlocked") $G.doc("True also when it was not locked.")
  ) $G.idempotent;
  # Ends the lock of an output.

  isLockedCoin @23 (
    context :Context,
    output :Data $G.name("outpoint") $G.content(outPoint) $G.required $G.doc("Output meant.")
  ) -> (
    result :Bool $G.name("locked") $G.doc("Whether it is locked.")
  ) $G.idempotent;
  # Whether an output is locked.

  listLockedCoins @24 (context :Context) -> (
    outputs :List(Data) $G.name("outpoints") $G.content(outPoint) $G.doc("Unknown ones included.")
  ) $G.idempotent;
  # All locked outputs.

  createTransaction @25 (
    context :Context,
    recipients :List(Recipient) $G.maxItems(3000)
      $G.doc("Outputs to make, at least one; more do not fit a standard transaction."),
    coinControl :CoinControl
      $G.doc("How to choose coins and feerate. Absent: all its fields absent or false."),
    sign :Bool $G.doc("Signs the transaction; needs an unlocked wallet."),
    hasChangePos :Bool $G.doc("Whether change_position is set."),
    changePos :UInt32 $G.name("change_position")
      $G.doc("Position of the change output; absent for a random one.")
  ) -> (
    result :Result(CreatedTransactionResult) $G.name("created")
      $G.doc("The transaction, or why there is none (for example insufficient funds).")
  ) $G.blocking;
  # Chooses coins and builds a transaction; nothing is sent or stored, but a change address may be used up.

  commitTransaction @26 (
    context :Context,
    tx :Data $G.content(transaction) $G.maxBytes(4000000)
      $G.doc("Signed transaction, network serialization with witness."),
    valueMap :List(Pair(Text, Text)) $G.name("notes") $G.maxItems(1000) $G.maxBytes(65536)
      $G.entry(name = "WalletTxNote", key = "key", value = "value")
      $G.doc("Notes to store, for example comment and to."),
    orderForm :List(Pair(Text, Text)) $G.maxItems(1000) $G.maxBytes(65536)
      $G.entry(name = "OrderFormEntry", key = "key", value = "value")
      $G.doc("Texts of the payment, for example Message; order is kept.")
  ) -> ();
  # Stores a transaction in the wallet and sends it. A refusal by the mempool is only logged.
  # Every input must spend a transaction of this wallet, and a transaction is committed once: all else kills
  # the node.

  transactionCanBeAbandoned @27 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    result :Bool $G.name("can_be_abandoned") $G.doc("False for unknown transactions.")
  ) $G.idempotent;
  # Whether a transaction of the wallet can be given up: neither confirmed, conflicted, abandoned nor in the
  # mempool.

  abandonTransaction @28 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    result :Bool $G.name("abandoned") $G.doc("False when it is confirmed or in the mempool.")
  ) $G.idempotent;
  # Gives a transaction and those that spend it up, so that its coins can be spent again.
  # Only after TransactionCanBeAbandoned said yes: an unknown transaction kills the node.

  transactionCanBeBumped @29 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    result :Bool $G.name("can_be_bumped")
      $G.doc("False when confirmed, replaced, spent from, partly foreign or unknown.")
  ) $G.idempotent;
  # Whether a transaction can be replaced by one with a higher fee.

  createBumpTransaction @30 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction to replace, 32 bytes, internal byte order."),
    coinControl :CoinControl
      $G.doc("How to choose coins and feerate. Absent: all its fields absent or false.")
  ) -> (
    errors :List(BilingualStr) $G.doc("Why there is no replacement."),
    oldFee :Int64 $G.name("old_fee_sat")
      $G.doc("Fee of the old transaction in satoshi; 0 after most errors."),
    newFee :Int64 $G.name("new_fee_sat") $G.doc("Fee of the replacement in satoshi; 0 after an error."),
    mtx :Data $G.name("tx") $G.content(transaction)
      $G.doc("The replacement; a transaction without inputs and outputs after an error."),
    result :Bool $G.name("created") $G.doc("Whether there is a replacement.")
  );
  # Builds a replacement with a higher fee, unsigned; nothing is sent or stored.

  signBumpTransaction @31 (
    context :Context,
    mtx :Data $G.name("tx") $G.content(transaction) $G.maxBytes(4000000) $G.doc("Replacement to sign.")
  ) -> (
    mtx :Data $G.name("tx") $G.content(transaction) $G.doc("Signed as far as the wallet could."),
    result :Bool $G.name("signed")
      $G.doc("False when a signature is missing, for example because the wallet is locked.")
  ) $G.blocking;
  # Signs a replacement. A signing device may ask its owner.

  commitBumpTransaction @32 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction to replace, 32 bytes, internal byte order."),
    mtx :Data $G.name("tx") $G.content(transaction) $G.maxBytes(4000000) $G.doc("Signed replacement.")
  ) -> (
    errors :List(BilingualStr) $G.doc("Why it was not committed, or could not be marked."),
    bumpedTxid :Data $G.content(txid) $G.doc("The replacement, internal byte order; zero after an error."),
    result :Bool $G.name("committed") $G.doc("Whether it was stored and sent.")
  );
  # Stores a signed replacement, sends it and marks the old transaction as replaced.
  # Every input must spend a transaction of this wallet: all else kills the node.

  getTx @33 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    result :Data $G.name("tx") $G.content(transaction) $G.nullable
      $G.doc("Network serialization with witness; absent when unknown.")
  ) $G.idempotent;
  # A transaction of the wallet.

  getWalletTx @34 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    result :WalletTx $G.name("wallet_tx") $G.doc("Without tx when unknown.")
  ) $G.idempotent;
  # A transaction as the wallet sees it. One with a pay-to-anchor output, of which the node on the branch of 2026
  # dies, is refused there.

  getWalletTxs @35 (context :Context) -> (
    result :List(WalletTx) $G.name("wallet_txs") $G.doc("By txid.")
  ) $G.idempotent;
  # All transactions of the wallet. Refused where one of them has a pay-to-anchor output, of which the node
  # on the branch of 2026 dies.

  tryGetTxStatus @36 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    txStatus :WalletTxStatus $G.name("status") $G.doc("Zeros unless found is true."),
    numBlocks :Int32 $G.name("tip_height") $G.doc("Height of the last block that the wallet has processed."),
    blockTime :Int64 $G.doc("Time in the header of that block, Unix seconds."),
    result :Bool $G.name("found") $G.doc("False when unknown, and when the wallet is busy.")
  ) $G.idempotent;
  # Status of a transaction, without waiting for a busy wallet.

  getWalletTxDetails @37 (
    context :Context,
    txid :Data $G.content(txid) $G.doc("Transaction, 32 bytes, internal byte order.")
  ) -> (
    txStatus :WalletTxStatus $G.name("status") $G.doc("Zeros when unknown."),
    orderForm :List(Pair(Text, Text)) $G.entry(name = "OrderFormEntry", key = "key", value = "value")
      $G.doc("Texts stored with the payment."),
    inMempool :Bool $G.doc("Whether the mempool has it."),
    numBlocks :Int32 $G.name("tip_height")
      $G.doc("Height of the last block that the wallet has processed; 0 when unknown."),
    result :WalletTx $G.name("wallet_tx") $G.doc("Without tx when unknown.")
  ) $G.idempotent;
  # A transaction with its status. Pay-to-anchor outputs as with GetWalletTx.

  getBalances @38 (context :Context) -> (
    result :WalletBalances $G.name("balances") $G.doc("In satoshi.")
  ) $G.idempotent;
  # Balances of the wallet.

  fillPSBT @39 (
    context :Context,
    sighashType :Int32 $G.doc("Sighash type to sign with."),
    sign :Bool $G.doc("Signs the inputs."),
    bip32derivs :Bool $G.name("bip32_derivs") $G.doc("Adds derivation paths of keys."),
    wantNSigned :Bool $G.name("want_signed_inputs") $G.doc("Asks for the number of inputs signed.")
  ) -> (
    nSigned :UInt64 $G.name("signed_inputs") $G.doc("Inputs signed, if asked for."),
    psbt :Data $G.content(raw) $G.doc("The PSBT, binary, without inputs and outputs."),
    complete :Bool $G.doc("Whether all inputs are signed; true, as there are none."),
    result :Int32 $G.name("error_code")
      $G.doc("0 none or inputs missing, 1 sighash mismatch, 2 no signer, 3 signer failed, 4 unsupported.")
  ) $G.idempotent;
  # Of no use so far: no generation sends the PSBT of the caller, so an empty one is filled.

  tryGetBalances @40 (context :Context) -> (
    balances :WalletBalances $G.doc("Zeros unless available is true."),
    blockHash :Data $G.content(blockHash)
      $G.doc("Last block that the wallet has processed, internal byte order; zero unless available."),
    result :Bool $G.name("available") $G.doc("False when the wallet is busy.")
  ) $G.idempotent;
  # Balances, without waiting for a busy wallet.

  getBalance @41 (context :Context) -> (
    result :Int64 $G.name("balance_sat") $G.doc("Satoshi.")
  ) $G.idempotent;
  # Balance that can be trusted: confirmed, or own change.

  getAvailableBalance @42 (
    context :Context,
    coinControl :CoinControl
      $G.doc("How to choose coins and feerate. Absent: all its fields absent or false.")
  ) -> (
    result :Int64 $G.name("available_sat")
      $G.doc("Satoshi; selected coins are counted, others only if allowed.")
  ) $G.idempotent;
  # Sum of the coins that a transaction built with these choices could spend.

  txinIsMine @43 (
    context :Context,
    txin :Data $G.content(txIn) $G.required $G.doc("Input to look at; only its outpoint counts.")
  ) -> (
    result :Bool $G.name("is_mine")
      $G.doc("False for unknown outputs. The branch of July 2024 counts coins that are only watched, too.")
  ) $G.idempotent;
  # Whether an input spends a coin of the wallet.

  txoutIsMine @44 (
    context :Context,
    txout :Data $G.content(txOut) $G.required $G.doc("Output to look at.")
  ) -> (
    result :Bool $G.name("is_mine")
      $G.doc("By its script alone. The branch of July 2024 counts scripts that are only watched, too.")
  ) $G.idempotent;
  # Whether an output pays to the wallet.

  getDebit @45 (
    context :Context,
    txin :Data $G.content(txIn) $G.required $G.doc("Input to look at; only its outpoint counts.")
  ) -> (
    result :Int64 $G.name("debit_sat") $G.doc("Satoshi; 0 when it is not of this wallet.")
  ) $G.idempotent;
  # Amount that an input takes from the wallet.

  getCredit @46 (
    context :Context,
    txout :Data $G.content(txOut) $G.required
      $G.doc("Output; an amount below 0 or above 21 million BTC kills the node.")
  ) -> (
    result :Int64 $G.name("credit_sat") $G.doc("Satoshi; 0 when it is not of this wallet.")
  ) $G.idempotent;
  # Amount that an output gives to the wallet.

  listCoins @47 (context :Context) -> (
    result :List(Pair(TxDestination, List(Pair(Data, WalletTxOut)))) $G.name("groups")
      $G.valueContent(outPoint)
      $G.entry(name = "CoinGroup", key = "destination", value = "coins")
      $G.innerEntry(name = "WalletCoin", key = "outpoint", value = "output")
      $G.doc("One group for each address.")
  ) $G.idempotent;
  # Spendable coins, locked ones included, by the address that received them; change counts to its origin.

  getCoins @48 (
    context :Context,
    outputs :List(Data) $G.name("outpoints") $G.content(outPoint) $G.maxItems(10000)
      $G.doc("Outputs to look up; more would hold the wallet too long.")
  ) -> (
    result :List(WalletTxOut) $G.name("outputs")
      $G.doc("In the order asked for; unknown or conflicted ones have depth -1 and an amount of -1.")
  ) $G.idempotent;
  # Outputs of transactions of the wallet. An index beyond the outputs of a known transaction kills the node.

  getRequiredFee @49 (
    context :Context,
    txBytes :UInt32 $G.name("tx_vbytes") $G.range(min = 0, max = 2147483647)
      $G.doc("Virtual size of the transaction in vB.")
  ) -> (
    result :Int64 $G.name("fee_sat") $G.doc("Satoshi.")
  ) $G.idempotent;
  # Least fee that the wallet and the relay rules accept.

  getMinimumFee @50 (
    context :Context,
    txBytes :UInt32 $G.name("tx_vbytes") $G.range(min = 0, max = 2147483647)
      $G.doc("Virtual size of the transaction in vB."),
    coinControl :CoinControl
      $G.doc("How to choose coins and feerate. Absent: all its fields absent or false."),
    wantReturnedTarget :Bool $G.doc("Asks for the target of the estimate."),
    wantReason :Bool $G.doc("Asks for the reason.")
  ) -> (
    returnedTarget :Int32 $G.doc("Blocks that the estimate is for, if asked for; 0 without an estimate."),
    reason :Int32 $G.enumeration("FeeReason") $G.doc("Where the feerate comes from, if asked for."),
    result :Int64 $G.name("fee_sat") $G.doc("Satoshi; 0 when there is no estimate and no fallback feerate.")
  ) $G.idempotent;
  # Fee that the wallet would pay for a transaction of this size.

  getConfirmTarget @51 (context :Context) -> (
    result :UInt32 $G.name("confirm_target") $G.doc("Blocks.")
  ) $G.idempotent;
  # Confirmation target of the wallet (-txconfirmtarget).

  hdEnabled @52 (context :Context) -> (
    result :Bool $G.name("hd_enabled") $G.doc("False also without active descriptors.")
  ) $G.idempotent;
  # Whether all active keys of the wallet are derived from a seed.

  canGetAddresses @53 (context :Context) -> (
    result :Bool $G.name("can_get_addresses") $G.doc("False for a blank wallet.")
  ) $G.idempotent;
  # Whether the wallet can make receiving addresses.

  privateKeysDisabled @54 (context :Context) -> (
    result :Bool $G.name("private_keys_disabled") $G.doc("True for watch-only wallets.")
  ) $G.idempotent;
  # Whether the wallet can never hold private keys.

  taprootEnabled @55 (context :Context) -> (
    result :Bool $G.name("taproot_enabled") $G.doc("True when it has an active taproot descriptor.")
  ) $G.idempotent;
  # Whether the wallet can make taproot addresses.

  hasExternalSigner @56 (context :Context) -> (
    result :Bool $G.name("has_external_signer") $G.doc("Decided when the wallet was made.")
  ) $G.idempotent;
  # Whether a signing device holds the keys.

  getDefaultAddressType @57 (context :Context) -> (
    result :Int32 $G.name("address_type") $G.enumeration("OutputType") $G.doc("Kind of address.")
  ) $G.idempotent;
  # Kind of address made by default (-addresstype).

  getDefaultMaxTxFee @58 (context :Context) -> (
    result :Int64 $G.name("max_tx_fee_sat") $G.doc("Satoshi.")
  ) $G.idempotent;
  # Highest fee of a transaction (-maxtxfee).

  remove @59 (context :Context) -> ();
  # Takes the wallet off the node and off the list of wallets to load at the start. Its file stays;
  # it is closed once nobody uses the wallet.

  handleUnload @60 (
    context :Context,
    callback :UnloadWalletCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Tells when the wallet is about to be unloaded. The unloading waits for everybody to let go of the wallet.

  handleShowProgress @61 (
    context :Context,
    callback :ShowWalletProgressCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Progress of rescans.

  handleStatusChanged @62 (
    context :Context,
    callback :StatusChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Tells when the wallet was encrypted, locked or unlocked. One change may give several events.

  handleAddressBookChanged @63 (
    context :Context,
    callback :AddressBookChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Changes of the address book.

  handleTransactionChanged @64 (
    context :Context,
    callback :TransactionChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Transactions added or changed.

  handleCanGetAddressesChanged @65 (
    context :Context,
    callback :CanGetAddressesChangedCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Tells when the supply of addresses changed; comes often.
}

interface WalletLoader @0xba10da251bfac23a extends(ChainClient) $G.access(wallet) $G.service("root") {
  # The wallets of a node: making, loading, listing. A node started with -disablewallet has no such service.

  createWallet @0 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name: a path below the wallet directory, not empty."),
    passphrase :Text $G.content(secret) $G.maxBytes(4096)
      $G.doc("Encrypts the wallet; empty for no encryption."),
    flags :UInt64 $G.range(min = 17179869184, max = 34359738367)
      $G.doc("Bit mask: 1<<34 descriptors (needed), 1<<33 blank, 1<<32 no private keys, 1 avoid reuse.")
  ) -> (
    warning :List(BilingualStr) $G.name("warnings") $G.doc("Things to know about the wallet."),
    result :Result(Wallet) $G.name("wallet_name") $G.doc("The wallet by its name, or why there is none.")
  ) $G.blocking;
  # Makes a wallet, loads it, and loads it at every start of the node from now on.

  loadWallet @1 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name of the wallet: a path below the wallet directory.")
  ) -> (
    warning :List(BilingualStr) $G.name("warnings") $G.doc("Things to know about the wallet."),
    result :Result(Wallet) $G.name("wallet_name")
      $G.doc("The wallet by its name, or why it is not loaded, for example because it is already.")
  ) $G.blocking;
  # Loads a wallet that exists, and loads it at every start of the node from now on. May rescan for long.

  getWalletDir @2 (context :Context) -> (
    result :Text $G.name("path") $G.doc("Path on the machine of the node.")
  ) $G.idempotent;
  # Directory of the wallets.

  restoreWallet @3 (
    context :Context,
    backupFile :Data $G.name("backup_path") $G.content(raw) $G.maxBytes(4096)
      $G.doc("Path of the backup on the machine of the node."),
    name :Text $G.maxBytes(1000) $G.doc("Name of the new wallet, not empty."),
    loadAfterRestore :Bool $G.range(min = 1, max = 1)
      $G.doc("Must be true: restoring without loading kills the node.")
  ) -> (
    warning :List(BilingualStr) $G.name("warnings") $G.doc("Things to know about the wallet."),
    result :Result(Wallet) $G.name("wallet_name") $G.doc("The wallet by its name, or why there is none.")
  ) $G.blocking;
  # Copies a backup into the wallet directory and loads it.

  migrateWallet @4 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name of the wallet: a path below the wallet directory."),
    passphrase :Text $G.content(secret) $G.maxBytes(4096) $G.doc("Passphrase, if the wallet is encrypted.")
  ) -> (
    result :Result(WalletMigrationResult) $G.name("migration") $G.doc("What was made, or why nothing was.")
  ) $G.blocking;
  # Turns a legacy wallet into descriptor wallets and loads them; a backup is kept.

  isEncrypted @5 (
    context :Context,
    name :Text $G.maxBytes(1000) $G.doc("Name of the wallet: a path below the wallet directory.")
  ) -> (
    result :Bool $G.name("encrypted") $G.doc("False also when there is no such wallet or it cannot be read.")
  ) $G.idempotent;
  # Whether a wallet is encrypted; it need not be loaded.

  listWalletDir @6 (context :Context) -> (
    result :List(Pair(Text, Text)) $G.name("wallets")
      $G.entry(name = "WalletDirEntry", key = "name", value = "format")
      $G.doc("Names, and file formats (sqlite, bdb; empty on the branch of 2024).")
  ) $G.idempotent;
  # Wallets in the wallet directory, loaded or not.

  getWallets @7 (context :Context) -> (
    result :List(Wallet) $G.name("wallet_names") $G.doc("Names; those of the service Wallet.")
  ) $G.idempotent;
  # Wallets that are loaded.

  handleLoadWallet @8 (
    context :Context,
    callback :LoadWalletCallback $G.doc("Receives the events; the stream stands for it.")
  ) -> (
    result :Handler $G.doc("Ends the subscription; the proxy keeps it for as long as the stream is open.")
  );
  # Wallets being loaded or made.
}

struct CoinControl @0xdbc08b904bdebc60 {
  # How to choose coins and the feerate of a transaction.
  destChange @0 :TxDestination $G.name("change_destination");
  # Where change goes; absent for a new address of the wallet.
  hasChangeType @1 :Bool;
  # Whether change_type is set.
  changeType @2 :Int32 $G.enumeration("OutputType");
  # Kind of the change address; absent for the choice of the wallet.
  includeUnsafeInputs @3 :Bool;
  # Spends unconfirmed coins that others sent, too.
  allowOtherInputs @4 :Bool;
  # Adds coins to the selected ones. If false, only selected ones are spent, so that none selected means none.
  allowWatchOnly @5 :Bool;
  # Has no effect on the branch of 2026.
  overrideFeeRate @6 :Bool $G.name("override_feerate");
  # Uses feerate as it is, below the minimum too.
  hasFeeRate @7 :Bool;
  # Whether feerate is set.
  feeRate @8 :Data $G.name("feerate") $G.content(feeRate);
  # Feerate in satoshi per 1000 vB; absent for an estimate.
  hasConfirmTarget @9 :Bool;
  # Whether confirm_target is set.
  confirmTarget @10 :Int32;
  # Blocks within which to confirm, 1 to 1008; absent for the default of the wallet.
  # Other numbers give the fallback feerate.
  hasSignalRbf @11 :Bool;
  # Whether signal_rbf is set.
  signalRbf @12 :Bool;
  # Makes the transaction replaceable (BIP 125); absent for the default of the wallet.
  avoidPartialSpends @13 :Bool;
  # Spends all coins of an address together.
  avoidAddressReuse @14 :Bool;
  # Leaves coins alone on addresses that were spent from, in wallets made with that flag.
  feeMode @15 :Int32 $G.enumeration("FeeEstimateMode");
  # How the feerate is estimated.
  minDepth @16 :Int32 $G.range(min = 0);
  # Least confirmations of coins that the wallet adds. The branch of 2026 takes it as the greatest too:
  # 0 means unconfirmed coins only, 3 means exactly 3 confirmations.
  maxDepth @17 :Int32 $G.range(min = 0);
  # Most confirmations of coins that the wallet adds. Ignored by the branch of 2026.
  hasLockTime @18 :UInt32;
  # Whether lock_time is set.
  lockTime @19 :UInt32;
  # Lock time of the transaction; absent for one that discourages fee sniping.
  hasVersion @20 :UInt32;
  # Whether version is set.
  version @21 :UInt32;
  # Version of the transaction; 1, 2 and 3 are standard. Absent for 2.
  hasMaxTxWeight @22 :UInt32;
  # Whether max_tx_weight is set.
  maxTxWeight @23 :UInt32;
  # Largest weight in weight units, 260 to 400000; absent for the standard limit.
  setSelected @24 :List(Data) $G.name("selected_outpoints") $G.content(outPoint) $G.maxItems(5000);
  # Coins to spend in any case; more do not fit a standard transaction.
}

struct CreatedTransactionResult @0xf0b4db97b1f942b6 $G.name("CreatedTransaction") {
  # A transaction that the wallet built.
  tx @0 :Data $G.content(transaction);
  # Network serialization with witness; signed only if asked for.
  fee @1 :Int64 $G.name("fee_sat");
  # Fee in satoshi.
  feeCalc @2 :FeeCalculation $G.name("fee_calculation");
  # How the feerate was found; zeros when the caller gave one.
  changePos @3 :UInt32 $G.name("change_position");
  # Position of the change output; 0 also when there is none.
}

struct Key @0xb5c9f51176c0c62b {
  # A private key. No method uses it.
  secret @0 :Data $G.content(secret);
  # 32 bytes.
  isCompressed @1 :Bool;
  # Whether its public key is compressed.
}

struct Recipient @0x982b22690a3da9ea {
  # One output to make.
  dest @0 :TxDestination $G.name("destination") $G.required;
  # Where the coins go. Without it they could be spent by anybody.
  amount @1 :Int64 $G.name("amount_sat") $G.range(max = 2100000000000000);
  # Amount in satoshi.
  subtractFeeFromAmount @2 :Bool;
  # Takes the fee, or its share of it, from this amount.
}

struct TxDestination @0xe1ccbc48ef7cd882 $G.oneof {
  # An address, as what its script commits to. In a reply none is set for scripts without an address.
  pubKey @0 :Data $G.content(raw) $G.range(min = 33, max = 65);
  # P2PK: the public key, 33 or 65 bytes.
  pkHash @1 :Data $G.content(hash160);
  # P2PKH: hash of the public key, 20 bytes.
  scriptHash @2 :Data $G.content(hash160);
  # P2SH: hash of the script, 20 bytes.
  witnessV0ScriptHash @3 :Data $G.content(raw) $G.range(min = 32, max = 32);
  # P2WSH: SHA-256 of the script, 32 bytes in the order of the script.
  witnessV0KeyHash @4 :Data $G.content(hash160);
  # P2WPKH: hash of the public key, 20 bytes.
  witnessV1Taproot @5 :Data $G.content(raw) $G.range(min = 32, max = 32);
  # P2TR: x-only output key, 32 bytes.
  witnessUnknown @6 :WitnessUnknown;
  # Any other witness program. In replies only: no generation can read one, so a request with one is refused.
}

struct WalletAddress @0xfb0e71648708372b {
  # An entry of the address book.
  dest @0 :TxDestination $G.name("destination");
  # Its address.
  isMine @1 :Bool;
  # Whether the address belongs to the wallet; on the branch of July 2024 also if it is only watched.
  name @2 :Text $G.name("label");
  # Label; may be empty.
  purpose @3 :Int32 $G.enumeration("AddressPurpose");
  # Why it is there.
}

struct WalletBalances @0xf7921ca03f2518e8 {
  # Balances in satoshi.
  balance @0 :Int64 $G.name("balance_sat");
  # Confirmed coins and own unconfirmed change.
  unconfirmedBalance @1 :Int64 $G.name("unconfirmed_balance_sat");
  # Unconfirmed coins from others.
  immatureBalance @2 :Int64 $G.name("immature_balance_sat");
  # Coinbase outputs that cannot be spent yet.
}

struct WalletMigrationResult @0x8cba75b87c124dd7 $G.name("WalletMigration") {
  # What a migration made.
  wallet @0 :Wallet $G.name("wallet_name");
  # The migrated wallet by its name.
  watchonlyWalletName @1 :Text $G.name("watch_only_wallet_name");
  # Wallet with the scripts that were only watched; empty when there were none.
  solvablesWalletName @2 :Text;
  # Wallet with scripts that are solvable but not watched; empty when there were none.
  backupPath @3 :Text;
  # Backup of the legacy wallet on the machine of the node.
}

struct WalletTx @0x86892aeaef975f87 {
  # A transaction as a wallet sees it.
  tx @0 :Data $G.content(transaction) $G.nullable;
  # Network serialization with witness; absent when the wallet does not know the transaction.
  txinIsMine @1 :List(Bool) $G.name("input_is_mine");
  # For each input, whether it spends a coin of the wallet; on the branch of July 2024 also one that is only
  # watched.
  txoutIsMine @2 :List(Bool) $G.name("output_is_mine");
  # For each output, whether it pays to the wallet; on the branch of July 2024 also if it is only watched.
  txoutIsChange @3 :List(Bool) $G.name("output_is_change");
  # For each output, whether the wallet takes it for change.
  txoutAddress @4 :List(TxDestination) $G.name("output_destinations");
  # For each output, its address; none for scripts without one.
  txoutAddressIsMine @5 :List(Bool) $G.name("output_destination_is_mine");
  # For each output, whether that address belongs to the wallet; on the branch of July 2024 also if it is only
  # watched.
  credit @6 :Int64 $G.name("credit_sat");
  # Satoshi that it gives to the wallet; 0 for immature coinbases.
  debit @7 :Int64 $G.name("debit_sat");
  # Satoshi that it takes from the wallet.
  change @8 :Int64 $G.name("change_sat");
  # Satoshi that it returns as change.
  time @9 :Int64;
  # When the wallet learned of it, or the time of its block, Unix seconds.
  valueMap @10 :List(Pair(Text, Text)) $G.name("notes")
    $G.entry(name = "WalletTxNote", key = "key", value = "value");
  # Notes stored with it, for example comment, replaces_txid, replaced_by_txid.
  isCoinbase @11 :Bool;
  # Whether it is a coinbase transaction.
}

struct WalletTxOut @0xefff1af99995c89f {
  # An output of a transaction of the wallet.
  txout @0 :Data $G.name("output") $G.content(txOut);
  # Amount and script; amount -1 and no script when unknown.
  time @1 :Int64;
  # When the wallet learned of its transaction, Unix seconds.
  depthInMainChain @2 :Int32 $G.name("depth");
  # Confirmations; 0 unconfirmed, -1 unknown or conflicted.
  isSpent @3 :Bool;
  # Whether a transaction of the wallet spends it.
}

struct WalletTxStatus @0xac78f05d040fb9e0 {
  # Status of a transaction of the wallet.
  blockHeight @0 :Int32;
  # Height of its block, or of the block that conflicts with it; 2147483647 for none.
  blocksToMaturity @1 :Int32;
  # Blocks until a coinbase can be spent; 0 for all else.
  depthInMainChain @2 :Int32 $G.name("depth");
  # Confirmations; 0 unconfirmed, negative for the depth of a conflict.
  timeReceived @3 :UInt32;
  # When the wallet learned of it, Unix seconds.
  lockTime @4 :UInt32;
  # Lock time of the transaction.
  isTrusted @5 :Bool;
  # Whether its outputs count to the balance.
  isAbandoned @6 :Bool;
  # Whether it was given up.
  isCoinbase @7 :Bool;
  # Whether it is a coinbase transaction.
  isInMainChain @8 :Bool;
  # Whether it is confirmed.
}

struct WitnessUnknown @0xc2a6166742989d79 {
  # A witness program without a name. In replies only.
  version @0 :UInt32 $G.range(min = 4294967296);
  # Witness version, 1 to 16. The impossible bound refuses every request that has one.
  program @1 :Data $G.content(raw) $G.maxBytes(40);
  # Witness program, 2 to 40 bytes.
}
