"""What a soak knows of the node's chain by itself: from the bytes of its blocks, and from what it did to it."""

import contextlib
import statistics
import struct
import threading
import time

from objects import double_sha256


def read_number(data, at):
    first = data[at]
    if first < 0xFD:
        return first, at + 1
    size = {0xFD: 2, 0xFE: 4, 0xFF: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def read_transaction(data, at):
    """Its id, and where it ends."""
    begin, witness = at, data[at + 4] == 0
    body = at = at + (6 if witness else 4)
    inputs, at = read_number(data, at)
    for _ in range(inputs):
        length, at = read_number(data, at + 36)
        at += length + 4
    outputs, at = read_number(data, at)
    for _ in range(outputs):
        length, at = read_number(data, at + 8)
        at += length
    end = at
    if witness:
        for _ in range(inputs):
            items, at = read_number(data, at)
            for _ in range(items):
                length, at = read_number(data, at)
                at += length
    return double_sha256(data[begin : begin + 4] + data[body:end] + data[at : at + 4]), at + 4


def merkle_root(hashes):
    while len(hashes) > 1:
        hashes = hashes + hashes[-1:] if len(hashes) % 2 else hashes
        hashes = [double_sha256(left + right) for left, right in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def transactions(block):
    """Of each transaction its id, where it begins, and where it ends."""
    count, at = read_number(block, 80)
    for _ in range(count):
        begin = at
        txid, at = read_transaction(block, begin)
        yield txid, begin, at
    assert at == len(block), "a block with something behind it"


class Block:
    """A block from its bytes; anything wrong in them is an error."""

    def __init__(self, raw, height):
        self.raw, self.height, self.hash = raw, height, double_sha256(raw[:80])
        self.previous, root = raw[4:36], raw[36:68]
        self.time, bits = struct.unpack("<II", raw[68:76])
        target = (bits & 0xFFFFFF) << (8 * ((bits >> 24) - 3))
        assert int.from_bytes(self.hash, "little") <= target, "no proof of work"
        found = list(transactions(raw))
        self.txids = [txid for txid, _, _ in found]
        assert merkle_root(self.txids) == root, "the header has another merkle root"
        # What its transactions of one input and no witness spend, which are all that are made here.
        self.spends = [(raw[at + 5 : at + 37], int.from_bytes(raw[at + 37 : at + 41], "little")) for _, at, _ in found[1:]]


class Ledger:
    """The active chain and the mempool, and what the tip was when. One thread changes them."""

    def __init__(self, source, clock=time.monotonic):
        self.source, self.clock, self.lock = source, clock, threading.Condition()
        self.blocks, self.active, self.pool, self.version = {}, [], set(), 0
        # When each tip could be seen first, and when the change to it was over; of a change under way, when it began.
        self.states, self.pending = [], None
        for height in range(source("getblockcount") + 1):
            self.active.append(self.learn(source("getblockhash", height), height).hash)
        self.states.append((0.0, 0.0, self.active[-1]))

    def learn(self, shown, height):
        name = bytes.fromhex(shown)[::-1]
        if name not in self.blocks:
            block = Block(bytes.fromhex(self.source("getblock", shown, 0)), height)
            assert block.hash == name, f"block {shown} has the bytes of another"
            if height:
                assert block.previous in self.blocks and self.blocks[block.previous].height == height - 1
            self.blocks[name] = block
        return self.blocks[name]

    @contextlib.contextmanager
    def change(self):
        """Something is done to the node. What it yields takes the tips that were seen on the way."""
        with self.lock:
            self.pending, self.version = self.clock(), self.version + 1
        tips = []
        try:
            yield tips
        finally:
            with self.lock:
                now = self.clock()
                self.states += [(self.pending, now, tip) for tip in tips]
                # An hour's worth would be looked through for every answer.
                del self.states[:-200]
                self.pending, self.version = None, self.version + 1
                self.lock.notify_all()

    def disconnect(self, count, tips):
        for _ in range(count):
            self.pool |= set(self.blocks[self.active.pop()].txids[1:])
            tips.append(self.active[-1])

    def connect(self, shown, tips):
        for name in shown:
            block = self.learn(name, len(self.active))
            assert block.previous == self.active[-1], "a block on another tip"
            self.active.append(block.hash)
            self.pool -= set(block.txids)
            tips.append(block.hash)

    def tips(self, begin, end):
        """Tips that an answer between these times may tell of."""
        with self.lock:
            while self.pending is not None and self.pending <= end:
                assert self.lock.wait(120), "a change does not end"
            over = [*(state[1] for state in self.states[1:]), end]
            # A state can be seen until the change to the last state of the next change is over.
            return {tip for (first, _, tip), last in zip(self.states, over) if first <= end and last >= begin}

    def stamp(self):
        """Differs between two looks if anything was changed in between; None while something is being changed."""
        with self.lock:
            return None if self.pending is not None else self.version

    def stable(self, depth=12):
        """How far no reorganisation goes."""
        with self.lock:
            return len(self.active) - depth

    def at(self, height):
        with self.lock:
            return self.blocks[self.active[height]]

    def median_time(self, height):
        with self.lock:
            return statistics.median_high(sorted(self.blocks[self.active[h]].time for h in range(max(0, height - 10), height + 1)))

    def is_active(self, name):
        with self.lock:
            block = self.blocks[name]
            return block.height < len(self.active) and self.active[block.height] == name
