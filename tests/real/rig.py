"""A node, a proxy before it, and what they hold: for the scripts here that start both themselves."""

import atexit
import base64
import collections
import http.client
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import threading
import time
import urllib.request

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from objects import double_sha256
from real_nodes import PACKAGE, Proxy, fill

# How long anything here may take.
PATIENCE_S = 60
REASON = re.compile(rb"google\.rpc\.ErrorInfo\x12.{1,3}?\x0a.([A-Z_]+)", re.DOTALL)
# A log line of a node that runs with -debug=ipc.
CALLED = re.compile(r"recv request  #\d+ (\S+)")
# Outputs of a transaction that pays out, and the value of each.
FAN, COIN_SAT = 9000, 400_000
ANYONE = "raw(51)"


class Rpc:
    """The node's own door: JSON-RPC over one connection for each thread."""

    def __init__(self, data, port):
        self.cookie, self.port, self.mine = pathlib.Path(data) / "regtest" / ".cookie", port, threading.local()

    def __call__(self, method, *params, wallet=None):
        path = f"/wallet/{wallet}" if wallet is not None else "/"
        body = json.dumps({"method": method, "params": params, "id": 1})
        try:
            if getattr(self.mine, "connection", None) is None:
                self.mine.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            headers = {"Authorization": "Basic " + base64.b64encode(self.cookie.read_bytes()).decode()}
            self.mine.connection.request("POST", path, body, headers)
            answer = json.loads(self.mine.connection.getresponse().read())
        except BrokenPipeError:
            # The node of this connection is gone, and the request was not sent: another may be there.
            self.mine.connection = None
            return self(method, *params, wallet=wallet)
        except (OSError, http.client.HTTPException, ValueError):
            self.mine.connection = None
            raise
        if answer["error"]:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


class RealNode:
    """A bitcoin-node on regtest, which this started."""

    def __init__(self, folder, binaries, port, *arguments):
        self.data, self.port, self.process = pathlib.Path(folder), port, None
        self.data.mkdir(parents=True, exist_ok=True)
        self.words = [f"{binaries}/bitcoin-node", "-regtest", f"-datadir={self.data}", "-listen=0", "-server=1",
                      "-acceptnonstdtxn=1", "-fallbackfee=0.0001", "-ipcbind=unix", f"-rpcport={port}",
                      "-printtoconsole=0", "-rpcservertimeout=3600", *arguments]
        self.rpc, self.socket = Rpc(self.data, port), self.data / "regtest" / "node.sock"
        atexit.register(self.kill)

    def start(self):
        """Starts it, and gives the moment of that."""
        out = open(self.data / "node.out", "ab")
        began = time.monotonic()
        self.process = subprocess.Popen(self.words, stdout=out, stderr=out)
        return began

    def answers(self):
        """Waits until it answers JSON-RPC, and gives that moment."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.rpc("getblockcount")
                return time.monotonic()
            except (OSError, RuntimeError, ValueError, http.client.HTTPException):
                assert time.monotonic() < end and self.process.poll() is None, "the node does not start"
                time.sleep(0.02)

    def up(self):
        self.start()
        self.answers()

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.rpc("stop")
        return self.process.wait(PATIENCE_S)

    def log(self):
        return (self.data / "regtest" / "debug.log").read_text(errors="replace")

    def called(self):
        """How often it was asked what, by the names of its own log; needs -debug=ipc."""
        counts = collections.Counter()
        for name in CALLED.findall(self.log()):
            counts[name.split("::")[-1].removesuffix("$Params")] += 1
        return counts


class Served:
    """A proxy, which this started."""

    def __init__(self, program, node, port, folder, *arguments):
        self.address, self.admin = f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"
        self.log = pathlib.Path(folder) / f"proxy-{time.monotonic_ns()}.log"
        words = [program, "serve", "--node", f"unix:{node}", "--listen", self.address, "--admin", self.admin, *arguments]
        self.process = subprocess.Popen(words, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT)
        atexit.register(self.kill)
        self.ready()

    @property
    def pid(self):
        return self.process.pid

    def ready(self):
        end = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < end and self.process.poll() is None, f"the proxy does not start: {self.log}"
            try:
                # Somebody else may listen there.
                assert "Address already in use" not in self.log.read_text(errors="replace"), self.log
                with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (l.rsplit(" ", 1) for l in lines if not l.startswith("#"))}

    def held(self):
        """What of calls is under way, and should not be when nobody calls."""
        wanted = ("_streams", "_leases", "_admission_in_flight", "_admission_queued", "_node_queued",
                  "_node_threads_retired", '_node_threads{lane="blocking",state="busy"}', '_node_threads{lane="read",state="busy"}')
        seen = self.metrics()
        return {name: value for name, value in seen.items()
                if value and any(name == f"bitcoin_grpc{end}" or name.startswith(f"bitcoin_grpc{end}{{") for end in wanted)}

    def connections(self):
        """How often it connected to a node, or tried."""
        seen = self.metrics()
        return int(seen["bitcoin_grpc_node_connections_total"] + seen["bitcoin_grpc_node_connections_failed_total"])

    def kill(self, how=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


class Caller(Proxy):
    """A connection of its own, with each method looked up once. It reconnects fast, so that what is measured is not its
    own patience."""

    def __init__(self, address, like=None):
        self.stubs, self.channel = {}, grpc.insecure_channel(address, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.min_reconnect_backoff_ms", 50), ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 200)])
        if like:
            self.pool = like.pool
            return
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(database)
        for service in database.get_services():
            if service.startswith(PACKAGE):
                self.pool.FindServiceByName(service)

    def stub(self, name):
        if name not in self.stubs:
            service, method = name.split(".")
            descriptor = self.pool.FindServiceByName(PACKAGE + service).FindMethodByName(method)
            reply = message_factory.GetMessageClass(descriptor.output_type)
            stub = self.channel.unary_unary(
                f"/{PACKAGE}{service}/{method}", request_serializer=lambda m: m.SerializeToString(),
                response_deserializer=reply.FromString)
            self.stubs[name] = stub, message_factory.GetMessageClass(descriptor.input_type)
        return self.stubs[name]

    def call(self, name, /, within=30, **fields):
        stub, request = self.stub(name)
        message = request()
        fill(message, fields)
        return stub(message, timeout=within)


def reason(error):
    """Code and reason of a status; the words of one that has no reason, as it is not the proxy's."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    found = REASON.search(details)
    code = error.code().name
    if code == "DEADLINE_EXCEEDED":
        # The client's own clock says so, too, and mostly first.
        return code
    return f"{code} {found[1].decode()}" if found else f"{code} ({error.details()[:80]})"


def held_by(pid):
    """Threads, file descriptors, and memory in kB."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return int(fields["Threads"]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["VmRSS"].split()[0])


def names(pid):
    """Its threads by name, for who wants to know which one is left."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return collections.Counter((task / "comm").read_text().strip() for task in tasks.iterdir())


def settled(pid, wanted, within=30, spare=0):
    """Threads, descriptors and memory, once the first two are as wanted (but for some spare threads) or it has been waited
    for; how long that took; and whether they are."""
    began = time.monotonic()
    while True:
        seen = held_by(pid)
        same = 0 <= seen[0] - wanted[0] <= spare and seen[1] == wanted[1]
        if same or time.monotonic() > began + within:
            return seen, time.monotonic() - began, same
        time.sleep(0.1)


def varint(number):
    return bytes([number]) if number < 0xFD else b"\xfd" + struct.pack("<H", number)


def transaction(coins, outputs):
    """A transaction of coins (txid, vout) that anyone can spend."""
    ins = b"".join(txid + struct.pack("<I", vout) + b"\x00\xfd\xff\xff\xff" for txid, vout in coins)
    outs = b"".join(struct.pack("<q", value) + varint(len(script)) + script for value, script in outputs)
    return struct.pack("<I", 2) + varint(len(coins)) + ins + varint(len(outputs)) + outs + bytes(4)


class Coins:
    """Confirmed coins that anyone can spend, one for each transaction; needs 100 blocks above the first few."""

    def __init__(self, rpc, sources=2, first=1):
        self.coins, self.lock = collections.deque(), threading.Lock()
        for height in range(first, first + sources):
            block = rpc("getblock", rpc("getblockhash", height), 1)
            paid = bytes.fromhex(block["tx"][0])[::-1]
            # 90 kB, which pay a great fee.
            raw = transaction([(paid, 0)], [(COIN_SAT, b"\x51")] * FAN)
            source = bytes.fromhex(rpc("sendrawtransaction", raw.hex(), 0))[::-1]
            self.coins.extend((source, index) for index in range(FAN))
            rpc("generatetodescriptor", 1, ANYONE)

    def spend(self):
        """A transaction that nobody has seen, and its id as bitcoin-cli shows it."""
        with self.lock:
            assert self.coins, "no coins are left"
            coin = self.coins.popleft()
        raw = transaction([coin], [(COIN_SAT - 10_000, b"\x51"), (0, b"\x6a\x20" + bytes(32))])
        return raw, double_sha256(raw)[::-1].hex()
