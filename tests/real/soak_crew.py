"""The others of the soak: who writes settings, serves commands, makes templates, waits, listens, and uses a wallet."""

import json
import time

import grpc
from cycles import Opened
from google.protobuf import message_factory
from ledger import merkle_root, read_transaction, transactions
from objects import double_sha256
from real_nodes import PACKAGE
from rig import reason
from soak_reads import GONE, Wrong, need, refused
from streams import Stream


class Setting:
    """A setting that one caller alone writes: by a call, and by a conversation."""

    def __init__(self, world, name):
        self.world, self.name, self.caller, self.number = world, name, world.caller(), 0
        # What it may be: one value, unless a change was lost on the way.
        self.values, self.since = {None}, time.monotonic()

    def run(self):
        while self.world.turn("setting", self.write) and self.world.turn("conversation", self.converse):
            time.sleep(0.1)

    def check(self, text, begin):
        # The embedded node does not keep its settings.
        gone = not self.world.real and self.world.excused(self.since, time.monotonic())
        need("setting", json.loads(text) in self.values | ({None} if gone else set()), text, self.values)
        self.values, self.since = {json.loads(text)}, begin

    def ask(self):
        begin = time.monotonic()
        self.check(self.caller.call("Chain.GetRwSetting", name=self.name).value, begin)

    def next(self):
        self.number += 1
        self.values = self.values | {str(self.number)}
        return f'"{self.number}"'

    def done(self):
        self.values = {str(self.number)}

    def write(self):
        value = self.next()
        need("setting", self.caller.call("Chain.OverwriteRwSetting", name=self.name, value=value, action=0).updated)
        self.done()
        self.ask()

    def converse(self):
        begin = time.monotonic()
        stream = Stream(self.caller, "Chain.UpdateRwSetting", start={"name": self.name})
        try:
            asked = until(stream, "settings_update")
            self.check(asked.value, begin)
            stream.say(answer={"invocation_id": asked.invocation_id, "value": self.next(), "action": 0})
            need("updated", until(stream, "updated"))
            self.done()
            self.ask()
        finally:
            stream.says.put(None)


def until(stream, kind):
    try:
        return stream.until(kind)
    except AssertionError as error:
        raise (stream.error or error) from None


class Command:
    """A command that a client serves, where the node's own RPC server is off."""

    def __init__(self, world, name):
        self.world, self.name, self.caller = world, name, world.caller()

    def run(self):
        while self.world.turn("served command", self.serve):
            time.sleep(0.3)

    def serve(self):
        word = str(self.world.random.random())
        served = Stream(self.caller, "Chain.HandleRpc", start={"command": {
            "category": "soak", "name": self.name, "arg_names": [{"name": "name"}], "unique_id": 1}})
        try:
            until(served, "started")
            stub, request = self.caller.stub("Node.ExecuteRpc")
            asking = stub.future(request(method=self.name, params=json.dumps([word]), uri="/"), timeout=30)
            asked = until(served, "actor")
            need("parameters", json.loads(asked.request.params) == [word], asked.request.params)
            served.say(answer={"invocation_id": asked.invocation_id, "response": json.dumps(word[::-1]), "handled": True})
            need("answer", json.loads(asking.result().result) == word[::-1])
        finally:
            served.call.cancel()
            served.says.put(None)


class Templates:
    """Makes templates, looks into them, waits on them, gives them back."""

    def __init__(self, world, patience_ms):
        self.world, self.caller, self.patience_ms, self.held = world, world.caller(), patience_ms, []

    def run(self):
        while self.world.turn("template", self.make):
            time.sleep(0.05)

    def make(self):
        self.held = []
        try:
            handle = self.new(lambda: self.caller.call("Mining.CreateNewBlock").template.handle)
            reply = self.caller.call("BlockTemplate.WaitNext", handle=handle, options={"timeout_ms": self.patience_ms})
            if reply.HasField("template"):
                # Until now it was made by a wait: what it is on is looked at like that of any other.
                self.new(lambda: reply.template.handle)
        finally:
            for handle in self.held:
                self.caller.call("BlockTemplate.Destroy", handle=handle)
        refused(lambda: self.caller.call("BlockTemplate.GetBlock", handle=handle), "NOT_FOUND", "LEASE_GONE")

    def new(self, make):
        begin = time.monotonic()
        handle = make()
        self.held.append(handle)
        header = self.caller.call("BlockTemplate.GetBlockHeader", handle=handle).header
        # What a wait gives was made within the wait before.
        tips = self.world.ledger.tips(begin - self.patience_ms / 1000 - 1, time.monotonic())
        need("template's tip", header[4:36] in tips, header[4:36].hex())
        txids = [txid for txid, _, _ in transactions(self.caller.call("BlockTemplate.GetBlock", handle=handle).block)]
        path = self.caller.call("BlockTemplate.GetCoinbaseMerklePath", handle=handle).merkle_path
        root = txids[0]
        for node in path:
            root = double_sha256(root + node)
        need("merkle path", root == merkle_root(txids))
        need("fees", len(self.caller.call("BlockTemplate.GetTxFees", handle=handle).fees_sat) in (len(txids), len(txids) - 1))
        return handle


class Waiter:
    """Waits for the next tip."""

    def __init__(self, world):
        self.world, self.caller = world, world.caller()

    def run(self):
        while self.world.turn("wait", self.wait):
            pass

    def wait(self):
        tip = self.caller.call("Mining.GetTip").tip
        begin = time.monotonic()
        told = self.caller.call("Mining.WaitTipChanged", current_tip=tip.hash, timeout_ms=1500.0).tip
        end = time.monotonic()
        need("a tip after a wait", told.hash in self.world.ledger.tips(begin, end), told.height)
        need("the same tip before the time was up", told.hash != tip.hash or end - begin > 1.4, end - begin)


class Follower:
    """Follows the chain and the mempool by events, and holds both against the ledger."""

    def __init__(self, world, index):
        self.world, self.caller, self.index = world, world.caller(), index
        self.tip, self.added, self.since, self.ended, self.events, self.most = None, None, None, True, 0, 0
        stub = world.first.pool.FindServiceByName(PACKAGE + "Chain").FindMethodByName("HandleNotifications")
        self.request = message_factory.GetMessageClass(stub.input_type)(include_block_data=index % 2 == 0)
        self.open_call = self.caller.channel.unary_stream(
            f"/{PACKAGE}Chain/HandleNotifications", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(stub.output_type).FromString)

    def run(self):
        while not self.world.ending:
            begin = time.monotonic()
            try:
                self.follow()
            except grpc.RpcError as error:
                told = reason(error)
                self.world.count(f"subscriber: {told}")
                if told not in GONE or not self.world.excused(begin if self.tip is None else time.monotonic() - 1, time.monotonic()):
                    if not self.world.ending:
                        self.world.fail("subscriber", told)
            except Wrong as error:
                self.world.fail("subscriber", error)
            self.ended, self.tip = True, None
            time.sleep(0.1)

    def follow(self):
        sequence, self.added = 0, set()
        # More than the known transactions could be told of; from here on all are.
        self.call = self.open_call(self.request)
        for message in self.call:
            sequence += 1
            if self.world.options.spoil == "event" and sequence == 100:
                continue
            need("sequence", message.sequence == sequence, message.sequence, sequence)
            self.take(message)
            # All events, and most that there were since a start.
            self.events, self.most = self.events + 1, max(self.most, sequence)

    def take(self, message):
        kind = message.WhichOneof("event")
        if kind == "started":
            self.tip, self.since, self.ended = message.started.tip_hash, time.monotonic(), False
        elif kind == "block_connected":
            block = message.block_connected.block
            if block.hash == self.tip:
                return  # The last change before the start, told once more.
            need("a block on the tip", block.prev_hash == self.tip, block.height, block.hash.hex())
            if block.HasField("data"):
                need("a block's bytes", double_sha256(block.data[:80]) == block.hash and block.data[4:36] == block.prev_hash)
            self.tip = block.hash
        elif kind == "block_disconnected":
            block = message.block_disconnected.block
            need("the tip taken off", block.hash == self.tip, block.height)
            self.tip = block.prev_hash
        elif kind == "transaction_added_to_mempool":
            self.added.add(read_transaction(message.transaction_added_to_mempool.tx, 0)[0])

    def check(self):
        """At rest: it has got where the ledger is, and has heard of all transactions since it began."""
        end = time.monotonic() + 10
        while (self.ended or self.tip != self.world.ledger.active[-1]) and time.monotonic() < end:
            time.sleep(0.05)
        need("the tip that a subscriber got to", self.tip == self.world.ledger.active[-1], self.index, self.ended)
        missed = [txid for at, txid in list(self.world.sent) if at > self.since and txid not in self.added]
        need("transactions that a subscriber did not hear of", not missed, len(missed))


class Churn:
    """Subscribes and leaves; reads the mempool as a stream."""

    def __init__(self, world):
        self.world, self.caller = world, world.caller()

    def run(self):
        while self.world.turn("subscribed and left", self.come_and_go) and self.world.turn("mempool stream", self.listing):
            time.sleep(0.1)

    def come_and_go(self):
        for name in ("Node.HandleNotifyBlockTip", "Node.HandleBannedListChanged", "Node.HandleQuestion"):
            Opened(self.caller, name).leave()

    def listing(self):
        stamp = self.world.ledger.stamp()
        with self.world.ledger.lock:
            pool = set(self.world.ledger.pool)
        stream = Stream(self.caller, "Chain.RequestMempoolTransactions")
        told = set()
        while True:
            kind, message = stream.messages.get(timeout=20)
            if kind == "end":
                break
            if kind == "transaction_added_to_mempool":
                told.add(read_transaction(message.transaction_added_to_mempool.tx, 0)[0])
        if stream.error:
            raise stream.error
        if stamp is not None and stamp == self.world.ledger.stamp():
            need("the mempool as a stream", told == pool, len(told), len(pool))


class Wallets:
    """Addresses of a real node's wallet: none is given out twice, and all are the wallet's."""

    def __init__(self, world):
        self.world, self.caller, self.seen = world, world.caller(), set()

    def run(self):
        while self.world.turn("wallet", self.ask):
            time.sleep(0.05)

    def ask(self):
        told = self.caller.call("Wallet.GetNewDestination", wallet="soak", address_type=2, label="").destination
        key = told.witness_v0_key_hash
        need("another address", len(key) == 20 and key not in self.seen)
        self.seen.add(key)
        need("its own address", self.caller.call("Wallet.GetAddress", wallet="soak", destination={"witness_v0_key_hash": key}).found)
        need("wallets", list(self.caller.call("WalletLoader.GetWallets").wallet_names) == ["soak"])
