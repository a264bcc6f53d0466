#!/usr/bin/env python3
"""Does a node notice its subscribers? Stopped ones, a thousand of them, and ones that die.

    python tests/real/subscribers.py --addr 127.0.0.1:50051 --proxy-pid PID --node-pid PID \
        (--rpc 127.0.0.1:18443 --datadir DATADIR | --control 127.0.0.1:50052) [--subscribers 1000] [--rounds 3]

The proxy must run with `--notifications always`, before a regtest node that may be changed. `--control` is a
second proxy before the same node, with `--allow control`, for nodes without JSON-RPC. The subscribers are the
crowd of the benchmark (`scripts/bench-streams`), built if need be; `--program` is the proxy's own binary, for the
control: as many subscribers, on the same cores, of another node.

The node is bound to one core, proxy and subscribers to another, and the subscribers yield to the proxy, so that what
is measured is whether the node waits for the proxy, not how many cores there are. Rounds are interleaved, figures are
medians over all rounds. Exits with 1 when a healthy subscriber misses an event, or a stalled one does not end as it should.
"""

import argparse
import base64
import http.client
import json
import os
import pathlib
import queue
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import grpc

from real_nodes import Proxy

PATIENCE_S = 120
# Blocks that are made one by one, each when everybody has the one before; and in a row.
CALM, ROW = 60, 150
# What a subscriber may fall behind by, in events; a block is two, and some are on the way.
BOUND, ON_THE_WAY = 16_384, 1_500
# Niceness of node, proxy and this program, as far as allowed, so that others on the machine disturb less; and of
# the subscribers, whose own work is not what is measured.
URGENT, POLITE = -15, 15
CROWD = "cargo bench --quiet --locked --bench side_by_side -- party crowd"


class JsonRpc:
    """The node's own door, over one connection."""

    def __init__(self, address, datadir):
        self.address, self.cookie = address, (pathlib.Path(datadir) / "regtest" / ".cookie").read_bytes()
        self.connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)

    def __call__(self, method, *params):
        headers = {"Authorization": "Basic " + base64.b64encode(self.cookie).decode()}
        self.connection.request("POST", "/", json.dumps({"method": method, "params": params, "id": 1}), headers)
        answer = json.loads(self.connection.getresponse().read())
        assert answer["error"] is None, answer
        return answer["result"]


class Control:
    """The same through a proxy of its own."""

    def __init__(self, address):
        self.proxy = Proxy(address)

    def __call__(self, method, *params):
        answer = self.proxy.call("Node.ExecuteRpc", method=method, params=json.dumps(params), uri="/")
        assert not answer.rpc_error, answer
        return json.loads(answer.result)


class Crowd:
    """Subscribers in a process of their own."""

    def __init__(self, options, count, stalled=0, address=None):
        words = options.crowd.split() + [address or options.addr, str(count), str(stalled)]
        self.count, self.healthy, self.stalled = count, count - stalled, stalled
        # A session of its own, so that all of it can be ended.
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.lines, self.had = queue.Queue(), 0
        threading.Thread(target=self.read, daemon=True).start()
        self.pid = self.take()["pid"]
        bind(self.pid, options.beside, POLITE)

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def take(self):
        line = self.lines.get(timeout=PATIENCE_S)
        assert line is not None, "the subscribers ended"
        return line

    def order(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def until(self, blocks):
        """Waits until all healthy ones have so many blocks."""
        while self.had < blocks:
            assert "last" in self.take()
            self.had += 1

    def report(self):
        self.order("report")
        while True:
            line = self.take()
            if "hashes" in line:
                return line

    def check(self, blocks):
        """Every healthy subscriber got these blocks in this order."""
        report = self.report()
        assert not report["faults"], report["faults"][:3]
        assert report["hashes"] == blocks, (len(report["hashes"]), len(blocks))
        whole = sum(count == len(blocks) for count in report["blocks"])
        assert whole >= self.healthy, (whole, self.healthy, report["blocks"][:20])
        return report

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)


def bind(pid, cores, niceness):
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores)
        try:
            os.setpriority(os.PRIO_PROCESS, int(thread), niceness)
        except PermissionError:
            pass


def mine(node, count=1):
    began = time.perf_counter()
    hashes = node("generatetodescriptor", count, "raw(51)")
    return hashes, time.perf_counter() - began


class Seen:
    """Times of one case, over all rounds."""

    def __init__(self):
        self.calm, self.row = [], []

    def figures(self):
        calm = sorted(self.calm)
        return statistics.median(calm), calm[len(calm) * 95 // 100], statistics.median(self.row)


def blocks_of(node, witnesses, seen, midway=lambda: None):
    """Makes blocks, one by one and then in a row; gives their hashes."""
    made = []
    for _ in range(CALM):
        hashes, took = mine(node)
        made += hashes
        seen.calm.append(took)
        for crowd in witnesses:
            crowd.until(len(made))
        if isinstance(node, Both):
            node.calm()
        elif not witnesses:
            time.sleep(0.005)
    began = time.perf_counter()
    for index in range(ROW):
        made += mine(node)[0]
        if index == ROW // 2:
            midway()
    seen.row.append((time.perf_counter() - began) / ROW)
    for crowd in witnesses:
        crowd.until(len(made))
        crowd.check(made)
    return made


def nobody(options, node, seen):
    blocks_of(node, [], seen)


def elsewhere(options, node, seen):
    """The same work on the same cores, with another node: what the machine does to the node by itself."""
    other = Elsewhere(options)
    crowd = Crowd(options, options.subscribers, address=other.addr)
    both = Both(node, other, crowd)
    blocks_of(both, [], seen)
    both.calm()
    both.wanted.put(None)
    crowd.end()
    other.end()


class Elsewhere:
    """The embedded node, with a proxy for subscribers and one for orders."""

    def __init__(self, options):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = f"{self.folder.name}/node.sock"
        program, quiet = options.program, ["--log-level", "error"]
        node = [program, "devnode", "--profile", "pr10102-2026-07", "--interval", "0s", "--socket", self.socket, *quiet]
        self.parts = [start(node)]
        wait_for(lambda: os.path.exists(self.socket))
        serve = [program, "serve", "--allow", "control", "--node", f"unix:{self.socket}", *quiet]
        self.addr, orders = free_address(), free_address()
        self.parts += [start([*serve, "--listen", address]) for address in (self.addr, orders)]
        wait_for(lambda: answers(self.addr) and answers(orders))
        for part in self.parts:
            bind(part.pid, options.beside, URGENT)
        self.node = Control(orders)

    def end(self):
        for part in self.parts:
            part.kill()
            part.wait()
        self.folder.cleanup()


class Both:
    """A node whose every block is followed by one elsewhere, which nobody waits for but in calm."""

    def __init__(self, node, other, crowd):
        self.node, self.crowd, self.made = node, crowd, 0
        self.wanted = queue.Queue()
        threading.Thread(target=self.follow, args=(other.node,), daemon=True).start()

    def follow(self, other):
        while self.wanted.get():
            mine(other)

    def __call__(self, *words):
        answer = self.node(*words)
        self.made += 1
        self.wanted.put(True)
        return answer

    def calm(self):
        self.crowd.until(self.made)


def start(words):
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def free_address():
    """Below the ports that outgoing connections take."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return "127.0.0.1:%d" % port


def answers(address):
    try:
        return bool(Proxy(address).call("Chain.GetHeight"))
    except grpc.RpcError:
        return False


def wait_for(ready):
    end = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < end, "a part did not come up"
        time.sleep(0.1)


def one(options, node, seen):
    crowd = Crowd(options, 1)
    blocks_of(node, [crowd], seen)
    crowd.end()


def stopped(options, node, seen):
    witness, other = Crowd(options, 1), Crowd(options, 1)
    os.kill(other.pid, signal.SIGSTOP)
    made = blocks_of(node, [witness], seen)
    os.kill(other.pid, signal.SIGCONT)
    # It was not far behind, so it catches up.
    other.until(len(made))
    other.check(made)
    witness.end(), other.end()


def dying(options, node, seen):
    witness, dies = Crowd(options, 1), Crowd(options, 50)
    blocks_of(node, [witness], seen, midway=dies.kill)
    witness.end()


def all_healthy(options, node, seen):
    crowd = Crowd(options, options.subscribers)
    blocks_of(node, [crowd], seen)
    crowd.end()


def some_stalled(options, node, seen):
    crowd = Crowd(options, options.subscribers, options.subscribers // 10)
    blocks_of(node, [crowd], seen)
    crowd.end()


def overrun(options, node):
    """Stalled subscribers are passed by; the others see everything."""
    crowd = Crowd(options, options.subscribers, options.subscribers // 10)
    made, began = [], time.perf_counter()
    while 2 * len(made) < BOUND + ON_THE_WAY:
        made += mine(node, 100)[0]
        crowd.until(len(made))
    took = time.perf_counter() - began
    crowd.check(made)
    crowd.order("go on")
    ends, end = [], time.monotonic() + PATIENCE_S
    while len(ends) < crowd.stalled and time.monotonic() < end:
        time.sleep(0.5)
        ends += crowd.report()["ends"]
    assert len(ends) == crowd.stalled, (len(ends), crowd.stalled)
    for stream in ends:
        assert stream["stalled"] and stream["code"] == 8, stream
        assert "SUBSCRIBER_TOO_SLOW" in stream["details"], stream
        told = stream["details"].split("last_sequence")[1].split()[0]
        assert told == str(stream["last"]), stream
    crowd.check(made)
    crowd.end()
    last = sorted(stream["last"] for stream in ends)
    print(
        f"{len(made)} blocks in {took:.0f} s: {crowd.healthy} healthy subscribers got each in order; {len(ends)} stalled "
        f"ones ended with RESOURCE_EXHAUSTED, SUBSCRIBER_TOO_SLOW after message {last[0]} to {last[-1]}"
    )


MANY = ("of another node", "all healthy", "a tenth stalled")
CASES = {
    "no subscriber": nobody,
    "one": one,
    "one beside a stopped one": stopped,
    "one beside 50 that die": dying,
    "of another node": elsewhere,
    "all healthy": all_healthy,
    "a tenth stalled": some_stalled,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--addr", required=True)
    parser.add_argument("--node-pid", type=int, required=True)
    parser.add_argument("--proxy-pid", type=int, required=True)
    parser.add_argument("--rpc")
    parser.add_argument("--datadir")
    parser.add_argument("--control")
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crowd", default=CROWD)
    parser.add_argument("--program", default="target/release/bitcoin-grpc")
    options = parser.parse_args()
    node = JsonRpc(options.rpc, options.datadir) if options.rpc else Control(options.control)
    first, *rest = sorted(os.sched_getaffinity(0))
    options.beside = set(rest) or {first}
    bind(options.node_pid, {first}, URGENT)
    bind(options.proxy_pid, options.beside, URGENT)
    bind(os.getpid(), {first}, URGENT)
    mine(node, 20)
    seen = {name: Seen() for name in CASES}
    for _ in range(options.rounds):
        for name, case in CASES.items():
            case(options, node, seen[name])
    base = seen["no subscriber"].figures()
    print(f"{'node: ms for a block':<34} {'median':>8} {'p95':>8} {'in a row':>9}   over no subscriber")
    for name, times in seen.items():
        figures = times.figures()
        ratios = "".join(f"{figure / whole:7.2f}" for figure, whole in zip(figures, base))
        shown = [f"{1000 * figure:.2f}" for figure in figures]
        name = f"{options.subscribers} subscribers, {name}" if name in MANY else name
        print(f"{name:<34} {shown[0]:>8} {shown[1]:>8} {shown[2]:>9}  {ratios}")
    overrun(options, node)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"failed: {error}")
