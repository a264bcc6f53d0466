"""The one who changes the node in the soak."""

import signal
import time

import grpc
from objects import solve
from rig import ANYONE
from soak_reads import need

# A round each so many seconds, with so many transactions, then a block; a reorganisation every so many rounds, and a
# solved template.
ROUND_S, TRANSACTIONS, REORG_EVERY, SOLVE_EVERY = 0.8, 24, 15, 7
AWAY_S, FOUND_S = 1.5, 15
OTHERS = "raw(5151)"


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
