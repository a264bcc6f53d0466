#!/usr/bin/env python3
"""What a real node sees of the end of a proxy that is at work: killed, told to stop, told twice, told in the middle of a call.

    python tests/real/proxy_kills.py --program target/release/bitcoin-grpc --bin DIR --dir FOLDER [--port 18720] \
        [--generation core-32] [--rounds 3] [--modes MODE,...] [--spoil block|leak|exit]

DIR has bitcoin-node and bitcoin-cli, FOLDER is made anew. The node makes a block every PACE_S, asked by JSON-RPC, all the
time. Before it a proxy is started, loaded with every kind of call that the node has (as faults.py does), with SUBSCRIBERS
streams where the node has them, TEMPLATES templates and a wait on one of them; then it is ended, and so on, round by round.
It ends with 1 unless, in every round of every mode that leaves the node alive,

- the node goes on making blocks: in the WINDOW_S after the signal at least FEWEST of what it made in as long without a
  proxy, and never none for longer than GAP_S;
- its threads and descriptors are again what they were without a proxy, within BACK_S (but for ONCE thread in all rounds, which
  a node starts when a connection leaves something to clear up), and after its last round it has
  at most GROWTH_KB more memory than after its first;
- the proxy's exit code is 0 after one signal, 130 after two; without a long call it is gone within QUICK_S;
- after one signal no call that it had taken ends without a status of its own (but for what h2 does, see KNOWN), a long call that ends within
  `--drain` has its answer, and one that does not has DRAINING.

Where a node dies of a proxy's death, that is printed, and the node started anew; which modes may do that is in DEADLY.
`--spoil` does what the checks must notice: it stops the node for a second, lets a client of the node's own stay, or wants
another exit code.
"""

import argparse
import collections
import os
import shutil
import signal
import socket
import statistics
import sys
import threading
import time

import grpc
from faults import ONCE, Load, World, kinds
from rig import ANYONE, Caller, Rpc, Served, held_by, names, reason, settled
from streams import Stream

PACE_S, BASE_S, WINDOW_S = 0.1, 10, 4
FEWEST, GAP_S = 0.8, 1.5
SUBSCRIBERS, TEMPLATES = 20, 50
LOADED_S, DRAIN_S, QUICK_S, BACK_S = 3, 4, 5, 30
# How long a proxy may take beyond --drain: for the node's last answers and the goodbye.
BEYOND_S = 6
GROWTH_KB = 8192
# Endings of a call that never reached a proxy: its client was told by the system, or by HTTP/2, that nobody had taken it.
NEVER_TAKEN = ("failed to connect", "onnection refused", "REFUSED_STREAM", "Endpoint closing")
# h2 0.4 ends a connection with PROTOCOL_ERROR if, after it has named the last stream that it takes, a WINDOW_UPDATE comes for
# a later one, which it should pass over as it does HEADERS and DATA. One TERM in sixty, when measured; it is told, not failed.
KNOWN = "GOAWAY received; Error code: 1"


READS = frozenset({"read", "read in a hurry", "submit", "submit, command"})
TEMPLATES_HELD, WAIT_NEXT, STREAMS = "templates held", "waits for a template", "streams"
ALL = READS | {"submit, wallet", "wait", "lease", "server stream", "conversation", TEMPLATES_HELD, WAIT_NEXT, STREAMS}


class Mode:
    """A way to end a proxy: how, with which long call, and what it is at meanwhile."""

    def __init__(self, name, signals=(signal.SIGTERM,), code=0, long=None, parts=ALL):
        self.name, self.signals, self.code, self.long, self.parts = name, signals, code, long, parts


def killed(name, *parts):
    return Mode(name, (signal.SIGKILL,), -signal.SIGKILL, parts=frozenset(parts))


MODES = [
    Mode("TERM"),
    Mode("TERM, a call of 2 s under way", long=2),
    Mode(f"TERM, a call beyond --drain {DRAIN_S}s", long=12),
    Mode("TERM twice", (signal.SIGTERM, signal.SIGTERM), 130, long=12),
    killed("kill -9: reads, submits", *READS),
    killed("kill -9: reads, submits, waits for the tip", *READS, "wait"),
    killed("kill -9: templates held", TEMPLATES_HELD),
    killed("kill -9: wallet calls", "submit, wallet"),
    killed("kill -9: templates made and given back", "lease"),
    killed("kill -9: waits for templates", TEMPLATES_HELD, WAIT_NEXT),
    killed("kill -9: streams", STREAMS),
    killed("kill -9: all", *ALL),
]
# What a node of before libmultiprocess v11 may die of.
DEADLY = {
    "pr10102": {"kill -9: streams", "kill -9: all"},
    "core-32": set(),
}


class Blocks(threading.Thread):
    """Makes the node's blocks, and keeps when each was there and how long it took."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.rpc, self.made, self.paused, self.ending = Rpc(node.data, node.port), [], threading.Event(), False
        self.start()

    def run(self):
        due = time.monotonic()
        while not self.ending:
            if self.paused.is_set():
                time.sleep(0.05)
                due = time.monotonic()
                continue
            began = time.monotonic()
            try:
                self.rpc("generatetodescriptor", 1, ANYONE)
                self.made.append((time.monotonic(), time.monotonic() - began))
            except Exception:
                # The node has died, which the rounds see for themselves.
                time.sleep(0.05)
            due = max(due + PACE_S, time.monotonic() - PACE_S)
            time.sleep(max(0, due - time.monotonic()))

    def window(self, begin, end):
        """Blocks within it, median milliseconds of each, and the longest time without any."""
        inside = [(at, took) for at, took in self.made if begin <= at <= end]
        times = [begin, *(at for at, _ in inside), end]
        gap = max(after - before for before, after in zip(times, times[1:]))
        return len(inside), 1000 * statistics.median([took for _, took in inside] or [0]), gap


class Round:
    """One proxy, from its start to its end."""

    def __init__(self, world, mode, options):
        self.world, self.mode, self.options = world, mode, options
        world.served = Served(options.program, world.node.socket, options.port + 1000, options.dir, "--allow",
                              "control,wallet", "--notifications", "always", "--drain", f"{DRAIN_S}s")
        self.caller = Caller(world.served.address, world.first)
        self.streams = []
        which = [kind for kind in kinds(world) if kind.name in mode.parts]
        self.load = Load(world, which)
        if STREAMS in mode.parts and world.led:
            names = ("Chain.HandleNotifications", "Node.HandleNotifyBlockTip")
            self.streams = [Stream(self.caller, names[index % 2]) for index in range(SUBSCRIBERS)]
            self.streams.append(Stream(self.caller, "Node.HandleQuestion", start={}))
            for stream in self.streams:
                stream.until("started")
        handles = [self.caller.call("Mining.CreateNewBlock").template.handle
                   for _ in range(TEMPLATES if TEMPLATES_HELD in mode.parts else 0)]
        if WAIT_NEXT in mode.parts:
            # Until the tip changes, and so on from the next template.
            threading.Thread(target=self.wait_next, args=(handles[-1],), daemon=True).start()
        self.long = self.begin_long() if mode.long else None

    def wait_next(self, handle):
        try:
            while handle:
                reply = self.caller.call("BlockTemplate.WaitNext", handle=handle, options={"timeout_ms": 2000.0})
                if reply.HasField("template"):
                    self.caller.call("BlockTemplate.Destroy", handle=handle)
                    handle = reply.template.handle
        except grpc.RpcError:
            pass

    def begin_long(self):
        """A command that waits for a height: for one that comes after so many seconds, or for one that does not come."""
        height = self.world.rpc("getblockcount") + (int((LOADED_S + self.mode.long) / PACE_S) if self.mode.long < DRAIN_S else 10**6)
        patience = 1000 * (LOADED_S + self.mode.long)
        if self.world.led:
            stub, request = self.caller.stub("Node.ExecuteRpc")
            message = request(method="waitforblockheight", params=f"[{height}, {patience}]", uri="/")
        else:
            stub, request = self.caller.stub("Rpc.ExecuteRpc")
            words = '{"jsonrpc":"2.0","id":1,"method":"waitforblockheight","params":[%d,%d]}'
            message = request(request=words % (height, patience))
        return stub.future(message, timeout=30)

    def end(self):
        """Sends the signals; gives when, the exit code, and how long the end took."""
        time.sleep(LOADED_S)
        before = collections.Counter(told for calls in self.load.calls.values() for _, _, told in calls)
        assert set(before) <= {"OK"}, f"{self.mode.name}: before the end: {dict(before)}"
        at = time.monotonic()
        for index, sign in enumerate(self.mode.signals):
            if index:
                time.sleep(0.5)
            self.world.served.process.send_signal(sign)
        code = self.world.served.process.wait(60)
        return at, code, time.monotonic() - at

    def told(self, at):
        """What calls and streams were told after the signal."""
        time.sleep(1)
        self.load.end()
        calls = collections.Counter(told for calls in self.load.calls.values() for _, end, told in calls if end > at)
        ends = collections.Counter()
        for stream in self.streams:
            stream.says.put(None)
            while stream.error is None and stream.messages.get(timeout=15)[0] != "end":
                pass
            ends[reason(stream.error) if stream.error else "OK"] += 1
        long = None
        if self.long:
            try:
                self.long.result(30)
                long = "OK"
            except grpc.RpcError as error:
                long = reason(error)
        self.caller.channel.close()
        return calls, ends, long


def is_lost(told):
    return "(" in told and not any(words in told for words in (*NEVER_TAKEN, KNOWN))


def check_told(mode, calls, ends, long, took):
    if mode.signals != (signal.SIGTERM,):
        return
    lost = {told: count for told, count in (calls + ends).items() if is_lost(told)}
    assert not lost, f"{mode.name}: calls were taken and never answered: {lost}"
    assert set(ends) <= {"UNAVAILABLE DRAINING"}, f"{mode.name}: streams ended with {dict(ends)}"
    if not mode.long:
        assert took < QUICK_S, f"{mode.name}: gone after {took:.1f} s"
    elif mode.long < DRAIN_S:
        assert long == "OK", f"{mode.name}: the long call was told {long}"
    else:
        assert long == "UNAVAILABLE DRAINING" and took < DRAIN_S + BEYOND_S, f"{mode.name}: {long} after {took:.1f} s"


def one(world, mode, options, blocks, base, seen):
    """A round; whether the node lived."""
    this = Round(world, mode, options)
    at, code, took = this.end()
    if options.spoil == "block":
        os.kill(world.node.pid, signal.SIGSTOP)
        time.sleep(GAP_S + 0.5)
        os.kill(world.node.pid, signal.SIGCONT)
    calls, ends, long = this.told(at)
    time.sleep(max(0, at + WINDOW_S - time.monotonic()))
    died = world.node.process.poll()
    seen["rounds"].append(died)
    seen["told"] += calls
    seen["ends"] += ends
    seen["long"][long] += 1
    seen["took"].append(took)
    wanted = 1 if options.spoil == "exit" else mode.code
    assert code == wanted, f"{mode.name}: exit code {code}"
    if died is not None:
        assert mode.name in DEADLY[options.generation], f"{mode.name}: the node ended with {died}"
        seen["died"].append(died)
        out = (world.node.data / "node.out").read_text(errors="replace")
        seen["words"] += {line.split(": ", 1)[-1][:120] for line in out[world.said:].splitlines()}
        world.said = len(out)
        return False
    check_told(mode, calls, ends, long, took)
    made, median, gap = blocks.window(at, at + WINDOW_S)
    ratio = made / WINDOW_S / (base["made"] / BASE_S)
    seen["ratio"].append(ratio)
    seen["median"].append(median)
    seen["gap"].append(gap)
    assert ratio >= FEWEST and gap <= GAP_S, f"{mode.name}: {made} blocks in {WINDOW_S} s, none for {gap:.1f} s"
    now, back, same = settled(world.node.pid, base["held"], BACK_S + (mode.long or 0), ONCE)
    seen["back"].append(back)
    seen["held"].append(now)
    # One more at most, whatever the rounds: the thread that clears up.
    assert same, (
        f"{mode.name}: threads and descriptors {base['held'][:2]} before, {now[:2]} after; more threads: "
        f"{names(world.node.pid) - base['names']}, fewer: {base['names'] - names(world.node.pid)}")
    return True


def base_of(world, blocks):
    """What the node is without a proxy: after one has been there and gone."""
    at = time.monotonic()
    time.sleep(BASE_S)
    made, median, gap = blocks.window(at, at + BASE_S)
    return {"names": names(world.node.pid), "held": settled(world.node.pid, (0, 0), 1)[0], "made": made, "median": median, "gap": gap}


def again(world, blocks):
    """Another node in the place of one that died."""
    blocks.paused.set()
    world.node.up()
    if world.led and "faults" not in world.rpc("listwallets"):
        world.rpc("loadwallet", "faults")
    blocks.paused.clear()


def words(counts):
    return ", ".join(f"{told.replace('UNAVAILABLE ', '')} {count}" for told, count in counts.most_common()) or "–"


def show(mode, seen):
    if seen["died"]:
        print(f"{mode.name}: the node died in {len(seen['died'])} of {len(seen['rounds'])} rounds, with {sorted(set(seen['died']))}; "
              f"it said: {sorted(set(seen['words']))}")
    if seen["ratio"]:
        print(f"{mode.name}: blocks over none without a proxy {min(seen['ratio']):.2f} to {max(seen['ratio']):.2f}, "
              f"ms for one {statistics.median(seen['median']):.1f}, longest without {max(seen['gap']):.2f} s; "
              f"threads, descriptors, kB afterwards {seen['held']} after {max(seen['back']):.1f} s at most")
    print(f"  calls: {words(seen['told'])}; streams: {words(seen['ends'])}; the long call: {dict(seen['long'])}; "
          f"gone after {min(seen['took']):.2f} to {max(seen['took']):.2f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, default=18720)
    parser.add_argument("--generation", default="pr10102", choices=list(DEADLY))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modes", default="", help="only those that begin so, separated by semicolons")
    parser.add_argument("--spoil", choices=["block", "leak", "exit"])
    options = parser.parse_args()
    shutil.rmtree(options.dir, ignore_errors=True)
    world = World(options)
    assert world.served.kill(signal.SIGTERM) == 0
    blocks, world.said = Blocks(world.node), 0
    # One round before anything is measured.
    warm = Round(world, MODES[0], options)
    at, code, _ = warm.end()
    warm.told(at)
    assert code == 0, code
    base = base_of(world, blocks)
    print(f"without a proxy: {base['made']} blocks in {BASE_S} s, ms for one {base['median']:.1f}, longest without "
          f"{base['gap']:.2f} s; threads, descriptors, kB {base['held']}", flush=True)
    if options.spoil == "leak":
        stays = socket.socket(socket.AF_UNIX)
        stays.connect(str(world.node.socket))
    first = [word for word in options.modes.split(";") if word]
    memory = {}
    for mode in MODES:
        if first and not any(mode.name.startswith(word) for word in first):
            continue
        if not world.led and mode.parts <= {"submit, wallet", STREAMS}:
            continue
        seen = collections.defaultdict(list, told=collections.Counter(), ends=collections.Counter(), long=collections.Counter())
        for _ in range(options.rounds):
            if one(world, mode, options, blocks, base, seen):
                memory.setdefault(world.node.pid, []).append(held_by(world.node.pid)[2])
            else:
                again(world, blocks)
        show(mode, seen)
    for seen in memory.values():
        print(f"a node's memory after each round, kB: {seen}")
        assert seen[-1] - seen[0] <= GROWTH_KB, "the node's memory grew"
    blocks.ending = True
    blocks.join()
    assert world.node.stop() == 0


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"failed: {error}")
