#!/usr/bin/env python3
"""Every unary method of block templates and wallets on a real node on regtest, through a running bitcoin-grpc.

    python tests/real/object_methods.py --addr 127.0.0.1:50051 --cli "bitcoin-cli -regtest ..." [--json FILE]

The proxy must run with `--allow wallet`. Answers are compared with bitcoin-cli, or with what was written
before. It makes wallets, and changes the node it is given. Needs what real_nodes.py needs; table.py
makes a table of the JSON.
"""

import argparse
import base64
import json
import os
import sys
import tempfile

import grpc

from objects import DESCRIPTORS, coinbase_of, solve, txid
from real_nodes import ADDRESS, PACKAGE, Cli, Proxy, is_not_in_node, outcome, shown, wire

# Names that this run alone has, so that a node can be used again.
MINE, OTHER, SECRET = (f"{name}-{os.getpid()}" for name in ("mine", "other", "secret"))
BECH32 = 2
COIN = 100_000_000


def sat(btc):
    return round(btc * COIN)


class Asker:
    """Asks methods, and notes what came of it."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.rows, self.wrong = {}, []

    def note(self, name, row):
        # What went wrong once is not hidden by what went well later.
        if self.rows.get(name, "answered").startswith("answered"):
            self.rows[name] = row
        if not row.startswith(("answered", "not in the node")):
            self.wrong.append((name, row))

    def __call__(self, method, check=None, /, **fields):
        """Gives the reply, or `None`; `check` tells whether it is right."""
        try:
            reply = self.proxy.call(method, **fields)
        except grpc.RpcError as error:
            self.note(method, "not in the node" if is_not_in_node(error) else ": ".join(map(str, outcome(error))))
            return None
        if check is None:
            self.note(method, "answered")
            return reply
        try:
            right = check(reply)
        except RuntimeError as error:
            print("bitcoin-cli:", error)
            right = False
        self.note(method, "answered, agrees" if right else f"DISAGREES: {reply}"[:400])
        return reply


def templates(ask, cli):
    """A template with a transaction in it, beside what the node's RPC makes of the same mempool."""
    spendable = cli("getblock", cli("getblockhash", cli("getblockcount") - 105), 2)["tx"][0]
    inputs = json.dumps([{"txid": spendable["txid"], "vout": 0}])
    outputs = json.dumps([{"data": "00" * 60}, {ADDRESS: round(spendable["vout"][0]["value"] - 0.002, 8)}])
    raw = cli("createrawtransaction", inputs, outputs)
    sent = cli("sendrawtransaction", raw)
    made = ask("Mining.CreateNewBlock", lambda r: bool(r.template.handle), options={"use_mempool": True})
    if made is None:
        return
    handle = made.template.handle
    there = cli("getblocktemplate", '{"rules": ["segwit"]}')
    tip = cli("getbestblockhash")
    ask("BlockTemplate.GetBlockHeader", lambda r: len(r.header) == 80 and shown(r.header[4:36]) == tip, handle=handle)
    block = ask("BlockTemplate.GetBlock", lambda r: all(bytes.fromhex(t["data"]) in r.block for t in there["transactions"]) and raw in r.block.hex(), handle=handle)
    ask("BlockTemplate.GetTxFees", lambda r: [f for f in r.fees_sat if f >= 0] == [t["fee"] for t in there["transactions"]], handle=handle)
    ask("BlockTemplate.GetTxSigops", lambda r: list(r.sigop_costs)[-len(there["transactions"]):] == [t["sigops"] for t in there["transactions"]], handle=handle)
    ask("BlockTemplate.GetCoinbaseTx", lambda r: coinbase_agrees(r.coinbase_tx, there), handle=handle)
    ask("BlockTemplate.GetCoinbaseMerklePath", lambda r: len(r.merkle_path) == len(there["transactions"]).bit_length() and r.merkle_path[0] == wire(there["transactions"][0]["txid"]), handle=handle)
    ask("BlockTemplate.WaitNext", lambda r: not r.HasField("template"), handle=handle, options={"timeout_ms": 100})
    ask("BlockTemplate.InterruptWait", None, handle=handle)
    if block is not None and len(txid(coinbase_of(block.block))) == 32:
        verdict, found = solve(ask.proxy, handle)
        right = verdict.accepted and cli("getbestblockhash") == found and sent in cli("getblock", found)["tx"]
        ask.note("BlockTemplate.SubmitSolution", "answered, agrees" if right else f"DISAGREES: {verdict}")
    ask("BlockTemplate.Destroy", None, handle=handle)
    try:
        ask.proxy.call("BlockTemplate.GetBlock", handle=handle)
        ask.note("BlockTemplate.Destroy", "DISAGREES: it is still there")
    except grpc.RpcError as error:
        right = error.code() == grpc.StatusCode.NOT_FOUND
        ask.note("BlockTemplate.Destroy", "answered, agrees" if right else str(outcome(error)))


def coinbase_agrees(coinbase, there):
    commitment = there["default_witness_commitment"]
    return (coinbase.block_reward_remaining_sat == there["coinbasevalue"]
            and [o.script_pubkey.hex() for o in coinbase.required_outputs] == [commitment]
            and coinbase.lock_time == there["height"] - 1)


def loader(ask, cli, folder):
    """The methods of all wallets together."""
    ask("WalletLoader.GetWalletDir", lambda r: cli("listwalletdir") is not None and os.path.isdir(r.path))
    for name in (MINE, OTHER):
        ask("WalletLoader.CreateWallet", lambda r, name=name: r.wallet_name == name and name in cli("listwallets"), name=name, passphrase="", flags=DESCRIPTORS)
    ask("WalletLoader.CreateWallet", lambda r: cli(f"-rpcwallet={SECRET}", "getwalletinfo")["unlocked_until"] == 0, name=SECRET, passphrase="open", flags=DESCRIPTORS)
    ask("WalletLoader.CreateWallet", lambda r: "already" in r.error.original, name=MINE, passphrase="", flags=DESCRIPTORS)
    ask("WalletLoader.GetWallets", lambda r: sorted(r.wallet_names) == sorted(cli("listwallets")))
    ask("WalletLoader.ListWalletDir", lambda r: sorted(w.name for w in r.wallets) == sorted(w["name"] for w in cli("listwalletdir")["wallets"]))
    ask("WalletLoader.IsEncrypted", lambda r: r.encrypted, name=SECRET)
    ask("WalletLoader.IsEncrypted", lambda r: not r.encrypted, name=MINE)
    ask("WalletLoader.MigrateWallet", lambda r: bool(r.error.original), name=MINE, passphrase="")
    backup = os.path.join(folder, "backup.dat")
    ask("Wallet.BackupWallet", lambda r: r.saved and os.path.getsize(backup) > 0, wallet=OTHER, path=backup)
    restored = f"restored-{os.getpid()}"
    ask("WalletLoader.RestoreWallet", lambda r: r.wallet_name == restored and restored in cli("listwallets"), backup_path=backup.encode(), name=restored, load_after_restore=True)
    cli("unloadwallet", restored)
    ask("WalletLoader.LoadWallet", lambda r: r.wallet_name == restored and restored in cli("listwallets"), name=restored)
    ask("Wallet.Remove", lambda r: restored not in cli("listwallets"), wallet=restored)


def addresses(ask, cli, mine):
    """Addresses, the address book, keys and signatures. Gives the program of an address of its own."""
    destination = ask("Wallet.GetNewDestination", lambda r: len(r.destination.witness_v0_key_hash) == 20, wallet=MINE, address_type=BECH32, label="first")
    program = destination.destination.witness_v0_key_hash
    own = {"witness_v0_key_hash": program}
    script = b"\x00\x14" + program
    address = cli("decodescript", script.hex())["address"]
    info = mine("getaddressinfo", address)
    ask("Wallet.IsSpendable", lambda r: r.spendable == info["ismine"], wallet=MINE, destination=own)
    ask("Wallet.IsSpendable", lambda r: not r.spendable, wallet=OTHER, destination=own)
    ask("Wallet.GetAddress", lambda r: (r.found, r.label, r.purpose) == (True, "first", 0), wallet=MINE, destination=own, want_label=True, want_purpose=True)
    ask("Wallet.GetAddress", lambda r: not r.found, wallet=OTHER, destination=own)
    ask("Wallet.SetAddressBook", lambda r: r.saved and mine("getaddressinfo", address)["labels"] == ["second"], wallet=MINE, destination=own, label="second", purpose=0)
    foreign = {"witness_v0_key_hash": bytes(range(20))}
    ask("Wallet.SetAddressBook", lambda r: r.saved and mine("listlabels", "send") == ["theirs"], wallet=MINE, destination=foreign, label="theirs", purpose=1)
    ask("Wallet.GetAddresses", lambda r: {(a.destination.witness_v0_key_hash, a.label, a.is_mine, a.purpose) for a in r.addresses} == {(program, "second", True, 0), (bytes(range(20)), "theirs", False, 1)}, wallet=MINE)
    ask("Wallet.DelAddressBook", lambda r: r.deleted and mine("listlabels", "send") == [], wallet=MINE, destination=foreign)
    ask("Wallet.SetAddressReceiveRequest", lambda r: r.saved, wallet=MINE, destination=own, id=b"7", value=b"a request\0of bytes")
    ask("Wallet.GetAddressReceiveRequests", lambda r: list(r.requests) == [b"a request\0of bytes"], wallet=MINE)
    ask("Wallet.GetPubKey", lambda r: r.found and r.pub_key.hex() == info["pubkey"], wallet=MINE, script=script, key_hash=program)
    legacy = ask("Wallet.GetNewDestination", None, wallet=MINE, address_type=0, label="").destination.pk_hash
    spoken = cli("decodescript", "76a914" + legacy.hex() + "88ac")["address"]
    ask("Wallet.SignMessage", lambda r: r.status == 0 and cli("verifymessage", spoken, r.signature, "a message") is True, wallet=MINE, message="a message", key_hash=legacy)
    ask("Wallet.DisplayAddress", lambda r: bool(r.verdict.original), wallet=MINE, destination=own)
    return program, address


def coins(ask, cli, mine, program):
    """Balances, coins, locks and questions of one transaction output."""
    own = {"witness_v0_key_hash": program}
    balances = mine("getbalances")["mine"]
    parts = sat(balances["trusted"]), sat(balances["untrusted_pending"]), sat(balances["immature"])
    agree = lambda b: (b.balance_sat, b.unconfirmed_balance_sat, b.immature_balance_sat) == parts
    ask("Wallet.GetBalances", lambda r: agree(r.balances), wallet=MINE)
    ask("Wallet.TryGetBalances", lambda r: r.available and agree(r.balances) and shown(r.block_hash) == cli("getbestblockhash"), wallet=MINE)
    ask("Wallet.GetBalance", lambda r: r.balance_sat == parts[0], wallet=MINE)
    unspent = mine("listunspent")
    # The branch of 2026 takes the least depth for the greatest as well.
    depth = max(u["confirmations"] for u in unspent)
    deepest = sum(sat(u["amount"]) for u in unspent if u["confirmations"] == depth)
    ask("Wallet.GetAvailableBalance", lambda r: r.available_sat == deepest, wallet=MINE, coin_control={"allow_other_inputs": True, "min_depth": depth, "max_depth": depth})
    coin = unspent[0]
    outpoint = {"txid": wire(coin["txid"]), "vout": coin["vout"]}
    txin = {"previous_output": outpoint}
    txout = {"value_sat": sat(coin["amount"]), "script_pubkey": bytes.fromhex(coin["scriptPubKey"])}
    ask("Wallet.TxinIsMine", lambda r: r.is_mine, wallet=MINE, txin=txin)
    ask("Wallet.TxinIsMine", lambda r: not r.is_mine, wallet=OTHER, txin=txin)
    ask("Wallet.TxoutIsMine", lambda r: r.is_mine, wallet=MINE, txout=txout)
    ask("Wallet.TxoutIsMine", lambda r: not r.is_mine, wallet=OTHER, txout=txout)
    ask("Wallet.GetDebit", lambda r: r.debit_sat == sat(coin["amount"]), wallet=MINE, txin=txin)
    ask("Wallet.GetCredit", lambda r: r.credit_sat == sat(coin["amount"]), wallet=MINE, txout=txout)
    listed = lambda r: {(shown(c.outpoint.txid), c.outpoint.vout, c.output.output.value_sat) for g in r.groups for c in g.coins}
    ask("Wallet.ListCoins", lambda r: listed(r) == {(u["txid"], u["vout"], sat(u["amount"])) for u in unspent}, wallet=MINE)
    ask("Wallet.GetCoins", lambda r: [(o.output.value_sat, o.depth, o.is_spent) for o in r.outputs] == [(sat(coin["amount"]), coin["confirmations"], False)], wallet=MINE, outpoints=[outpoint])
    ask("Wallet.IsLockedCoin", lambda r: not r.locked, wallet=MINE, outpoint=outpoint)
    ask("Wallet.LockCoin", lambda r: r.locked and mine("listlockunspent") == [{"txid": coin["txid"], "vout": coin["vout"]}], wallet=MINE, outpoint=outpoint, persistent=False)
    ask("Wallet.IsLockedCoin", lambda r: r.locked, wallet=MINE, outpoint=outpoint)
    ask("Wallet.ListLockedCoins", lambda r: [(shown(o.txid), o.vout) for o in r.outpoints] == [(coin["txid"], coin["vout"])], wallet=MINE)
    ask("Wallet.UnlockCoin", lambda r: r.unlocked and mine("listlockunspent") == [], wallet=MINE, outpoint=outpoint)


def fees_and_flags(ask, mine):
    """What the wallet is, and what it would pay."""
    info = mine("getwalletinfo")
    ask("Wallet.GetWalletName", lambda r: r.name == info["walletname"], wallet=MINE)
    ask("Wallet.HdEnabled", lambda r: r.hd_enabled, wallet=MINE)
    ask("Wallet.CanGetAddresses", lambda r: r.can_get_addresses == (info["keypoolsize"] > 0), wallet=MINE)
    ask("Wallet.PrivateKeysDisabled", lambda r: r.private_keys_disabled == (not info["private_keys_enabled"]), wallet=MINE)
    ask("Wallet.TaprootEnabled", lambda r: r.taproot_enabled, wallet=MINE)
    ask("Wallet.HasExternalSigner", lambda r: r.has_external_signer == info["external_signer"], wallet=MINE)
    ask("Wallet.GetDefaultAddressType", lambda r: r.address_type == BECH32, wallet=MINE)
    ask("Wallet.GetDefaultMaxTxFee", lambda r: r.max_tx_fee_sat == COIN // 10, wallet=MINE)
    ask("Wallet.GetConfirmTarget", lambda r: r.confirm_target == 6, wallet=MINE)
    ask("Wallet.GetRequiredFee", lambda r: r.fee_sat > 0, wallet=MINE, tx_vbytes=1000)
    # The node runs with -fallbackfee=0.0001: 10,000 sat for 1,000 vbytes.
    ask("Wallet.GetMinimumFee", lambda r: r.fee_sat == 10_000, wallet=MINE, tx_vbytes=1000, coin_control={}, want_returned_target=True, want_reason=True)
    ask("Wallet.AbortRescan", None, wallet=MINE)


def transactions(ask, cli, mine):
    """A transaction is made, sent, looked at, bumped; another is abandoned."""
    theirs = ask.proxy.call("Wallet.GetNewDestination", wallet=OTHER, address_type=BECH32, label="").destination
    recipient = {"destination": {"witness_v0_key_hash": theirs.witness_v0_key_hash}, "amount_sat": COIN}
    # The branch of 2026 takes the least depth for the greatest as well.
    control = {"allow_other_inputs": True, "signal_rbf": True, "min_depth": 101}
    created = ask("Wallet.CreateTransaction", lambda r: pays(cli, r.created.tx, theirs.witness_v0_key_hash), wallet=MINE, recipients=[recipient], coin_control=control, sign=True)
    tx = created.created.tx
    sent = cli("decoderawtransaction", tx.hex())["txid"]
    ask("Wallet.CommitTransaction", lambda r: sent in cli("getrawmempool"), wallet=MINE, tx=tx)
    known = mine("gettransaction", sent)
    ask("Wallet.GetTx", lambda r: r.tx == tx, wallet=MINE, txid=wire(sent))
    ask("Wallet.GetTx", lambda r: not r.HasField("tx"), wallet=MINE, txid=b"\x07" * 32)
    right = lambda w: w.tx == tx and w.time == known["time"] and not w.is_coinbase and w.debit_sat - w.credit_sat == -sat(known["amount"] + known["fee"])
    ask("Wallet.GetWalletTx", lambda r: right(r.wallet_tx), wallet=MINE, txid=wire(sent))
    ask("Wallet.GetWalletTxs", lambda r: sorted(w.tx.hex() for w in r.wallet_txs) == sorted({mine("gettransaction", t["txid"])["hex"] for t in mine("listtransactions", "*", 1000)}), wallet=MINE)
    ask("Wallet.TryGetTxStatus", lambda r: r.found and (r.status.depth, r.tip_height) == (0, cli("getblockcount")), wallet=MINE, txid=wire(sent))
    ask("Wallet.GetWalletTxDetails", lambda r: right(r.wallet_tx) and r.in_mempool, wallet=MINE, txid=wire(sent))
    ask("Wallet.TransactionCanBeAbandoned", lambda r: not r.can_be_abandoned, wallet=MINE, txid=wire(sent))
    ask("Wallet.TransactionCanBeBumped", lambda r: r.can_be_bumped, wallet=MINE, txid=wire(sent))
    bump = ask("Wallet.CreateBumpTransaction", lambda r: r.created and r.old_fee_sat == created.created.fee_sat < r.new_fee_sat and not r.errors, wallet=MINE, txid=wire(sent), coin_control={"feerate": {"sat_per_kvb": 30_000}, "signal_rbf": True})
    signed = ask("Wallet.SignBumpTransaction", lambda r: r.signed and all(v.get("txinwitness") for v in cli("decoderawtransaction", r.tx.hex())["vin"]), wallet=MINE, tx=bump.tx if bump else b"")
    ask("Wallet.CommitBumpTransaction", lambda r: r.committed and shown(r.bumped_txid) in cli("getrawmempool") and sent not in cli("getrawmempool"), wallet=MINE, txid=wire(sent), tx=signed.tx if signed else b"")
    abandon(ask, cli, mine, recipient)
    ask("Wallet.FillPsbt", None, wallet=MINE, sighash_type=1, sign=False, bip32_derivs=True, want_signed_inputs=True)


def abandon(ask, cli, mine, recipient):
    """A transaction that no mempool takes can be abandoned: it pays too little to be relayed."""
    control = {"allow_other_inputs": True, "min_depth": 102}
    made = ask.proxy.call("Wallet.CreateTransaction", wallet=MINE, recipients=[recipient], coin_control=control, sign=True)
    low = lower_fee(cli, made.created.tx.hex())
    tx = bytes.fromhex(mine("signrawtransactionwithwallet", low)["hex"])
    name = cli("decoderawtransaction", tx.hex())["txid"]
    ask("Wallet.CommitTransaction", lambda r: name not in cli("getrawmempool") and mine("gettransaction", name)["confirmations"] == 0, wallet=MINE, tx=tx)
    ask("Wallet.TransactionCanBeAbandoned", lambda r: r.can_be_abandoned, wallet=MINE, txid=wire(name))
    ask("Wallet.AbandonTransaction", lambda r: r.abandoned and mine("gettransaction", name)["details"][0]["abandoned"], wallet=MINE, txid=wire(name))


def lower_fee(cli, raw):
    """The same transaction without a fee, unsigned."""
    known = cli("decoderawtransaction", raw)
    inputs = [{"txid": v["txid"], "vout": v["vout"]} for v in known["vin"]]
    spent = sum(sat(cli("gettxout", v["txid"], v["vout"])["value"]) for v in inputs)
    values = [sat(v["value"]) for v in known["vout"]]
    most = values.index(max(values))
    values[most] += spent - sum(values)
    outputs = [{v["scriptPubKey"]["address"]: value / COIN} for v, value in zip(known["vout"], values)]
    return cli("createrawtransaction", json.dumps(inputs), json.dumps(outputs))


def pays(cli, tx, program):
    scripts = {v["scriptPubKey"]["hex"]: sat(v["value"]) for v in cli("decoderawtransaction", tx.hex())["vout"]}
    return scripts.get("0014" + program.hex()) == COIN


def locks(ask, cli):
    """Encryption: a wallet is locked, unlocked, its passphrase changed; another is encrypted."""
    secret = lambda *words: cli(f"-rpcwallet={SECRET}", *words)
    ask("Wallet.IsCrypted", lambda r: r.encrypted, wallet=SECRET)
    ask("Wallet.IsCrypted", lambda r: not r.encrypted, wallet=OTHER)
    ask("Wallet.IsLocked", lambda r: r.locked, wallet=SECRET)
    ask("Wallet.Unlock", lambda r: not r.unlocked, wallet=SECRET, passphrase=b"wrong")
    ask("Wallet.Unlock", lambda r: r.unlocked, wallet=SECRET, passphrase=b"open")
    ask("Wallet.IsLocked", lambda r: not r.locked, wallet=SECRET)
    ask("Wallet.Lock", lambda r: r.locked, wallet=SECRET)
    ask("Wallet.IsLocked", lambda r: r.locked, wallet=SECRET)
    ask("Wallet.ChangeWalletPassphrase", lambda r: not r.changed, wallet=SECRET, old_passphrase=b"wrong", new_passphrase=b"x")
    ask("Wallet.ChangeWalletPassphrase", lambda r: r.changed and secret("walletpassphrase", "shut", 1) is not None, wallet=SECRET, old_passphrase=b"open", new_passphrase=b"shut")
    ask("Wallet.EncryptWallet", lambda r: r.encrypted and "unlocked_until" in cli(f"-rpcwallet={OTHER}", "getwalletinfo"), wallet=OTHER, passphrase=b"late")


def all_together(ask, cli):
    """What a node does with all wallets when it starts and when it stops."""
    ask("WalletLoader.SetMockTime", None, unix_time=0)
    ask("WalletLoader.SchedulerMockForward", None, delta_seconds=60)
    ask("WalletLoader.Stop", lambda r: cli("listwallets") == [])
    ask("WalletLoader.Verify", lambda r: r.valid)
    ask("WalletLoader.Load", lambda r: r.loaded and {MINE, OTHER, SECRET} <= set(cli("listwallets")))
    ask("WalletLoader.Start", None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--addr", default="127.0.0.1:50051")
    parser.add_argument("--cli", required=True)
    parser.add_argument("--json", help="where to write what was seen, for table.py")
    given = parser.parse_args()
    proxy, cli = Proxy(given.addr), Cli(given.cli)
    ask = Asker(proxy)
    mine = lambda *words: cli(f"-rpcwallet={MINE}", *words)
    templates(ask, cli)
    ask("WalletLoader.GetWallets")
    if not ask.rows["WalletLoader.GetWallets"].startswith("not"):
        with tempfile.TemporaryDirectory() as folder:
            loader(ask, cli, folder)
            program, address = addresses(ask, cli, mine)
            cli("generatetoaddress", 103, address)
            cli("syncwithvalidationinterfacequeue")
            coins(ask, cli, mine, program)
            fees_and_flags(ask, mine)
            transactions(ask, cli, mine)
            locks(ask, cli)
        all_together(ask, cli)
    note_others(ask)
    for entry in ask.wrong:
        print("WRONG", *entry)
    agreed = sum(row == "answered, agrees" for row in ask.rows.values())
    answered = sum(row == "answered" for row in ask.rows.values())
    print(f"{agreed} agree, {answered} answered, {len(ask.wrong)} wrong")
    if given.json:
        with open(given.json, "w", encoding="utf-8") as out:
            json.dump({"rows": ask.rows, "deadly": {}}, out, indent=1)
    return 1 if ask.wrong or not agreed else 0


def note_others(ask):
    """Notes the methods that were not asked."""
    wallets = ask.rows["WalletLoader.GetWallets"]
    for service in ("BlockTemplate", "Wallet", "WalletLoader"):
        for method in ask.proxy.methods(PACKAGE + service):
            name = f"{service}.{method.name}"
            if method.name.startswith("Handle"):
                continue
            absent = service != "BlockTemplate" and wallets == "not in the node"
            ask.rows.setdefault(name, "not in the node" if absent else "not asked")
            if ask.rows[name] == "not asked":
                ask.wrong.append((name, "was forgotten"))


if __name__ == "__main__":
    sys.exit(main())
