#!/usr/bin/env python3
"""What callers of a real node see of its faults: killed and started again, stopped and started again, stopped for 10 s.

    python tests/real/faults.py --program target/release/bitcoin-grpc --bin DIR --dir FOLDER [--port 18700] \
        [--generation core-32] [--faults "kill -9,stop,SIGSTOP"] [--spoil twice|leak|status|late]

DIR has bitcoin-node and bitcoin-cli, FOLDER is made anew. Node and proxy are started on regtest; all kinds of calls that
the node has go on all the time, two callers of each, and meet each fault; a stream, a conversation, a wait and a lease are
open besides. It ends with 1 unless

- every status is one of those in EXPECTED, and no call takes longer than SLOWEST_S;
- after every fault each kind is answered again within RECOVERED_S of the node's first answer to JSON-RPC;
- the node got no call with an effect twice: it was asked (it logs every request) at least as often as there were good
  answers, and at most as often as there were calls, less those that were told NODE_UNAVAILABLE, "nothing was sent"; an
  address was given out for every good answer, one at most for a call that was lost, and none where nothing was sent; no
  transaction is known whose caller was told that nothing was sent;
- nothing is left once nobody calls: no lease, stream, call or busy server thread, and the threads and descriptors of proxy
  and node are as many as before the fault (but for ONCE thread, which a node starts to clear up what a lost connection left);
- the proxy's memory after the last fault is at most GROWTH_KB above that after the first.

`--spoil` does something that the checks must notice: it sends each tenth call with an effect twice, leaves a stream open,
expects another status, or wants a recovery in no time. Needs what real_nodes.py needs.
"""

import argparse
import collections
import os
import pathlib
import shutil
import signal
import sys
import threading
import time

import grpc
from rig import ANYONE, PATIENCE_S, Caller, Coins, RealNode, Served, held_by, reason, settled
from streams import Stream

# Blocks that can be submitted.
SIBLINGS = 3000
# A fault's time: how long a node stays away, and how long it stands still.
AWAY_S, FROZEN_S = 2, 10
BEFORE_S, AFTER_S = 4, 4
SLOWEST_S, RECOVERED_S = 30, 10
GROWTH_KB, ONCE = 4096, 1
# Commands with which the proxy finds out about a node, for each connection.
PROBES = 2
# The deadline of callers that are in a hurry.
HURRY_S = 2
CALLERS = 2
# Between two calls of one caller; of those with an effect, of which each needs a coin or a block of its own.
PAUSE_S, EFFECT_S = 0.01, 0.05

GONE = {"UNAVAILABLE NODE_LOST", "UNAVAILABLE NODE_UNAVAILABLE"}
# Of a template that had been made.
USED = "in use"
LEASED = GONE | {"OK", "NOT_FOUND LEASE_GONE in use"} | {f"{gone} {USED}" for gone in GONE}
# At the end of a conversation that had begun; there neither says whether the node had been asked.
ENDED = {f"{gone} at its end" for gone in GONE}
NOTHING_SENT = "UNAVAILABLE NODE_UNAVAILABLE"
# A read that was lost is asked again of the next node, for which one in a hurry may not have the time.
HURRIED = "DEADLINE_EXCEEDED"
# A node that is stopping ends its waits, with nothing to tell.
WITHOUT = "OK, without a tip"
EXPECTED = {
    "kill -9": collections.defaultdict(
        lambda: GONE | {"OK"}, {"read in a hurry": GONE | {"OK", HURRIED}, "lease": LEASED,
                              "conversation": GONE | ENDED | {"OK"}}),
    "stop": collections.defaultdict(
        lambda: GONE | {"OK"}, {"read in a hurry": GONE | {"OK", HURRIED}, "lease": LEASED, "wait": GONE | {"OK", WITHOUT},
                              "conversation": GONE | ENDED | {"OK"}}),
    "SIGSTOP": collections.defaultdict(lambda: {"OK"}, {"read in a hurry": {"OK", HURRIED}}),
}
# Of calls that were open since before the fault.
OPEN = {
    "kill -9": {"wait": {"UNAVAILABLE NODE_LOST", "OK"}, "server stream": GONE, "conversation": GONE, "lease": {"NOT_FOUND LEASE_GONE"}},
    "stop": {"wait": GONE | {WITHOUT}, "server stream": GONE, "conversation": GONE, "lease": {"NOT_FOUND LEASE_GONE"}},
    "SIGSTOP": {"wait": {"OK"}, "server stream": {"goes on"}, "conversation": {"goes on"}, "lease": {"OK"}},
}


class Kind:
    """A kind of call: what one is, and what the node's log calls the part with an effect."""

    def __init__(self, name, once, logged=None):
        self.name, self.once, self.logged = name, once, logged


class World:
    """Node, proxy, and what both generations need to be asked."""

    def __init__(self, options):
        self.options, self.led = options, options.generation == "pr10102"
        folder = pathlib.Path(options.dir)
        self.node = RealNode(folder / "node", options.bin, options.port, "-debug=ipc")
        self.node.up()
        self.rpc = self.node.rpc
        if self.led:
            self.rpc("createwallet", "faults", False, False, "", False, True, True)
        self.rpc("generatetodescriptor", 120, ANYONE)
        self.coins, self.counter, self.lock = Coins(self.rpc), 0, threading.Lock()
        self.served = Served(options.program, self.node.socket, options.port + 1000, folder,
                             "--allow", "control,wallet", "--notifications", "always")
        self.first = Caller(self.served.address)
        self.told = {}
        self.blocks = [] if self.led else self.siblings(SIBLINGS)
        # Writes chain and coins to disk, so that a node that is killed still has them.
        self.rpc("gettxoutsetinfo")

    def siblings(self, count):
        """Blocks on the tip that differ in their coinbase alone; the first one becomes the tip."""
        made = []
        for index in range(count):
            answer = self.rpc("generateblock", f"raw(6a04{index:08x})", [], False)
            made.append((bytes.fromhex(answer["hex"]), answer["hash"]))
        return made

    def number(self):
        with self.lock:
            self.counter += 1
            return self.counter

    def tell(self, what, told):
        with self.lock:
            self.told[what] = told

    def twice(self):
        """For --spoil: whether this call is sent twice."""
        return self.options.spoil == "twice" and self.number() % 10 == 0


def remembered(world, what, call):
    """A call with an effect; what its caller is told is kept."""
    try:
        answer = call()
    except grpc.RpcError as error:
        world.tell(what, reason(error))
        raise
    world.tell(what, "OK")
    return answer


def read(world, caller, within):
    height = caller.call("Chain.GetHeight", within=within).height if world.led else caller.call("Mining.GetTip", within=within).tip.height
    assert height > 120, height


def broadcast(world, caller):
    raw, txid = world.coins.spend()
    send = lambda: caller.call("Chain.BroadcastTransaction", tx=raw, max_tx_fee_sat=10**6)
    answer = remembered(world, ("tx", txid), send)
    assert answer.accepted, answer
    if world.twice():
        send()


def submit_block(world, caller):
    with world.lock:
        fresh = len(world.blocks) > 1
        block, name = world.blocks.pop() if fresh else world.blocks[0]
    send = lambda: caller.call("Mining.SubmitBlock", block=block)
    answer = remembered(world, ("block", name), send)
    # Beside the tip; where nothing is counted one by one, the last of them again and again.
    assert answer.accepted or answer.reason == "inconclusive" or not fresh and answer.reason.startswith("duplicate"), answer
    if world.twice():
        send()


def command(world, caller):
    raw, txid = world.coins.spend()
    request = '{"jsonrpc":"2.0","id":1,"method":"sendrawtransaction","params":["%s",0]}' % raw.hex()
    send = lambda: caller.call("Rpc.ExecuteRpc", request=request)
    answer = remembered(world, ("tx", txid), send)
    # A node that is about to stop, or has just begun, answers with an error of its own, and did nothing.
    assert txid in answer.response or '"code":-28' in answer.response, answer
    if txid not in answer.response:
        world.tell(("tx", txid), "refused")
    if world.twice():
        send()


def address(world, caller):
    label = f"n{world.number()}"
    send = lambda: caller.call("Wallet.GetNewDestination", wallet="faults", address_type=2, label=label)
    remembered(world, ("address", label), send)
    if world.twice():
        send()


def wait(caller):
    tip = caller.call("Mining.GetTip").tip
    told = caller.call("Mining.WaitTipChanged", current_tip=tip.hash, timeout_ms=1000.0)
    return "OK" if told.HasField("tip") else WITHOUT


def stream(caller):
    opened = Stream(caller, "Chain.HandleNotifications")
    first(opened, "started")
    opened.call.cancel()


def first(opened, kind):
    try:
        return opened.until(kind)
    except AssertionError:
        if opened.error is None:
            raise
        raise opened.error from None


def conversation(world, caller):
    number = world.number()
    opened = Stream(caller, "Chain.UpdateRwSetting", start={"name": "bitcoin-grpc-faults"})
    try:
        first(opened, "started")
        try:
            asked = first(opened, "settings_update")
            opened.say(answer={"invocation_id": asked.invocation_id, "value": f'"{number}"', "action": 0})
            first(opened, "updated")
        except grpc.RpcError as error:
            return f"{reason(error)} at its end"
    finally:
        opened.says.put(None)


def lease(caller):
    handle = caller.call("Mining.CreateNewBlock").template.handle
    try:
        header = caller.call("BlockTemplate.GetBlockHeader", handle=handle).header
        assert len(header) == 80
        caller.call("BlockTemplate.Destroy", handle=handle)
    except grpc.RpcError as error:
        return f"{reason(error)} {USED}"


def kinds(world):
    led = world.led
    yield Kind("read", lambda c: read(world, c, 30))
    yield Kind("read in a hurry", lambda c: read(world, c, HURRY_S))
    if led:
        yield Kind("submit", lambda c: broadcast(world, c), "Chain.broadcastTransaction")
        yield Kind("submit, wallet", lambda c: address(world, c), "Wallet.getNewDestination")
    else:
        yield Kind("submit", lambda c: submit_block(world, c), "Mining.submitBlock")
        yield Kind("submit, command", lambda c: command(world, c), "Rpc.executeRpc")
    yield Kind("wait", wait)
    if led:
        yield Kind("server stream", stream)
        yield Kind("conversation", lambda c: conversation(world, c), "Chain.updateRwSetting")
    yield Kind("lease", lease, "Mining.createNewBlock")


class Load:
    """Callers of every kind, without end; every call is kept with its times and what it was told."""

    def __init__(self, world, which):
        self.calls, self.ending, self.wrong = collections.defaultdict(list), False, []
        self.threads = []
        for kind in which:
            for _ in range(CALLERS):
                caller = Caller(world.served.address, world.first)
                self.threads.append(threading.Thread(target=self.work, args=(kind, caller), daemon=True))
        for thread in self.threads:
            thread.start()

    def work(self, kind, caller):
        while not self.ending:
            began = time.monotonic()
            try:
                told = kind.once(caller) or "OK"
            except grpc.RpcError as error:
                told = reason(error)
            except Exception as error:  # a wrong answer, which ends the run
                self.wrong.append(f"{kind.name}: {error!r}")
                return
            self.calls[kind.name].append((began, time.monotonic(), told))
            time.sleep(PAUSE_S if told == "OK" and not kind.logged else EFFECT_S)
        caller.channel.close()

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join(PATIENCE_S)
        assert not self.wrong, self.wrong[:3]


class Opened:
    """What is open when the fault comes: a wait, and where the node has them a stream and a conversation; a lease."""

    def __init__(self, world):
        self.world, self.caller = world, Caller(world.served.address, world.first)
        tip = self.caller.call("Mining.GetTip").tip
        stub, request = self.caller.stub("Mining.WaitTipChanged")
        self.wait = stub.future(request(current_tip=tip.hash, timeout_ms=25_000.0), timeout=60)
        self.lease = self.caller.call("Mining.CreateNewBlock").template.handle
        self.streams = {}
        if world.led:
            self.streams["server stream"] = Stream(self.caller, "Chain.HandleNotifications", kinds=[2])
            self.streams["conversation"] = Stream(self.caller, "Node.HandleQuestion", start={})
            for opened in self.streams.values():
                opened.until("started")

    def ends(self, fault):
        """What became of each."""
        seen = {}
        for name, opened in self.streams.items():
            if fault != "SIGSTOP":
                try:
                    opened.until("end")
                except AssertionError as error:
                    seen[name] = str(error)
                    continue
            seen[name] = "goes on" if opened.messages.empty() and opened.error is None else reason(opened.error)
        try:
            self.caller.call("BlockTemplate.GetBlockHeader", handle=self.lease)
            seen["lease"] = "OK"
        except grpc.RpcError as error:
            seen["lease"] = reason(error)
        [block] = self.world.rpc("generatetodescriptor", 1, ANYONE)
        if seen.get("server stream") == "goes on":
            told = self.streams["server stream"].until("block_connected")
            assert told.block.hash[::-1].hex() == block, "the stream that goes on told another block"
        try:
            seen["wait"] = "OK" if self.wait.result(PATIENCE_S).HasField("tip") else WITHOUT
        except grpc.RpcError as error:
            seen["wait"] = reason(error)
        return seen

    def leave(self):
        for opened in self.streams.values():
            opened.call.cancel()
            opened.says.put(None)
        try:
            self.caller.call("BlockTemplate.Destroy", handle=self.lease)
        except grpc.RpcError:
            pass
        if self.world.options.spoil == "leak" and self.world.led:
            self.world.left = Stream(Caller(self.world.served.address, self.world.first), "Chain.HandleNotifications")
            return
        if self.world.options.spoil == "leak":
            self.caller.call("Mining.CreateNewBlock")
        self.caller.channel.close()


def killed(node):
    node.kill()
    time.sleep(AWAY_S)
    return node.start(), node.answers()


def stopped(node):
    code = node.stop()
    assert code == 0, f"the node ended with {code}"
    time.sleep(AWAY_S)
    return node.start(), node.answers()


def frozen(node):
    os.kill(node.pid, signal.SIGSTOP)
    time.sleep(FROZEN_S)
    os.kill(node.pid, signal.SIGCONT)
    now = time.monotonic()
    return now, node.answers()


FAULTS = {"kill -9": killed, "stop": stopped, "SIGSTOP": frozen}


def quiet(world):
    """Waits until nothing is under way in the proxy, and gives what is."""
    end = time.monotonic() + 20
    while (held := world.served.held()) and time.monotonic() < end:
        time.sleep(0.2)
    return held


def addresses(world):
    """Addresses by label."""
    counts = collections.Counter()
    if world.led:
        if "faults" not in world.rpc("listwallets"):
            world.rpc("loadwallet", "faults")
        for label in world.rpc("listlabels", wallet="faults"):
            counts[label] = len(world.rpc("getaddressesbylabel", label, wallet="faults"))
    return counts


def known(world):
    """Transactions and blocks that the node has."""
    names = {("tx", txid) for txid in world.rpc("getrawmempool")}
    for height in range(121, world.rpc("getblockcount") + 1):
        names |= {("tx", txid) for txid in world.rpc("getblock", world.rpc("getblockhash", height), 1)["tx"]}
    return names | {("block", tip["hash"]) for tip in world.rpc("getchaintips")}


def check_effects(world, fault, since, which):
    """Nothing with an effect was sent twice; gives a line for each."""
    lines, asked = [], world.node.called()
    for kind in which:
        if not kind.logged:
            continue
        told = collections.Counter(told for _, _, told in since[kind.name])
        got = asked[kind.logged] - world.asked[kind.logged]
        # Each fault begins with one lease more, and where a stream spoils it the leak is one, too.
        extra = 1 + (world.options.spoil == "leak" and not world.led) if kind.name == "lease" else 0
        # The proxy itself asks each node by command what it is, and whether it has loaded its chain.
        probes = PROBES * (world.served.connections() - world.connections) if kind.logged == "Rpc.executeRpc" else 0
        least, most = told["OK"] + extra, sum(told.values()) - told[NOTHING_SENT] + extra + probes
        lines.append(f"{kind.logged}: {sum(told.values())} calls, {told['OK']} good answers, {got - extra} at the node")
        assert least <= got <= most, f"{fault}: {lines[-1]}; {dict(told)}: between {least} and {most} were expected"
    labels, names = addresses(world), known(world)
    for (what, name), told in world.told.items():
        if what == "address":
            bound = {"OK": (1, 1), NOTHING_SENT: (0, 0)}.get(told, (0, 1))
            assert bound[0] <= labels[name] <= bound[1], f"{fault}: {labels[name]} addresses {name}, which was told {told}"
        elif told == NOTHING_SENT:
            assert (what, name) not in names, f"{fault}: the node has {what} {name}, of which nothing was sent"
    lost = sum(told not in ("OK", NOTHING_SENT, "refused") for told in world.told.values())
    refused = sum(told == NOTHING_SENT for told in world.told.values())
    lines.append(f"{len(world.told)} with an effect looked at one by one: {refused} never sent, {lost} lost on the way")
    world.told.clear()
    world.asked = asked
    return lines


def meet(world, fault, which, row):
    """One fault under load."""
    world.asked, world.connections = world.node.called(), world.served.connections()
    load, opened = Load(world, which), Opened(world)
    time.sleep(BEFORE_S)
    began = time.monotonic()
    back, answered = FAULTS[fault](world.node)
    time.sleep(AFTER_S)
    ends = opened.ends(fault)
    opened.leave()
    load.end()
    if world.options.spoil == "status":
        EXPECTED[fault]["read"] = {"CANCELLED"}
    for kind in which:
        calls = [call for call in load.calls[kind.name] if call[1] > began]
        told = collections.Counter(call[2] for call in calls)
        assert set(told) <= EXPECTED[fault][kind.name], f"{fault}, {kind.name}: {dict(told)}"
        early = collections.Counter(call[2] for call in load.calls[kind.name] if call[1] <= began)
        assert set(early) == {"OK"}, f"before {fault}, {kind.name}: {dict(early)}"
        good = [end for _, end, was in calls if was == "OK" and end > back]
        assert good, f"{fault}: {kind.name} was not answered again"
        limit = 0 if world.options.spoil == "late" else RECOVERED_S
        assert min(good) - answered < limit, f"{fault}: {kind.name} took {min(good) - answered:.1f} s to be answered again"
        slowest = max(end - start for start, end, _ in calls)
        assert slowest < SLOWEST_S, f"{fault}: a call ({kind.name}) took {slowest:.1f} s"
        row[kind.name] = told, min(good) - back, slowest, ends.get(kind.name, "")
    for name, end in ends.items():
        assert end in OPEN[fault][name], f"{fault}: what was open, {name}: {end}"
    row["node"] = answered - back
    return load


def words(told):
    return ", ".join(f"{status.replace('UNAVAILABLE NODE_', 'NODE_').replace('NOT_FOUND ', '')} {count}"
                     for status, count in told.most_common())


def table(rows, which):
    lines = ["| kind | " + " | ".join(rows) + " |", "| --- |" + " --- |" * len(rows)]
    for kind in which:
        cells = []
        for row in rows.values():
            told, back, slowest, end = row[kind.name]
            end = end.replace("UNAVAILABLE NODE_", "NODE_").replace("NOT_FOUND ", "")
            cells.append(f"{words(told)}; {back:.2f} s; {slowest:.1f} s" + (f"; open: {end}" if end else ""))
        lines.append(f"| {kind.name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "| JSON-RPC | " + " | ".join(f"{row['node']:.2f} s" for row in rows.values()) + " |"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, default=18700)
    parser.add_argument("--generation", default="pr10102", choices=["pr10102", "core-32"])
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--spoil", choices=["twice", "leak", "status", "late"])
    options = parser.parse_args()
    shutil.rmtree(options.dir, ignore_errors=True)
    world = World(options)
    which = list(kinds(world))
    # Everything has been done once before anything is counted.
    world.asked = world.node.called()
    warm, opened = Load(world, which), Opened(world)
    time.sleep(BEFORE_S)
    opened.ends("SIGSTOP"), opened.leave(), warm.end(), world.told.clear()
    assert world.options.spoil == "leak" or not quiet(world), world.served.held()
    before = {name: settled(pid, (0, 0), 5)[0] for name, pid in (("proxy", world.served.pid), ("node", world.node.pid))}
    rows, memory = {}, []
    for fault in options.faults.split(","):
        rows[fault] = {}
        load = meet(world, fault, which, rows[fault])
        for line in check_effects(world, fault, load.calls, which):
            print(f"{fault}: {line}", flush=True)
        held = quiet(world)
        assert not held, f"{fault}: left in the proxy: {held}"
        for name, pid in (("proxy", world.served.pid), ("node", world.node.pid)):
            seen, _, same = settled(pid, before[name], 30, ONCE if name == "node" else 0)
            print(f"{fault}: {name}: threads {before[name][0]}, {seen[0]}; descriptors {before[name][1]}, {seen[1]}; "
                  f"memory {before[name][2]}, {seen[2]} kB (before the first fault, now)", flush=True)
            assert same, f"{fault}: {name}: threads or descriptors are left over"
        memory.append(held_by(world.served.pid)[2])
    assert memory[-1] - memory[0] <= GROWTH_KB, f"the proxy's memory grew: {memory} kB"
    print(table(rows, which))
    code = world.served.kill(signal.SIGTERM)
    assert code == 0, f"the proxy ended with {code}"
    assert world.node.stop() == 0


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"failed: {error}")
