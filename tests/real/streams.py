#!/usr/bin/env python3
"""Every stream against a real node on regtest, through a running bitcoin-grpc.

    python tests/real/streams.py --addr 127.0.0.1:50051 --cli "bitcoin-cli -regtest ..." [--stop]

The node must run with `-acceptnonstdtxn=1 -fallbackfee=0.0001 -blockversion=671088640` (a version bit
without a meaning, for the alert) and without peers, the proxy with
`--notifications always --allow control --allow wallet`. Each event is made to happen with bitcoin-cli and
must arrive. With `--peer HOST:PORT`, a second node on regtest, connections are made, too. With `--stop` the
node is stopped at the end while all streams are open. Needs grpcio, grpcio-reflection and protobuf.
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time

import grpc
from google.protobuf import json_format, message_factory
from real_nodes import PACKAGE, Proxy, fill

PATIENCE_S = 15


class Stream:
    """One open stream; its messages are read as they come."""

    def __init__(self, proxy, name, requests=None, **fields):
        service, method = name.split(".")
        descriptor = proxy.pool.FindServiceByName(PACKAGE + service).FindMethodByName(method)
        self.request = message_factory.GetMessageClass(descriptor.input_type)
        response = message_factory.GetMessageClass(descriptor.output_type)
        path = f"/{PACKAGE}{service}/{method}"
        kinds = dict(request_serializer=lambda m: m.SerializeToString(), response_deserializer=response.FromString)
        self.name, self.messages, self.says = name, queue.Queue(), queue.Queue()
        self.error = None
        first = self.request()
        fill(first, fields)
        if descriptor.client_streaming:
            self.says.put(first)
            self.call = proxy.channel.stream_stream(path, **kinds)(iter(self.says.get, None))
        else:
            self.call = proxy.channel.unary_stream(path, **kinds)(first)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        last = 0
        try:
            for message in self.call:
                assert message.sequence == last + 1, f"{self.name}: {message.sequence} after {last}"
                last = message.sequence
                self.messages.put((message.WhichOneof("event"), message))
        except grpc.RpcError as error:
            self.error = error
        self.messages.put(("end", None))

    def say(self, **fields):
        message = self.request()
        fill(message, fields)
        self.says.put(message)

    def until(self, kind):
        """The next event of a kind; others are passed over."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                found, message = self.messages.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name}: no {kind}") from None
            if found == kind:
                return message and getattr(message, kind)
            assert found != "end", f"{self.name} ended before {kind}: {self.error}"

    def drain(self):
        kinds = []
        while not self.messages.empty():
            kinds.append(self.messages.get()[0])
        return kinds


class Cli:
    def __init__(self, command):
        self.command = command.split()

    def __call__(self, *args):
        done = subprocess.run(self.command + [str(a) for a in args], capture_output=True, text=True, check=True)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.stdout.strip()

    def mine(self, blocks=1):
        return self("generatetodescriptor", blocks, "raw(51)")


TELLING = ["HandleInitMessage", "HandleShowProgress", "HandleInitWallet", "HandleNotifyNumConnectionsChanged",
           "HandleNotifyNetworkActiveChanged", "HandleNotifyAlertChanged", "HandleBannedListChanged",
           "HandleNotifyBlockTip", "HandleNotifyHeaderTip"]


def display(data):
    return data[::-1].hex()


def spend(cli, block):
    """A transaction that spends a coinbase to anyone."""
    coinbase = cli("getblock", block)["tx"][0]
    return cli("createrawtransaction", json.dumps([{"txid": coinbase, "vout": 0}]), json.dumps([{"data": "00" * 40}]))


def scenario(proxy, cli):
    chain = Stream(proxy, "Chain.HandleNotifications", include_block_data=True)
    slim = Stream(proxy, "Chain.HandleNotifications", kinds=[2])
    node = {name: Stream(proxy, f"Node.{name}") for name in TELLING}
    boxes = [Stream(proxy, f"Node.{name}", start={}) for name in ("HandleMessageBox", "HandleQuestion")]
    streams = [chain, slim, *node.values(), *boxes]
    tip = cli("getbestblockhash")
    for stream in streams:
        started = stream.until("started")
        assert display(started.tip_hash) == tip, (stream.name, display(started.tip_hash))
    yield f"{len(streams)} streams started at the tip"

    [block] = cli.mine()
    event = chain.until("block_connected")
    assert display(event.block.hash) == block
    assert event.block.data.hex() == cli("getblock", block, 0)
    assert not event.role.historical
    assert chain.until("updated_block_tip") is not None
    event = slim.until("block_connected")
    assert display(event.block.hash) == block and not event.block.HasField("data")
    event = node["HandleNotifyBlockTip"].until("notify_block_tip")
    assert event.tip.block_height == cli("getblockcount"), event
    node["HandleNotifyHeaderTip"].until("notify_header_tip")
    yield "a block: chain (with and without data), block tip, header tip"

    cli.mine(110 - min(cli("getblockcount"), 109))
    raw = spend(cli, cli("getblockhash", 1 + cli("getblockcount") - 105))
    txid = cli("sendrawtransaction", raw, 0, 0)
    assert chain.until("transaction_added_to_mempool").tx.hex() == raw
    listing = Stream(proxy, "Chain.RequestMempoolTransactions")
    listing.until("started")
    assert listing.until("transaction_added_to_mempool").tx.hex() == raw
    listing.until("end")
    assert listing.error is None
    yield f"mempool: added, and listed ({txid[:8]}…)"

    [block] = cli.mine()
    chain.until("updated_block_tip")
    cli("invalidateblock", block)
    assert display(chain.until("block_disconnected").block.hash) == block
    assert chain.until("transaction_added_to_mempool").tx.hex() == raw
    cli("reconsiderblock", block)
    assert display(chain.until("block_connected").block.hash) == block
    cli("gettxoutsetinfo")
    assert chain.until("chain_state_flushed") is not None
    yield "disconnect, reorganisation, flush"

    cli("setnetworkactive", "false")
    assert not node["HandleNotifyNetworkActiveChanged"].until("notify_network_active_changed").network_active
    cli("setnetworkactive", "true")
    assert node["HandleNotifyNetworkActiveChanged"].until("notify_network_active_changed").network_active
    cli("setban", "192.0.2.7", "add")
    node["HandleBannedListChanged"].until("banned_list_changed")
    cli("setban", "192.0.2.7", "remove")
    node["HandleBannedListChanged"].until("banned_list_changed")
    cli("verifychain")
    progress = node["HandleShowProgress"].until("show_node_progress")
    assert progress.title, progress
    yield "network active, bans, progress"

    update = Stream(proxy, "Chain.UpdateRwSetting", start={"name": "bitcoin-grpc-test"})
    asked = update.until("settings_update")
    update.say(answer={"invocation_id": asked.invocation_id, "value": '"new"', "action": 0})
    assert update.until("updated") is True
    update.until("end")
    assert proxy.call("Chain.GetRwSetting", name="bitcoin-grpc-test").value == '"new"'
    abandoned = Stream(proxy, "Chain.UpdateRwSetting", start={"name": "bitcoin-grpc-test"})
    asked = abandoned.until("settings_update")
    assert asked.value == '"new"'
    abandoned.call.cancel()
    assert proxy.call("Chain.GetRwSetting", name="bitcoin-grpc-test").value == '"new"'
    yield "a setting updated; an update whose client left"

    refused = Stream(proxy, "Chain.HandleRpc", start={"command": {"name": "hello"}})
    refused.until("end")
    assert refused.error.code() == grpc.StatusCode.FAILED_PRECONDITION, refused.error
    yield "HandleRpc refused while the RPC server runs"

    for _ in range(200):
        stream = Stream(proxy, "Node.HandleBannedListChanged")
        stream.until("started")
        stream.call.cancel()
        stream = Stream(proxy, "Node.HandleQuestion", start={})
        stream.until("started")
        stream.call.cancel()
    yield "400 subscribe/cancel cycles"
    for stream in streams:
        assert stream.error is None, (stream.name, stream.error)
    return streams


WALLET = ["HandleUnload", "HandleShowProgress", "HandleStatusChanged", "HandleAddressBookChanged",
          "HandleTransactionChanged", "HandleCanGetAddressesChanged"]
DESCRIPTORS = 1 << 34
NEW, UPDATED = 0, 1


def transaction(stream, txid, change):
    """Reads until the stream tells that of a transaction."""
    while True:
        event = stream.until("transaction_changed")
        if display(event.txid) == txid and event.change == change:
            return


def wallets(proxy, cli):
    """A wallet's life in its streams."""
    name = f"streamed-{os.getpid()}"
    its = lambda *args: cli(f"-rpcwallet={name}", *args)
    loaded = Stream(proxy, "WalletLoader.HandleLoadWallet")
    loaded.until("started")
    messages = Stream(proxy, "Node.HandleInitMessage")
    messages.until("started")
    made = proxy.call("WalletLoader.CreateWallet", name=name, passphrase="", flags=DESCRIPTORS)
    assert made.wallet_name == name, made
    assert loaded.until("load_wallet").wallet_name == name
    said = messages.until("init_message").message
    yield f"a wallet was made, and told of by its name; the node said {said!r}"

    streams = {kind: Stream(proxy, f"Wallet.{kind}", wallet=name) for kind in WALLET}
    twice = Stream(proxy, "Wallet.HandleTransactionChanged", wallet=name)
    for stream in [*streams.values(), twice]:
        stream.until("started")
    address = proxy.call("Wallet.GetNewDestination", wallet=name, address_type=2, label="rent").destination
    entry = streams["HandleAddressBookChanged"].until("address_book_changed")
    assert (entry.label, entry.is_mine, entry.change) == ("rent", True, NEW), entry
    assert entry.destination == address, entry
    streams["HandleCanGetAddressesChanged"].until("can_get_addresses_changed")
    yield "an address: the address book, and the supply of addresses"

    to = cli("decodescript", (b"\x00\x14" + address.witness_v0_key_hash).hex())["address"]
    [block] = cli("generatetoaddress", 1, to)
    coinbase = cli("getblock", block)["tx"][0]
    for stream in (streams["HandleTransactionChanged"], twice):
        transaction(stream, coinbase, NEW)
    cli.mine(101)
    # The wallet hears of blocks some time after the chain has them.
    before, end = 0, time.monotonic() + PATIENCE_S
    while not before:
        assert time.monotonic() < end
        before = proxy.call("Wallet.GetBalances", wallet=name).balances.balance_sat
    foreign = cli("decodescript", "51")["p2sh"]
    sent = its("sendtoaddress", foreign, "0.5")
    for stream in (streams["HandleTransactionChanged"], twice):
        transaction(stream, sent, NEW)
    cli.mine()
    transaction(streams["HandleTransactionChanged"], sent, UPDATED)
    after, end = 0, time.monotonic() + PATIENCE_S
    while not before - 50_100_000 < after < before - 50_000_000:
        assert time.monotonic() < end, (before, after)
        after = proxy.call("Wallet.GetBalances", wallet=name).balances.balance_sat
    yield f"it received and sent, told each time to both who listen: {before} sat, then {after}"

    its("rescanblockchain")
    title = streams["HandleShowProgress"].until("show_wallet_progress").title
    while streams["HandleShowProgress"].until("show_wallet_progress").progress_percent != 100:
        pass
    its("encryptwallet", "secret")
    streams["HandleStatusChanged"].until("status_changed")
    time.sleep(0.5)
    streams["HandleStatusChanged"].drain()
    its("walletpassphrase", "secret", 60)
    streams["HandleStatusChanged"].until("status_changed")
    its("walletlock")
    streams["HandleStatusChanged"].until("status_changed")
    yield f"progress of a rescan ({title!r}), and its status as it was encrypted, unlocked and locked"

    began = time.monotonic()
    cli("unloadwallet", name)
    took = time.monotonic() - began
    streams["HandleUnload"].until("unload_wallet")
    for kind, stream in [*streams.items(), ("HandleTransactionChanged", twice)]:
        stream.until("end")
        if kind == "HandleUnload":
            assert stream.error is None, stream.error
        else:
            assert stream.error.code() == grpc.StatusCode.NOT_FOUND, (kind, stream.error)
    yield f"unloaded within {took:.2f} s with {len(streams) + 1} streams open; all of them ended"

    cli("loadwallet", name)
    assert loaded.until("load_wallet").wallet_name == name
    again = [Stream(proxy, f"Wallet.{kind}", wallet=name) for kind in WALLET]
    for stream in again:
        stream.until("started")
    yield "loaded again, told of by its name, and subscribed to anew"
    for _ in range(100):
        stream = Stream(proxy, "Wallet.HandleStatusChanged", wallet=name)
        stream.until("started")
        stream.call.cancel()
        stream = Stream(proxy, "Wallet.HandleShowProgress", wallet=name)
        stream.until("started")
        stream.call.cancel()
    yield "200 subscribe/cancel cycles on the wallet"
    return [loaded, messages, *again]


def operator(proxy, cli, peer):
    """What concerns the operator, provoked on a running node."""
    alerts = Stream(proxy, "Node.HandleNotifyAlertChanged")
    boxes = Stream(proxy, "Node.HandleMessageBox", start={})
    messages = Stream(proxy, "Node.HandleInitMessage")
    connections = Stream(proxy, "Node.HandleNotifyNumConnectionsChanged")
    streams = [alerts, boxes, messages, connections]
    for stream in streams:
        stream.until("started")
    # Three periods of blocks with a version bit that nobody knows: signalling, locked in, active.
    cli.mine(3 * 144)
    alerts.until("notify_alert_changed")
    warnings = proxy.call("Node.GetWarnings").warnings
    assert warnings.original, warnings
    yield f"an alert: {warnings.original!r}"

    absent = "no-such-wallet"
    update = Stream(proxy, "Chain.UpdateRwSetting", start={"name": "wallet"})
    asked = update.until("settings_update")
    kept = asked.value
    wanted = [*(json.loads(kept or "null") or []), absent]
    update.say(answer={"invocation_id": asked.invocation_id, "value": json.dumps(wanted), "action": 1})
    update.until("end")
    verified = queue.Queue()
    threading.Thread(target=lambda: verified.put(proxy.call("WalletLoader.Verify")), daemon=True).start()
    box = boxes.until("message_box")
    assert verified.empty(), "the node did not wait for the answer"
    boxes.say(answer={"invocation_id": box.invocation_id, "confirmed": True})
    verified.get(timeout=PATIENCE_S)
    said = messages.until("init_message").message
    yield f"a message box ({box.message!r}) that the node waited for, and an init message ({said!r})"
    if peer:
        cli("addnode", peer, "onetry")
        number = connections.until("notify_num_connections_changed").connections
        assert number >= 1, number
        cli("disconnectnode", cli("getpeerinfo")[0]["addr"])
        while connections.until("notify_num_connections_changed").connections:
            pass
        yield "a peer came and went: the number of connections"
    return streams


def commands(proxy):
    """On a node without its RPC server: a command that a client serves."""
    served = Stream(proxy, "Chain.HandleRpc", start={"command": {
        "category": "test", "name": "hello", "arg_names": [{"name": "name"}], "unique_id": 1}})
    served.until("started")
    answers = queue.Queue()

    def execute():
        answers.put(proxy.call("Node.ExecuteRpc", method="hello", params='["you"]', uri="/"))

    threading.Thread(target=execute, daemon=True).start()
    asked = served.until("actor")
    assert json.loads(asked.request.params) == ["you"], asked
    served.say(answer={"invocation_id": asked.invocation_id, "response": '"hello you"', "handled": True})
    assert json.loads(answers.get(timeout=PATIENCE_S).result) == "hello you"
    yield "a command served by a client"
    threading.Thread(target=execute, daemon=True).start()
    served.until("actor")
    served.call.cancel()
    answer = answers.get(timeout=PATIENCE_S)
    assert json.loads(answer.rpc_error)["code"] == -1, json_format.MessageToJson(answer)
    yield "a client that left in the middle of its command: the command fails"


def scenarios(proxy, options):
    if options.commands:
        return [commands(proxy)]
    cli = Cli(options.cli)
    parts = {"chain": scenario(proxy, cli), "operator": operator(proxy, cli, options.peer), "wallets": wallets(proxy, cli)}
    return [parts[name] for name in options.parts.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--addr", required=True)
    parser.add_argument("--cli")
    parser.add_argument("--peer", help="another node on regtest, to connect to")
    parser.add_argument("--parts", default="operator,chain,wallets")
    parser.add_argument("--commands", action="store_true", help="the node runs with -server=0: only HandleRpc")
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--stay", action="store_true", help="keep the streams until they end")
    options = parser.parse_args()
    proxy = Proxy(options.addr)
    streams = []
    for steps in scenarios(proxy, options):
        while True:
            try:
                print("ok:", next(steps), flush=True)
            except StopIteration as end:
                streams += end.value or []
                break
    if options.stop:
        Cli(options.cli)("stop")
    if options.stop or options.stay:
        print("waiting for the end", flush=True)
        for stream in streams:
            try:
                stream.until("end")
            except AssertionError as error:
                sys.exit(f"failed: {error}")
            print(f"ended: {stream.name}: {stream.error.code().name} {stream.error.details()}")


if __name__ == "__main__":
    main()
