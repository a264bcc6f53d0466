#!/usr/bin/env python3
"""A busy node and proxy for half an hour, with reorganisations and two restarts of the node; every answer is checked.

    python tests/real/soak.py --program target/release/bitcoin-grpc --dir FOLDER [--seconds 1800] [--bin DIR] \
        [--port 18740] [--spoil answer|event|leak|status]

Starts a node (the embedded one, or with `--bin`, where bitcoin-node is, a real one with Chain and Node) and a proxy, and
holds against them: reads of all services, transactions, blocks, reorganisations, block templates that are solved, waits,
subscriptions, conversations, and requests that must be refused. FOLDER is made anew.

What an answer must be comes from elsewhere: blocks are hashed and their merkle roots computed here, one thread alone
changes the node and keeps what tips there were when, which transactions wait and which coins are spent (ledger.py); it
drives the node by JSON-RPC of the real node, or by a second proxy of the embedded one. Subscribers follow the chain from
block to block by the hashes, without a gap in sequence or chain, and have to hear of every transaction.

After a third of the time the node is killed with -9 and started again, after two thirds it is stopped and started again.
A call that overlaps with one of these may be told that the node is away; any other status that was not expected is a
failure, and so is a wrong answer. RESTS times the load pauses: then nothing may be under way or held, the threads and
descriptors of proxy and node must be those of the first rest, and from WARM_UP of the time on the proxy's memory may not
grow by more than GROWTH_KB (median of the first three rests after it, median of the last three). While somebody listens the
proxy keeps the latest KEPT events for those who are slow; as many of them as there have not been by the end of the warm-up
may take EVENT_KB each, which in half an hour is none. The embedded node keeps its whole chain in memory and a real one
caches, so of the node's memory it is only told what it is. (A real node may start one more thread, once, for clearing up.)

`--spoil` does what a check must notice: it expects another hash once in a while, drops an event, leaves a stream open, or
does not allow for restarts. Needs what real_nodes.py needs.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

import grpc
from cycles import Opened
from google.protobuf import message_factory
from ledger import Ledger, merkle_root, read_transaction, transactions
from objects import double_sha256, solve
from real_nodes import PACKAGE
from rig import ANYONE, COIN_SAT, FAN, PATIENCE_S, Caller, Coins, RealNode, Served, held_by, reason, settled
from streams import Stream

RESTS, WARM_UP, GROWTH_KB, KEPT, EVENT_KB = 15, 1 / 3, 2048, 16_384, 1.5
# What the writer does: a round each so many seconds, with so many transactions, then a block; a reorganisation every so
# many rounds, and a solved template.
ROUND_S, TRANSACTIONS, REORG_EVERY, SOLVE_EVERY = 0.8, 24, 15, 7
READERS, FOLLOWERS = 6, 6
# Between two reads of one reader.
PAUSE_S = 0.008
AWAY_S, FOUND_S = 1.5, 15
# After which a thread of the proxy that checked a large block ends, if there was no other.
IDLE_S = 12
OTHERS = "raw(5151)"
GONE = {"UNAVAILABLE NODE_LOST", "UNAVAILABLE NODE_UNAVAILABLE", "NOT_FOUND LEASE_GONE"}
PROFILE = "pr10102-2026-07"


class Wrong(Exception):
    """An answer that is not what it must be."""


def need(what, good, *seen):
    if not good:
        raise Wrong(f"{what}: {seen}")


class ByProxy:
    """The embedded node's JSON-RPC, by a proxy of its own."""

    def __init__(self, address):
        self.caller = Caller(address)

    def __call__(self, method, *params):
        answer = self.caller.call("Node.ExecuteRpc", method=method, params=json.dumps(params), uri="/")
        if answer.rpc_error:
            raise RuntimeError(f"{method}: {answer.rpc_error}")
        return json.loads(answer.result)


class Embedded:
    """The embedded node, as a process with a data directory."""

    def __init__(self, options, folder):
        self.socket, self.process, self.program = folder / "node.sock", None, options.program
        self.words = [options.program, "devnode", "--profile", PROFILE, "--interval", "0s", "--socket", str(self.socket),
                      "--data-dir", str(folder / "data"), "--blocks", "0", "--block-filter-index", "--node-arg=-server=0"]
        self.out = open(folder / "node.out", "ab")

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=self.out, stderr=self.out)

    def source(self, options, folder):
        proxy = Served(self.program, self.socket, options.port + 2000, folder, "--allow", "control")
        return ByProxy(proxy.address)

    @property
    def pid(self):
        return self.process.pid

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


class Real(RealNode):
    """A real node."""

    def source(self, options, folder):
        self.answers()
        return self.rpc

    def end(self, how):
        if how == signal.SIGKILL:
            self.kill()
            return -how
        return self.stop()


class World:
    """Everything that the callers share."""

    def __init__(self, options):
        folder = pathlib.Path(options.dir)
        folder.mkdir(parents=True)
        self.options, self.real = options, bool(options.bin)
        self.node = Real(folder / "node", options.bin, options.port, "-blockfilterindex=1") if self.real else Embedded(options, folder)
        self.node.start()
        self.source = self.node.source(options, folder)
        sources = 1 + int(options.seconds / ROUND_S * TRANSACTIONS / FAN) + 1
        for _ in range(3):
            self.source("generatetodescriptor", 40, ANYONE)
        self.coins = Coins(self.source, sources)
        self.served = Served(options.program, self.node.socket, options.port + 1000, folder, "--allow", "control,wallet",
                             "--notifications", "always")
        self.ledger = Ledger(self.source)
        self.first = Caller(self.served.address)
        self.gate, self.busy, self.ending, self.resting = threading.Condition(), 0, False, False
        # Times at which the node was away.
        self.away, self.counts, self.failures = [], collections.Counter(), []
        self.stale, self.lock = collections.deque(maxlen=50), threading.Lock()
        # Transactions that were accepted, with when; for those who listen.
        self.sent = collections.deque(maxlen=20_000)
        self.random = random.Random(options.seconds)

    def caller(self):
        return Caller(self.served.address, self.first)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def fail(self, who, what):
        with self.lock:
            self.failures.append(f"{who}: {what}")
        print(f"FAILURE: {who}: {what}", flush=True)

    def excused(self, begin, end):
        """Whether the node was away at a time of a call."""
        if self.options.spoil == "status":
            return False
        with self.lock:
            return any(begin <= until and end >= since for since, until in self.away)

    def turn(self, who, work):
        """One thing that somebody does, while nobody rests; False once all is over."""
        with self.gate:
            while self.resting and not self.ending:
                self.gate.wait()
            if self.ending:
                return False
            self.busy += 1
        begin = time.monotonic()
        try:
            work()
            self.count(f"{who}: OK")
        except grpc.RpcError as error:
            told = reason(error)
            self.count(f"{who}: {told}")
            if told not in GONE or not self.excused(begin, time.monotonic()):
                self.fail(who, f"{told}: {error.details()}")
            time.sleep(0.05)
        except (Wrong, AssertionError) as error:
            self.fail(who, f"{type(error).__name__}: {error}")
            time.sleep(0.05)
        finally:
            with self.gate:
                self.busy -= 1
                self.gate.notify_all()
        return True

    def rest(self):
        with self.gate:
            self.resting = True
            assert self.gate.wait_for(lambda: not self.busy, PATIENCE_S), "somebody does not come to rest"

    def go_on(self):
        with self.gate:
            self.resting = False
            self.gate.notify_all()

    def end(self):
        with self.gate:
            self.ending = True
            self.gate.notify_all()


# Reads, and what they must answer.


def refused(call, code, why):
    try:
        call()
    except grpc.RpcError as error:
        told = reason(error)
        if told in GONE and told != f"{code} {why}":
            raise
        need("a status", told == f"{code} {why}", told)
        return
    raise Wrong(f"not refused with {why}")


EVERYTHING = dict(want_hash=True, want_height=True, want_time=True, want_median_time_past=True, want_in_active_chain=True, want_data=True)


class Reader:
    """Asks, and knows what the answer must be."""

    def __init__(self, world, seed):
        self.world, self.ledger, self.caller, self.random = world, world.ledger, world.caller(), random.Random(seed)
        self.reads = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("read_")]

    def run(self):
        index = 0
        while True:
            read = self.reads[index % len(self.reads)]
            index += 1
            if not self.world.turn(read.__name__[5:], read):
                return
            time.sleep(PAUSE_S)

    def block(self):
        """A block that stays."""
        return self.ledger.at(self.random.randrange(1, self.ledger.stable()))

    def whole(self, what, told, block, active=True):
        seen = (told.hash, told.height, told.time, told.median_time_past, told.in_active_chain, told.data)
        median = self.ledger.median_time(block.height) if active else told.median_time_past
        need(what, seen == (block.hash, block.height, block.time, median, active, block.raw), told.height, block.height)

    def read_block_hash(self):
        block = self.block()
        wanted = block.hash
        if self.world.options.spoil == "answer" and self.random.randrange(50) == 0:
            wanted = bytes(32)
        need("hash", self.caller.call("Chain.GetBlockHash", height=block.height).block_hash == wanted, block.height)

    def read_above_the_tip(self):
        refused(lambda: self.caller.call("Chain.GetBlockHash", height=10**6), "OUT_OF_RANGE", "HEIGHT_ABOVE_TIP")

    def read_short_hash(self):
        refused(lambda: self.caller.call("Chain.FindBlock", hash=b"\x01" * 31), "INVALID_ARGUMENT", "INVALID_FIELD")

    def read_find_block(self):
        block = self.block()
        answer = self.caller.call("Chain.FindBlock", hash=block.hash, block=EVERYTHING)
        need("found", answer.found)
        self.whole("block", answer.block, block)

    def read_unknown_block(self):
        need("unknown", not self.caller.call("Chain.FindBlock", hash=self.random.randbytes(32), block=EVERYTHING).found)

    def read_stale_block(self):
        with self.world.lock:
            stale = list(self.world.stale)
        if not stale:
            return
        name = self.random.choice(stale)
        stamp = self.ledger.stamp()
        active = self.ledger.is_active(name)
        answer = self.caller.call("Chain.FindBlock", hash=name, block=EVERYTHING)
        if stamp is not None and stamp == self.ledger.stamp():
            need("found", answer.found, name.hex())
            self.whole("stale block", answer.block, self.ledger.blocks[name], active)

    def read_ancestor(self):
        low, high = sorted((self.block(), self.block()), key=lambda block: block.height)
        answer = self.caller.call("Chain.FindAncestorByHeight", block_hash=high.hash, ancestor_height=low.height, ancestor=EVERYTHING)
        need("found", answer.found)
        self.whole("ancestor by height", answer.ancestor, low)
        answer = self.caller.call("Chain.FindAncestorByHash", block_hash=high.hash, ancestor_hash=low.hash, ancestor=EVERYTHING)
        self.whole("ancestor by hash", answer.ancestor, low)
        answer = self.caller.call("Chain.FindCommonAncestor", block_hash_1=high.hash, block_hash_2=low.hash, ancestor=EVERYTHING)
        self.whole("common ancestor", answer.ancestor, low)

    def read_by_time(self):
        block = self.block()
        answer = self.caller.call("Chain.FindFirstBlockWithTimeAndHeight", min_time=0, min_height=block.height, block=EVERYTHING)
        need("found", answer.found)
        self.whole("first block", answer.block, block)

    def read_stored(self):
        block = self.block()
        need("on disk", self.caller.call("Chain.HaveBlockOnDisk", height=block.height).on_disk)
        need("has blocks", self.caller.call("Chain.HasBlocks", block_hash=block.hash, min_height=0).all_available)
        need("not pruned", not self.caller.call("Chain.HavePruned").have_pruned)

    def read_locator(self):
        block = self.block()
        fork = self.caller.call("Chain.FindLocatorFork", locator={"block_hashes": [block.hash]})
        need("fork", fork.height == block.height, fork.height, block.height)

    def read_filter(self):
        block = self.block()
        asked = dict(filter_type=0, block_hash=block.hash)
        answer = self.caller.call("Chain.BlockFilterMatchesAny", filter_set=[b"\x51"], **asked)
        # A filter of the scripts that were spent or paid, told by the zeros of the amount behind it; reorganisations pay others.
        paid = b"\x01\x51" + bytes(8) in block.raw
        need("matches", answer.matches or not paid, block.height)
        # One in 784931 matches by chance; two do not.
        strange = [self.caller.call("Chain.BlockFilterMatchesAny", filter_set=[self.random.randbytes(22)], **asked).matches
                   for _ in range(2)]
        need("matches nothing", not all(strange), block.height)

    def tip(self, ask):
        begin = time.monotonic()
        told = ask()
        tips = self.ledger.tips(begin, time.monotonic())
        heights = {self.ledger.blocks[tip].height for tip in tips}
        return told, tips, heights

    def read_tip(self):
        told, tips, _ = self.tip(lambda: self.caller.call("Mining.GetTip").tip)
        need("tip", told.hash in tips and self.ledger.blocks[told.hash].height == told.height, told.height, len(tips))

    def read_height(self):
        for name in ("Chain.GetHeight", "Node.GetNumBlocks"):
            told, _, heights = self.tip(lambda: self.caller.call(name).height)
            need(name, told in heights, told, heights)

    def read_best(self):
        told, tips, _ = self.tip(lambda: self.caller.call("Node.GetBestBlockHash").block_hash)
        need("best block", told in tips, told.hex())

    def read_command(self):
        block = self.block()
        answer = self.caller.call("Node.ExecuteRpc", method="getblock", params=json.dumps([block.hash[::-1].hex(), 1]), uri="/")
        told = json.loads(answer.result)
        need("getblock", told["tx"] == [txid[::-1].hex() for txid in block.txids] and told["height"] == block.height, told["height"])

    def read_pool(self):
        stamp = self.ledger.stamp()
        with self.ledger.lock:
            pool = list(self.ledger.pool)
        size = self.caller.call("Node.GetMempoolSize").transactions
        waits = self.caller.call("Chain.IsInMempool", txid=self.random.choice(pool)).in_mempool if pool else True
        if stamp is not None and stamp == self.ledger.stamp():
            need("mempool", size == len(pool) and waits, size, len(pool), waits)
        need("not in the mempool", not self.caller.call("Chain.IsInMempool", txid=self.random.randbytes(32)).in_mempool)

    def read_mined_transaction(self):
        txids = self.block().txids
        need("mined", not self.caller.call("Chain.IsInMempool", txid=txids[-1]).in_mempool, len(txids))

    def read_coins(self):
        unspent, spent = self.world.coins.coins[-1], self.block().spends
        asked = [dict(zip(("txid", "vout"), coin)) for coin in [unspent, *spent[:1]]]
        answer = self.caller.call("Chain.FindCoins", outpoints=asked)
        have = {(entry.outpoint.txid, entry.outpoint.vout) for entry in answer.coins if entry.HasField("coin")}
        need("coins", have == {unspent} and len(answer.coins) == len(asked), have)
        told = self.caller.call("Node.GetUnspentOutput", outpoint=asked[0]).coin
        need("coin", told.output.value_sat == COIN_SAT, told)

    def read_check_block(self):
        need("a block on another tip", not self.caller.call("Mining.CheckBlock", block=self.block().raw).valid)

    def read_small(self):
        word = f"{self.random.random()} ₿"
        need("echo", self.caller.call("Echo.Echo", echo=word).echo == word)
        need("test chain", self.caller.call("Mining.IsTestChain").test_chain)
        need("network", self.caller.call("Node.GetNodeCount", directions=3).count == 0)
        need("no shutdown", not self.caller.call("Chain.ShutdownRequested").shutdown_requested)
        need("relay fee", self.caller.call("Chain.RelayMinFee").feerate.sat_per_kvb == self.world.relay)


class Setting:
    """A setting that one caller alone writes: by a call, and by a conversation."""

    def __init__(self, world, name):
        self.world, self.name, self.caller, self.number = world, name, world.caller(), 0
        # What it may be: one value, unless a change was lost on the way.
        self.values, self.restarts = {None}, 0

    def run(self):
        while self.world.turn("setting", self.write) and self.world.turn("conversation", self.converse):
            time.sleep(0.1)

    def check(self, text):
        # The embedded node does not keep its settings.
        if not self.world.real and len(self.world.away) > self.restarts:
            self.restarts, self.values = len(self.world.away), self.values | {None}
        need("setting", json.loads(text) in self.values, text, self.values)
        self.values = {json.loads(text)}

    def ask(self):
        self.check(self.caller.call("Chain.GetRwSetting", name=self.name).value)

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
        stream = Stream(self.caller, "Chain.UpdateRwSetting", start={"name": self.name})
        try:
            asked = until(stream, "settings_update")
            self.check(asked.value)
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


class Writer:
    """Changes the node, alone."""

    def __init__(self, world):
        self.world, self.ledger, self.caller, self.rounds = world, world.ledger, world.caller(), 0
        self.reorgs = self.solved = self.mined = 0

    def run(self):
        while True:
            began = time.monotonic()
            if not self.world.turn("writer", self.round):
                return
            time.sleep(max(0, began + ROUND_S - time.monotonic()))

    def round(self):
        self.rounds += 1
        for _ in range(TRANSACTIONS):
            self.send()
        # They wait for a while, so that readers see them do so.
        time.sleep(ROUND_S / 3)
        if self.rounds % REORG_EVERY == 0:
            self.reorganise(1 + self.world.random.randrange(3))
        elif self.rounds % SOLVE_EVERY == 0:
            self.solve()
        else:
            self.mine(1 + (self.rounds % 9 == 0), ANYONE)

    def send(self):
        raw, shown = self.world.coins.spend()
        txid = bytes.fromhex(shown)[::-1]
        with self.ledger.change():
            begin = time.monotonic()
            answer = self.caller.call("Chain.BroadcastTransaction", tx=raw, max_tx_fee_sat=10**6)
            need("accepted", answer.accepted, answer.reason)
            self.ledger.pool.add(txid)
            self.world.sent.append((begin, txid))

    def mine(self, count, to):
        with self.ledger.change() as tips:
            self.ledger.connect(self.world.source("generatetodescriptor", count, to), tips)
            self.mined += count

    def solve(self):
        handle = self.caller.call("Mining.CreateNewBlock").template.handle
        with self.ledger.change() as tips:
            verdict, name = solve(self.caller, handle)
            need("a solved template", verdict.accepted and self.world.source("getbestblockhash") == name, verdict, name)
            self.ledger.connect([name], tips)
            self.solved += 1
        self.caller.call("BlockTemplate.Destroy", handle=handle)

    def reorganise(self, depth):
        off = list(self.ledger.active[-depth:])
        with self.ledger.change() as tips:
            self.world.source("invalidateblock", off[0][::-1].hex())
            self.ledger.disconnect(depth, tips)
            if self.reorgs % 3 == 2:
                self.world.source("reconsiderblock", off[0][::-1].hex())
                self.ledger.connect([name[::-1].hex() for name in off], tips)
            else:
                self.ledger.connect(self.world.source("generatetodescriptor", depth + 1, OTHERS), tips)
                with self.world.lock:
                    self.world.stale.extend(off)
            self.reorgs += 1

    def restart(self, how):
        """The node goes, and comes back."""
        for _ in range(TRANSACTIONS):
            self.send()
        if self.world.real and how == signal.SIGKILL:
            # Writes chain and coins to disk; what comes after that may be lost.
            self.world.source("gettxoutsetinfo")
            self.mine(2, ANYONE)
            with self.world.lock:
                self.world.stale.clear()
        with self.world.lock:
            # For as long as it is not over, any call may meet it.
            self.world.away.append((time.monotonic(), float("inf")))
        with self.ledger.change() as tips:
            code = self.world.node.end(how)
            time.sleep(AWAY_S)
            self.world.node.start()
            self.answers()
            self.read_again(how, tips)
        self.world.served.ready()
        time.sleep(1)
        with self.world.lock:
            self.world.away[-1] = (self.world.away[-1][0], time.monotonic())
        return code

    def answers(self):
        if self.world.real:
            self.world.node.answers()
            if "soak" not in self.world.source("listwallets"):
                self.world.source("loadwallet", "soak")
            return
        end = time.monotonic() + FOUND_S
        while True:
            try:
                return self.world.source("getblockcount")
            except (grpc.RpcError, RuntimeError):
                assert time.monotonic() < end, "the node is not found again"
                time.sleep(0.05)

    def read_again(self, how, tips):
        """What is left of chain and mempool: of a clean end everything, of a dirty one what the node had written."""
        tip = bytes.fromhex(self.world.source("getbestblockhash"))[::-1]
        pool = {bytes.fromhex(txid)[::-1] for txid in self.world.source("getrawmempool")}
        if how != signal.SIGKILL or not self.world.real:
            need("the tip after a restart", tip == self.ledger.active[-1])
        if how != signal.SIGKILL:
            need("the mempool after a restart", pool == self.ledger.pool, len(pool), len(self.ledger.pool))
        need("a tip that was there", tip in self.ledger.active, tip.hex())
        lost = len(self.ledger.active) - 1 - self.ledger.active.index(tip)
        self.ledger.disconnect(lost, tips)
        tips.append(tip)
        need("transactions that were there", pool <= self.ledger.pool, len(pool))
        self.ledger.pool = pool
        # A clean start connects what it finds from where it had written; all of that was active once.
        tips.extend(self.ledger.active[-150:])
        tips.append(tip)


class Watch:
    """Memory, descriptors and threads of proxy and node; every few seconds, and at rest."""

    def __init__(self, world, followers, seconds):
        self.world, self.followers, self.begin, self.seconds = world, followers, time.monotonic(), seconds
        self.samples, self.rests, self.base = [], [], {}
        threading.Thread(target=self.sample, daemon=True).start()

    def sample(self):
        while not self.world.ending:
            try:
                self.samples.append((time.monotonic() - self.begin, held_by(self.world.served.pid), held_by(self.world.node.pid)))
            except (OSError, KeyError):
                pass  # The node is away.
            time.sleep(3)

    def rest(self):
        """All come to rest, and what is there is looked at."""
        world = self.world
        world.rest()
        try:
            for follower in self.followers:
                follower.check()
            end = time.monotonic() + 10
            wanted = {"bitcoin_grpc_streams": float(len(self.followers))}
            # The tip is waited for beside every subscription.
            while (held := at_rest(world.served)) != wanted and time.monotonic() < end:
                time.sleep(0.2)
            need("held by the proxy at rest", held == wanted, held)
            now = round(time.monotonic() - self.begin)
            seen = {}
            for name, pid in (("proxy", world.served.pid), ("node", world.node.pid)):
                key = (name, pid)
                if key not in self.base:
                    self.base[key] = settled(pid, (0, 0), IDLE_S)[0]
                seen[name], _, same = settled(pid, self.base[key], 2 * IDLE_S, int(name == "node" and world.real))
                need(f"threads and descriptors of the {name}", same, seen[name], self.base[key])
            self.rests.append((now, seen["proxy"], seen["node"], max(follower.most for follower in self.followers)))
            print(f"{now:5d} s at rest: threads, descriptors, kB of the proxy {seen['proxy']}, of the node {seen['node']}; height "
                  f"{len(world.ledger.active) - 1}, {len(world.ledger.pool)} wait; {sum(world.counts.values())} done, "
                  f"{len(world.failures)} failures", flush=True)
        except (Wrong, AssertionError) as error:
            world.fail("at rest", error)
        finally:
            world.go_on()

    def verdict(self):
        """Whether the proxy's memory stayed flat."""
        later = [(seen[2], events) for at, seen, _, events in self.rests if at >= self.seconds * WARM_UP]
        assert len(later) >= 6, f"only {len(later)} rests after the warm-up"
        first, last = (statistics.median(memory for memory, _ in some) for some in (later[:3], later[-3:]))
        more = max(0, min(KEPT, later[-1][1]) - later[0][1])
        loaded = [proxy[2] for at, proxy, _ in self.samples if at >= self.seconds * WARM_UP]
        print(f"the proxy's memory after the warm-up: {first} kB at rest, at the end {last} kB; under load {min(loaded)} to {max(loaded)} kB; "
              f"{more} events more were kept")
        if last - first > GROWTH_KB + EVENT_KB * more:
            self.world.fail("memory", f"the proxy grew by {last - first} kB")


# At rest, a wait for the next tip goes on beside the subscriptions.
HELD = ("streams", "leases", 'admission_in_flight{kind="short"}', 'admission_in_flight{kind="blocking"}',
        'admission_queued{kind="short"}', 'admission_queued{kind="blocking"}', "node_queued", "node_threads_retired")


def at_rest(served):
    seen = served.metrics()
    return {f"bitcoin_grpc_{name}": seen[f"bitcoin_grpc_{name}"] for name in HELD if seen.get(f"bitcoin_grpc_{name}")}


def crew(world):
    """All who call."""
    yield from (Reader(world, seed) for seed in range(READERS))
    yield from (Setting(world, f"bitcoin-grpc-soak-{index}") for index in range(2))
    yield from (Templates(world, patience) for patience in (100.0, 1500.0))
    yield Waiter(world)
    yield Waiter(world)
    yield Churn(world)
    yield Wallets(world) if world.real else Command(world, "soak")


def soak(world, options):
    world.relay = round(world.source("getmempoolinfo")["minrelaytxfee"] * 10**8)
    if world.real:
        world.source("createwallet", "soak", False, False, "", False, True, True)
    writer = Writer(world)
    followers = [Follower(world, index) for index in range(FOLLOWERS)]
    threads = [threading.Thread(target=who.run, daemon=True) for who in [writer, *followers, *crew(world)]]
    for thread in threads:
        thread.start()
    watch = Watch(world, followers, options.seconds)
    restarts = {RESTS // 3: signal.SIGKILL, 2 * RESTS // 3: signal.SIGTERM}
    begin = time.monotonic()
    for number in range(1, RESTS + 1):
        time.sleep(max(0, begin + number * options.seconds / RESTS - time.monotonic()))
        if number == RESTS // 2 and options.spoil == "leak":
            Opened(world.caller(), "Node.HandleNotifyBlockTip")
        if number in restarts:
            restart(world, writer, restarts[number])
        watch.rest()
    world.end()
    watch.verdict()
    seconds = time.monotonic() - begin
    summary(world, writer, followers, seconds)


def restart(world, writer, how):
    """Under the load of all others; the writer alone does nothing else meanwhile."""
    done = threading.Event()
    work = writer.round

    def instead():
        writer.round = work
        try:
            print(f"restart: {signal.Signals(how).name}: the node ended with {writer.restart(how)}", flush=True)
        finally:
            done.set()

    writer.round = instead
    assert done.wait(PATIENCE_S), "the node did not restart"


def summary(world, writer, followers, seconds):
    for what, count in sorted(world.counts.items()):
        print(f"  {what}: {count}")
    away = sum(until - since for since, until in world.away)
    print(f"{seconds:.0f} s: {sum(world.counts.values())} things done, {writer.mined} blocks mined and {writer.solved} templates solved, "
          f"{writer.reorgs} reorganisations, {len(world.away)} restarts ({away:.1f} s), {sum(f.events for f in followers)} events to "
          f"{len(followers)} subscribers, {len(world.failures)} failures", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--bin")
    parser.add_argument("--port", type=int, default=18740)
    parser.add_argument("--spoil", choices=["answer", "event", "leak", "status"])
    options = parser.parse_args()
    shutil.rmtree(options.dir, ignore_errors=True)
    world = World(options)
    soak(world, options)
    code = world.served.kill(signal.SIGTERM)
    if code:
        world.fail("proxy", f"ended with {code}")
    world.node.end(signal.SIGTERM)
    if world.failures:
        sys.exit(f"failed: {len(world.failures)} times, first {world.failures[0]}")


if __name__ == "__main__":
    main()
