"""Reads for the soak, each with what it must answer."""

import json
import random
import time

import grpc
from rig import COIN_SAT, reason

# Between two reads of one reader.
PAUSE_S = 0.008
GONE = {"UNAVAILABLE NODE_LOST", "UNAVAILABLE NODE_UNAVAILABLE", "NOT_FOUND LEASE_GONE"}
EVERYTHING = dict(want_hash=True, want_height=True, want_time=True, want_median_time_past=True, want_in_active_chain=True, want_data=True)


class Wrong(Exception):
    """An answer that is not what it must be."""


def need(what, good, *seen):
    if not good:
        raise Wrong(f"{what}: {seen}")


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
