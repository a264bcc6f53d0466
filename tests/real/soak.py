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
from ledger import Ledger
from rig import ANYONE, FAN, PATIENCE_S, Caller, Coins, RealNode, Served, held_by, reason, settled
from soak_crew import Churn, Command, Follower, Setting, Templates, Waiter, Wallets
from soak_reads import GONE, Reader, Wrong, need
from soak_writer import ROUND_S, TRANSACTIONS, Writer

RESTS, WARM_UP, GROWTH_KB, KEPT, EVENT_KB = 15, 1 / 3, 2048, 16_384, 1.5
READERS, FOLLOWERS = 6, 6
# After which a thread of the proxy that checked a large block ends, if there was no other.
IDLE_S = 12
PROFILE = "pr10102-2026-07"


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
        except Exception as error:  # whatever it is, an answer was not what it must be
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
            world.leaked = Opened(world.caller(), "Node.HandleNotifyBlockTip")
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
