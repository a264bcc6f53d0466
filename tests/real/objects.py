#!/usr/bin/env python3
"""Block templates and wallets of a real node on regtest, through a running bitcoin-grpc.

    python tests/real/objects.py --addr 127.0.0.1:50051 --cli "bitcoin-cli -regtest ..." --node-pid PID \
        [--templates 1000] [--wallets]

The proxy must run with `--allow wallet --lease-time 2s --leases 2000 --leases-per-caller 2000`. Every line
it prints was seen to hold; the first that does not ends it. Needs what real_nodes.py needs.
"""

import argparse
import hashlib
import os
import struct
import threading
import time

import grpc

from real_nodes import Cli, Proxy, shown, wire

DESCRIPTORS = 1 << 34

# Names that this run alone has, so that a node can be used again.
ONE, OTHER = f"one-{os.getpid()}", f"other-{os.getpid()}"


def double_sha256(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def coinbase_of(block):
    """The first transaction of a template: one input, and a witness of 32 bytes if it has one."""
    assert block[80] < 0xFD
    at, start = 81, 81
    witness = block[at + 4] == 0
    at += 6 if witness else 4
    assert block[at] == 1
    at += 1 + 36
    at += 1 + block[at] + 4
    outputs = block[at]
    at += 1
    for _ in range(outputs):
        at += 8
        at += 1 + block[at]
    at += 34 if witness else 0
    return block[start : at + 4]


def txid(tx):
    if tx[4] == 0:
        tx = tx[:4] + tx[6:-38] + tx[-4:]
    return double_sha256(tx)


def solve(proxy, handle):
    block = proxy.call("BlockTemplate.GetBlock", handle=handle).block
    coinbase = coinbase_of(block)
    root = txid(coinbase)
    for node in proxy.call("BlockTemplate.GetCoinbaseMerklePath", handle=handle).merkle_path:
        root = double_sha256(root + node)
    version, previous = struct.unpack("<I", block[:4])[0], block[4:36]
    timestamp, bits = struct.unpack("<II", block[68:76])
    target = (bits & 0xFFFFFF) << (8 * ((bits >> 24) - 3))
    nonce = 0
    while True:
        header = struct.pack("<I", version) + previous + root + struct.pack("<III", timestamp, bits, nonce)
        if int.from_bytes(double_sha256(header), "little") <= target:
            break
        nonce += 1
    verdict = proxy.call(
        "BlockTemplate.SubmitSolution",
        handle=handle, version=version, timestamp=timestamp, nonce=nonce, coinbase=coinbase,
    )
    return verdict, shown(double_sha256(header))


def refused(call, code, reason, **metadata):
    try:
        call()
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        assert error.code() == code, error
        assert reason.encode() in details, error
        for value in metadata.values():
            assert value.encode() in details, (value, details)
        return
    raise AssertionError(f"not refused with {reason}")


def wait_next(proxy, handle, **options):
    answer = {}

    def run():
        answer["reply"] = proxy.call("BlockTemplate.WaitNext", handle=handle, options=options)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, answer


def templates(proxy, cli):
    lease = proxy.call("Mining.CreateNewBlock").template
    print(f"a template is made: handle of {len(lease.handle)} characters at {lease.instance}")
    assert proxy.call("BlockTemplate.GetBlockHeader", handle=lease.handle).header[4:36] == wire(cli("getbestblockhash"))
    thread, waited = wait_next(proxy, lease.handle)
    time.sleep(0.5)
    height = cli("getblockcount")
    verdict, block = solve(proxy, lease.handle)
    assert verdict.accepted, verdict
    assert (cli("getblockcount"), cli("getbestblockhash")) == (height + 1, block)
    print(f"it is solved and connected: block {block} at height {height + 1}")
    thread.join(10)
    following = waited["reply"].template
    header = proxy.call("BlockTemplate.GetBlockHeader", handle=following.handle).header
    assert header[4:36] == wire(block)
    print("the wait on it ended with a template on that block")
    began = time.time()
    nothing = proxy.call("BlockTemplate.WaitNext", handle=following.handle, options={"timeout_ms": 1500})
    assert not nothing.HasField("template") and 1.4 < time.time() - began < 4
    print(f"a wait of 1500 ms ended after {time.time() - began:.2f} s without one")
    thread, waited = wait_next(proxy, following.handle)
    time.sleep(0.3)
    proxy.call("BlockTemplate.InterruptWait", handle=following.handle)
    thread.join(3)
    assert not waited["reply"].HasField("template")
    print("an interrupted wait ended without one")
    for handle in (lease.handle, following.handle):
        proxy.call("BlockTemplate.Destroy", handle=handle)
        refused(
            lambda: proxy.call("BlockTemplate.GetBlock", handle=handle),
            grpc.StatusCode.NOT_FOUND, "LEASE_GONE", why="destroyed",
        )
    print("both are destroyed, and gone")


def status(pid):
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return int(fields["Threads"]), int(fields["VmRSS"].split()[0])


def abandoned(proxy, pid, count):
    for _ in range(20):
        proxy.call("Mining.CreateNewBlock")
    time.sleep(4)
    threads, memory = status(pid)
    began = time.time()
    for _ in range(count):
        proxy.call("Mining.CreateNewBlock")
    made = time.time() - began
    _, full = status(pid)
    time.sleep(5)
    after_threads, after_memory = status(pid)
    print(
        f"{count} templates created in {made:.1f} s and abandoned: threads {threads} before, {after_threads} after; "
        f"memory {memory} kB before, {full} kB with them, {after_memory} kB after"
    )
    assert after_threads == threads
    # A leak of the headers alone would be seen: each template is some kilobytes.
    assert after_memory - memory < 4096
    refused(lambda: proxy.call("BlockTemplate.GetBlock", handle="0.0"), grpc.StatusCode.NOT_FOUND, "LEASE_GONE")


def destination_script(destination):
    kind = destination.WhichOneof("tx_destination")
    value = getattr(destination, kind)
    return {"witness_v0_key_hash": b"\x00\x14", "witness_v1_taproot": b"\x51\x20"}[kind] + value


def wallets(proxy, cli):
    reply = proxy.call("WalletLoader.CreateWallet", name=ONE, passphrase="", flags=DESCRIPTORS)
    assert reply.wallet_name == ONE, reply
    proxy.call("WalletLoader.CreateWallet", name=OTHER, passphrase="", flags=DESCRIPTORS)
    assert {ONE, OTHER} <= set(proxy.call("WalletLoader.GetWallets").wallet_names)
    print("two wallets are made and listed by name")
    received = proxy.call("Wallet.GetNewDestination", wallet=ONE, address_type=2, label="mining").destination
    script = destination_script(received)
    address = cli("decodescript", script.hex())["address"]
    cli("generatetoaddress", 101, address)
    deadline = time.time() + 20
    while proxy.call("Wallet.GetBalance", wallet=ONE).balance_sat == 0:
        assert time.time() < deadline, "no balance"
        time.sleep(0.2)
    balances = proxy.call("Wallet.GetBalances", wallet=ONE).balances
    node = cli("-rpcwallet=" + ONE, "getbalances")["mine"]
    assert balances.balance_sat == round(node["trusted"] * 10**8), (balances, node)
    assert balances.immature_balance_sat == round(node["immature"] * 10**8), (balances, node)
    print(f"it received a coinbase: {balances.balance_sat} sat, {balances.immature_balance_sat} sat immature")
    foreign = proxy.call("Wallet.GetNewDestination", wallet=OTHER, address_type=2, label="").destination
    created = proxy.call(
        "Wallet.CreateTransaction",
        wallet=ONE, sign=True,
        recipients=[{"destination": {"witness_v0_key_hash": foreign.witness_v0_key_hash}, "amount_sat": 10**8}],
        # The branch of 2026 takes the least depth for the greatest as well.
        coin_control={"allow_other_inputs": True, "min_depth": 101},
    )
    assert created.WhichOneof("outcome") == "created", created
    tx = created.created.tx
    proxy.call("Wallet.CommitTransaction", wallet=ONE, tx=tx)
    sent = cli("decoderawtransaction", tx.hex())["txid"]
    assert sent in cli("getrawmempool")
    cli("generatetoaddress", 1, "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85")
    while proxy.call("Wallet.GetBalance", wallet=OTHER).balance_sat != 10**8:
        assert time.time() < deadline + 20, "not received"
        time.sleep(0.2)
    print(f"it sent 1 BTC to the other wallet ({sent}, fee {created.created.fee_sat} sat), which has it")
    assert proxy.call("Wallet.GetWalletTx", wallet=ONE, txid=wire(sent)).wallet_tx.tx == tx
    deadly(proxy, tx, sent)
    unload(proxy, cli)


def deadly(proxy, tx, sent):
    """What ends the wallet's process, and the node with it. None of it may get there."""
    safety = grpc.StatusCode.FAILED_PRECONDITION, "REFUSED_FOR_SAFETY"
    invalid = grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"
    unknown = b"\xde" * 32
    cases = [
        ("Wallet.AbandonTransaction", safety, dict(txid=unknown)),
        ("Wallet.GetCoins", safety, dict(outpoints=[{"txid": wire(sent), "vout": 9}])),
        ("Wallet.GetCredit", invalid, dict(txout={"value_sat": -1, "script_pubkey": b"\x51"})),
        ("Wallet.SetAddressBook", invalid, dict(destination={"pk_hash": b"\x01" * 20}, label="", purpose=-1)),
        ("Wallet.SetAddressBook", invalid, dict(destination={"pk_hash": b"\x01" * 19}, label="")),
        ("Wallet.GetNewDestination", invalid, dict(address_type=-1, label="")),
        ("Wallet.CommitTransaction", safety, dict(tx=tx)),
        ("Wallet.SignMessage", invalid, dict(message="x", key_hash=b"\x01" * 19)),
        ("Wallet.GetTx", invalid, dict(txid=b"\x01" * 31)),
        ("Wallet.SignBumpTransaction", invalid, dict(tx=b"")),
    ]
    for method, (code, reason), fields in cases:
        refused(lambda: proxy.call(method, wallet=ONE, **fields), code, reason)
    loader = [
        ("WalletLoader.CreateWallet", dict(name="x", flags=0)),
        ("WalletLoader.CreateWallet", dict(name="x", flags=1 << 50 | DESCRIPTORS)),
        ("WalletLoader.RestoreWallet", dict(backup_path=b"/tmp/x", name="x", load_after_restore=False)),
        ("WalletLoader.SchedulerMockForward", dict(delta_seconds=3601)),
    ]
    for method, fields in loader:
        refused(lambda: proxy.call(method, **fields), *invalid)
    assert not proxy.call("Wallet.TransactionCanBeAbandoned", wallet=ONE, txid=unknown).can_be_abandoned
    print(f"{len(cases) + len(loader)} calls that would end wallet and node are refused; both live")


def unload(proxy, cli):
    proxy.call("Wallet.GetBalance", wallet=OTHER)
    began = time.time()
    cli("unloadwallet", OTHER)
    print(f"a wallet in use a moment ago is unloaded after {time.time() - began:.2f} s")
    refused(
        lambda: proxy.call("Wallet.GetBalance", wallet=OTHER),
        grpc.StatusCode.NOT_FOUND, "WALLET_NOT_LOADED", wallet=OTHER,
    )
    assert OTHER not in proxy.call("WalletLoader.GetWallets").wallet_names
    assert proxy.call("WalletLoader.LoadWallet", name=OTHER).wallet_name == OTHER
    assert proxy.call("Wallet.GetBalance", wallet=OTHER).balance_sat == 10**8
    print("and answered NOT_FOUND, until it is loaded again")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--addr", required=True)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--node-pid", type=int, required=True)
    parser.add_argument("--templates", type=int, default=1000)
    parser.add_argument("--wallets", action="store_true")
    args = parser.parse_args()
    proxy, cli = Proxy(args.addr), Cli(args.cli)
    templates(proxy, cli)
    abandoned(proxy, args.node_pid, args.templates)
    if args.wallets:
        wallets(proxy, cli)
    assert cli("getblockcount") > 0


if __name__ == "__main__":
    main()
