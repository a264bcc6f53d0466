#!/usr/bin/env python3
"""The life of a real node that bitcoin-grpc starts, leads and ends.

    python tests/real/spawned.py --proxy target/debug/bitcoin-grpc --bin DIR --dir FOLDER [--only STEP,...] [--socket]

DIR has bitcoin-node (and bitcoin-wallet) and bitcoin-cli, FOLDER is made anew. The node is to be of a generation
that has Node (a branch of #10102); with `--socket`, of one that has not, which is started with -ipcbind. Needs grpcio,
grpcio-reflection and protobuf.
"""

import argparse
import atexit
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import grpc
from real_nodes import Cli as Query
from real_nodes import Proxy
from streams import Stream

RPC_PORT, PORT = 18963, 50963
BLOCKS = 30
PATIENCE_S = 60


class Spawned:
    """A proxy with its node."""

    def __init__(self, options, *arguments, node=(), name="node"):
        self.data = pathlib.Path(options.dir) / name
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = pathlib.Path(options.dir) / f"{name}-{time.monotonic_ns()}.log"
        words = [f"{options.bin}/bitcoin-node", "-regtest", f"-datadir={self.data}", "-listen=0", "-fallbackfee=0.0001",
                 f"-rpcport={RPC_PORT}", *node]
        command = [options.proxy, "serve", "--node", "spawn:" + " ".join(words), "--listen", f"127.0.0.1:{PORT}",
                   "--allow", "lifecycle,control,wallet", *arguments]
        self.process = subprocess.Popen(command, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT)
        atexit.register(self.process.terminate)
        self.cli = Query(f"{options.bin}/bitcoin-cli -regtest -datadir={self.data} -rpcport={RPC_PORT}")
        self.wait_log("listening on")
        self.proxy = Proxy(f"127.0.0.1:{PORT}")

    def text(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text(errors="replace"))

    def wait_log(self, what, count=1):
        end = time.monotonic() + PATIENCE_S
        while len(re.findall(what, self.text())) < count:
            assert time.monotonic() < end, f"no {what!r} in {self.log}"
            assert self.process.poll() is None, f"the proxy ended: {self.log}"
            time.sleep(0.05)

    def ready(self, count=1):
        self.wait_log("the node is ready", count)

    def node_pid(self):
        return int(re.findall(r"a node was started.*pid=(\d+)", self.text())[-1])

    def stop(self):
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        return code, time.monotonic() - started, re.findall(r"the node ended.*", self.text())[-1]

    def clean_stop(self):
        code, seconds, end = self.stop()
        assert code == 0, code
        assert "status" not in end, end
        return seconds


def status_of(call):
    try:
        call()
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


def events(stream, field):
    """All events that came, then the stream is left."""
    seen = []
    while not stream.messages.empty():
        kind, message = stream.messages.get()
        if kind == field:
            seen.append(getattr(message, kind))
    return seen


def setup(options):
    """A chain of some blocks, and a wallet."""
    run = Spawned(options)
    run.ready()
    run.cli("generatetodescriptor", BLOCKS, "raw(51)")
    run.cli("-named", "createwallet", "wallet_name=w", "load_on_startup=true")
    seconds = run.clean_stop()
    return f"{BLOCKS} blocks and a wallet; SIGTERM of the proxy: node and proxy exit 0 in {seconds:.1f} s"


def start_events(options):
    run = Spawned(options, "--start", "manual", "--notifications", "always")
    run.wait_log("waits for Node.BaseInitialize")
    names = ("HandleInitMessage", "HandleInitWallet", "HandleShowProgress")
    streams = {name: Stream(run.proxy, f"Node.{name}") for name in names}
    for stream in streams.values():
        assert not stream.until("started").tip_hash
    refused = {
        "GetNumBlocks": status_of(lambda: run.proxy.call("Node.GetNumBlocks")),
        "AppInitMain": status_of(lambda: run.proxy.call("Node.AppInitMain")),
        "AppShutdown": status_of(lambda: run.proxy.call("Node.AppShutdown")),
    }
    assert refused == {"GetNumBlocks": "UNAVAILABLE", "AppInitMain": "FAILED_PRECONDITION",
                       "AppShutdown": "FAILED_PRECONDITION"}, refused
    assert status_of(lambda: run.proxy.call("Node.BaseInitialize", global_args={"config_path": "/x"})) == "INVALID_ARGUMENT"
    assert run.proxy.call("Node.BaseInitialize", global_args={}).initialized
    assert status_of(lambda: run.proxy.call("Node.BaseInitialize", global_args={})) == "FAILED_PRECONDITION"
    reply = run.proxy.call("Node.AppInitMain")
    assert reply.started and reply.tip_info.block_height == BLOCKS, reply
    assert status_of(lambda: run.proxy.call("Node.AppInitMain")) == "FAILED_PRECONDITION"
    run.ready()
    assert run.proxy.call("Chain.GetHeight").height == BLOCKS
    messages = [event.message for event in events(streams["HandleInitMessage"], "init_message")]
    wallets = len(events(streams["HandleInitWallet"], "init_wallet"))
    progress = events(streams["HandleShowProgress"], "show_node_progress")
    assert messages[-1].startswith("Done loading"), messages
    assert any(m.startswith("Verifying wallet(s)") for m in messages), messages
    assert wallets == 1 and progress, (wallets, progress)
    run.proxy.call("Node.AppShutdown")
    run.wait_log("there is no node any more")
    assert run.process.wait(PATIENCE_S) == 1
    titles = sorted({p.title for p in progress})
    return (f"{len(messages)} InitMessage ({messages[0]!r} .. {messages[-1]!r}), {wallets} InitWallet, {len(progress)} "
            f"ShowProgress ({', '.join(titles)}); steps out of order refused; AppShutdown: the node exits 0")


def message_box(options):
    run = Spawned(options, "--start", "manual", "--restart", "never", "--notifications", "always",
                  node=("-prune=550", "-txindex=1"))
    run.wait_log("waits for Node.BaseInitialize")
    box = Stream(run.proxy, "Node.HandleMessageBox", start={})
    box.until("started")
    answers = []
    calling = threading.Thread(target=lambda: answers.append(run.proxy.call("Node.BaseInitialize", global_args={})))
    calling.start()
    asked = box.until("message_box")
    box.say(answer={"invocation_id": asked.invocation_id, "confirmed": True})
    calling.join()
    assert not answers[0].initialized
    assert run.process.wait(PATIENCE_S) == 1
    return f"MessageBox {asked.message.original!r}; BaseInitialize answers false; --restart never: the proxy ends with 1"


def broken(options, name):
    """A node whose chain state does not fit its blocks."""
    source, data = pathlib.Path(options.dir) / "node", pathlib.Path(options.dir) / name
    shutil.copytree(source, data)
    for file in (data / "regtest" / "blocks" / "index").glob("*.ldb"):
        file.write_bytes(b"broken")
    for file in (data / "regtest" / "blocks" / "index").glob("*.log"):
        file.write_bytes(os.urandom(max(64, file.stat().st_size)))
    for file in (data / "regtest" / "blocks" / "index").glob("MANIFEST*"):
        file.write_bytes(b"broken")
    return name


def question(options):
    out = []
    for name, answer in (("yes", True), ("no", False), ("nobody", None)):
        run = Spawned(options, "--start", "manual", "--restart", "never", "--notifications", "always",
                      name=broken(options, f"broken-{name}"))
        run.wait_log("waits for Node.BaseInitialize")
        asking = Stream(run.proxy, "Node.HandleQuestion", start={})
        asking.until("started")
        assert run.proxy.call("Node.BaseInitialize", global_args={}).initialized
        answers = []
        calling = threading.Thread(target=lambda: answers.append(run.proxy.call("Node.AppInitMain")))
        calling.start()
        asked = asking.until("question")
        if answer is None:
            asking.call.cancel()
        else:
            asking.say(answer={"invocation_id": asked.invocation_id, "confirmed": answer})
        calling.join()
        assert answers[0].started == bool(answer), (name, answers)
        if answer:
            run.ready()
            end = time.monotonic() + PATIENCE_S
            while run.proxy.call("Chain.GetHeight").height != BLOCKS:
                assert time.monotonic() < end
                time.sleep(0.1)
            run.clean_stop()
        else:
            assert not answers[0].HasField("tip_info")
            assert run.process.wait(PATIENCE_S) == 1
        out.append(f"{name}: started {answers[0].started}")
    return f"Question {asked.message.original[:60]!r}…: " + ", ".join(out)


class Load:
    """Threads that call without end, and count how it went."""

    def __init__(self, run, threads=8):
        self.run, self.counts, self.ending = run, collections.Counter(), False
        self.slowest = 0.0
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self):
        proxy = Proxy(f"127.0.0.1:{PORT}")
        call = proxy.call
        while not self.ending:
            begin = time.monotonic()
            code = status_of(lambda: call("Chain.GetHeight"))
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.counts[code] += 1
            if code != "OK":
                time.sleep(0.01)

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join()
        return dict(self.counts)


def killed(options):
    run = Spawned(options, "--notifications", "always")
    run.ready()
    load = Load(run)
    time.sleep(2)
    pid, begin = run.node_pid(), time.monotonic()
    os.kill(pid, signal.SIGKILL)
    run.wait_log("signal: 9")
    waiting = Stream(run.proxy, "Node.HandleInitMessage")
    run.ready(2)
    back = time.monotonic() - begin
    assert run.node_pid() != pid
    messages = [event.message for event in events(waiting, "init_message")]
    assert messages and messages[-1].startswith("Done loading"), messages
    waiting.call.cancel()
    time.sleep(1)
    counts = load.end()
    assert set(counts) <= {"OK", "UNAVAILABLE"} and counts["OK"] > 0, counts
    seconds = run.clean_stop()
    return (f"kill -9 of the node under load of 8: another one is ready after {back:.1f} s; calls {counts}, the slowest "
            f"{load.slowest:.1f} s; who waited to hear of the start got {len(messages)} InitMessage; then exit 0 in {seconds:.1f} s")


def stopped_under_load(options):
    run = Spawned(options, "--notifications", "always")
    run.ready()
    streams = [Stream(run.proxy, name, **fields) for name, fields in (
        ("Chain.HandleNotifications", {}), ("Node.HandleNotifyBlockTip", {}), ("Node.HandleQuestion", {"start": {}}))]
    for stream in streams:
        stream.until("started")
    run.cli("generatetodescriptor", 5, "raw(51)")
    height = run.proxy.call("Chain.GetHeight").height
    load = Load(run)
    time.sleep(1)
    seconds = run.clean_stop()
    counts = load.end()
    ends = {stream.until("end") or stream.error.code().name for stream in streams}
    assert ends == {"UNAVAILABLE"}, ends
    log = (run.data / "regtest" / "debug.log").read_text()
    again = Spawned(options)
    again.ready()
    assert again.proxy.call("Chain.GetHeight").height == height
    # What was not written would be connected again from the blocks, with a line for each.
    since = (again.data / "regtest" / "debug.log").read_text()[len(log):]
    loaded = re.search(r"Loaded best chain: hashBestChain=\w+ height=(\d+)", since)
    assert loaded and int(loaded[1]) == height, since[-2000:]
    again.clean_stop()
    return (f"SIGTERM of the proxy under load with 3 streams: node exit 0 after {seconds:.1f} s, calls {counts}; the chain "
            f"state on disk is at the tip, {height}")


def frozen(options):
    run = Spawned(options)
    run.ready()
    load = Load(run)
    time.sleep(1)
    pid = run.node_pid()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(10)
    during = dict(load.counts)
    os.kill(pid, signal.SIGCONT)
    begin = time.monotonic()
    while load.counts["OK"] == during["OK"]:
        assert time.monotonic() < begin + PATIENCE_S
        time.sleep(0.01)
    back = time.monotonic() - begin
    time.sleep(1)
    counts = load.end()
    assert run.node_pid() == pid and set(counts) == {"OK"}, counts
    run.clean_stop()
    return f"SIGSTOP of the node for 10 s: calls wait, none fails ({counts}), answered {back * 1000:.0f} ms after SIGCONT"


def orphaned(options):
    out = []
    for name, subscribe in (("without streams", False), ("with a stream", True)):
        run = Spawned(options, "--notifications", "always")
        run.ready()
        if subscribe:
            Stream(run.proxy, "Chain.HandleNotifications").until("started")
        height, pid = run.proxy.call("Chain.GetHeight").height, run.node_pid()
        begin = time.monotonic()
        run.process.kill()
        run.process.wait()
        while True:
            try:
                state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except FileNotFoundError:
                break
            if state == "Z" or time.monotonic() > begin + 20:
                break
            time.sleep(0.02)
        alive = pathlib.Path(f"/proc/{pid}").exists() and state != "Z"
        out.append(f"{name}: " + ("still there after 20 s" if alive else f"gone after {time.monotonic() - begin:.1f} s"))
        if alive:
            os.kill(pid, signal.SIGKILL)
            time.sleep(1)
        again = Spawned(options)
        again.ready()
        assert again.proxy.call("Chain.GetHeight").height == height
        again.clean_stop()
    return "kill -9 of the proxy: the node, " + "; ".join(out) + "; its chain is whole afterwards"


def by_socket(options):
    run = Spawned(options)
    run.ready()
    run.cli("generatetodescriptor", BLOCKS, "raw(51)")
    started = len(re.findall("a node was started", run.text()))
    tip = run.proxy.call("Mining.GetTip").tip.height
    assert tip == BLOCKS, tip
    load = run.node_pid()
    os.kill(load, signal.SIGKILL)
    run.ready(2)
    seconds = run.clean_stop()
    again = Spawned(options)
    again.ready()
    again.cli("stop")
    assert again.process.wait(PATIENCE_S) == 1
    assert "is not started again" in again.text()
    return (f"found to have no Node and started again with -ipcbind ({started} starts); kill -9: started again; SIGTERM "
            f"of the proxy: node exit 0 in {seconds:.1f} s; `bitcoin-cli stop`: exit 0, not started again")


LED = [setup, start_events, message_box, question, killed, stopped_under_load, frozen, orphaned]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--socket", action="store_true")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    if not only:
        shutil.rmtree(options.dir, ignore_errors=True)
    for step in [by_socket] if options.socket else LED:
        if not only or step.__name__ in only:
            print(f"ok: {step.__name__}: {step(options)}", flush=True)


if __name__ == "__main__":
    main()
