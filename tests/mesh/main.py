"""Two bitcoin-grpc on one node behind a real L7 proxy: every kind of call, and one of the two drained under load.

    python tests/mesh/main.py PROGRAM WORK nginx|envoy
"""

import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import grpc
from bitcoin_grpc import Fault, v1
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servers import BALANCERS, INSTANCES, Setting, free_port, make_certificates

CALLERS = 8
#: For how long callers go on before, between and after the drains, in seconds.
STRETCH = 2.0
#: With fewer calls in that time there was no load worth the name.
MIN_CALLS = 200
#: Within that time a balancer uses a server again that is back, in seconds.
TAKEN_BACK = 10.0
#: The drain limit (10 s), the node's last answers and goodbye (6 s), and some for a busy machine.
END_LIMIT = 25.0


class Client:
    """Calls through the balancer, with a certificate."""

    def __init__(self, certificates: Path, port: int):
        read = lambda name: (certificates / name).read_bytes()
        self.credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("alice.key"), read("alice.pem"))
        self.anonymous = grpc.ssl_channel_credentials(read("ca.pem"))
        self.address = f"127.0.0.1:{port}"

    def channel(self, credentials=None):
        # Channels to one address share a connection unless told otherwise, and a client's retries would hide failures.
        own = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        return grpc.secure_channel(self.address, credentials or self.credentials, options=own)


def wait_until_served(client: Client) -> None:
    """The balancer may have to find its servers first."""
    deadline = time.monotonic() + 30
    with client.channel() as channel:
        while True:
            try:
                return v1.ChainStub(channel).GetHeight(v1.ChainGetHeightRequest(), timeout=2)
            except grpc.RpcError:
                assert time.monotonic() < deadline, "the balancer serves nothing"
                time.sleep(0.1)


def check_calls(client: Client) -> None:
    """One of each kind, with what they must say."""
    with client.channel() as channel:
        chain = v1.ChainStub(channel)
        height = chain.GetHeight(v1.ChainGetHeightRequest(), timeout=5).height
        assert height >= 110, height
        status = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5).status
        assert status == health_pb2.HealthCheckResponse.SERVING, status
        check_details(chain)
        check_stream(chain)
        check_conversation(chain)
    print("unary, details of an error, server stream, bidirectional stream, health: as without a balancer")


def check_details(chain) -> None:
    try:
        chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=10_000_000), timeout=5)
        raise AssertionError("a block above the tip")
    except grpc.RpcError as error:
        fault = Fault.of(error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.OUT_OF_RANGE, "HEIGHT_ABOVE_TIP"), fault


def check_stream(chain) -> None:
    kind = v1.CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED
    stream = chain.HandleNotifications(v1.ChainHandleNotificationsRequest(kinds=[kind]), timeout=20)
    first = next(stream)
    assert first.WhichOneof("event") == "started", first
    blocks = (message.block_connected.block.height for message in stream if message.HasField("block_connected"))
    heights = [next(blocks) for _ in range(3)]
    assert heights == list(range(heights[0], heights[0] + 3)), heights
    stream.cancel()


def check_conversation(chain) -> None:
    """The node's question goes through the stream, and so does the client's answer."""
    answered = threading.Event()
    given = []

    def says():
        yield v1.ChainUpdateRwSettingRequest(start=v1.ChainUpdateRwSettingStart(name="behind-a-balancer"))
        assert answered.wait(5)
        yield v1.ChainUpdateRwSettingRequest(answer=given[0])

    updated = None
    for message in chain.UpdateRwSetting(says(), timeout=10):
        event = message.WhichOneof("event")
        if event == "settings_update":
            asked = message.settings_update.invocation_id
            given.append(v1.SettingsUpdateAnswer(invocation_id=asked, value='"yes"', action=v1.SETTINGS_ACTION_WRITE))
            answered.set()
        elif event == "updated":
            updated = message.updated
    assert updated is True, updated
    value = chain.GetRwSetting(v1.ChainGetRwSettingRequest(name="behind-a-balancer"), timeout=5).value
    assert value == '"yes"', value


def check_strangers(client: Client) -> None:
    """Without a certificate nobody gets an answer of bitcoin-grpc."""
    with client.channel(client.anonymous) as channel:
        try:
            v1.ChainStub(channel).GetHeight(v1.ChainGetHeightRequest(), timeout=5)
            raise AssertionError("a caller without a certificate was let in")
        except grpc.RpcError as error:
            assert not Fault.of(error).reason, Fault.of(error)
    print("without a certificate: refused")


def check_grpc_web(client: Client, certificates: Path) -> None:
    """A browser's call: HTTP/1.1, one message in a frame, the trailers in the body."""
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "alice.pem", certificates / "alice.key")
    url = f"https://{client.address}/bitcoin.ipc.v1.Chain/GetHeight"
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    request = urllib.request.Request(url, data=bytes(5), headers=headers, method="POST")
    with urllib.request.urlopen(request, context=context, timeout=5) as reply:
        body = reply.read()
    length = int.from_bytes(body[1:5])
    height = v1.ChainGetHeightResponse.FromString(body[5 : 5 + length]).height
    assert height >= 110 and b"grpc-status:0" in body[5 + length :].replace(b" ", b""), body
    print("gRPC-Web over HTTP/1.1: answered")


def served_by(client: Client, calls: int) -> Counter:
    """Which instances answer: the handle of a block template begins with the instance's name."""
    seen = Counter()
    deadline = time.monotonic() + TAKEN_BACK
    # A balancer leaves a server alone for a while that refused a connection.
    while seen.total() < calls or (set(seen) != set(INSTANCES) and time.monotonic() < deadline):
        with client.channel() as channel:
            template = v1.MiningStub(channel).CreateNewBlock(v1.MiningCreateNewBlockRequest(), timeout=5).template
            seen[template.instance] += 1
        if seen.total() >= calls:
            time.sleep(0.1)
    return seen


class Load:
    """Callers of idempotent methods, each on a connection of its own, who count every failure."""

    def __init__(self, client: Client):
        self.client, self.over = client, threading.Event()
        self.calls, self.failures = Counter(), []
        self.callers = [threading.Thread(target=self.call, args=(number,)) for number in range(CALLERS)]

    def __enter__(self):
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for caller in self.callers:
            caller.join(timeout=30)

    def call(self, number: int) -> None:
        with self.client.channel() as channel:
            chain = v1.ChainStub(channel)
            while not self.over.is_set():
                try:
                    height = chain.GetHeight(v1.ChainGetHeightRequest(), timeout=10).height
                    chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=height), timeout=10)
                    self.calls[number] += 2
                except grpc.RpcError as error:
                    self.failures.append(Fault.of(error))
                time.sleep(0.002)


def stream_ends(client: Client, instances: Setting, name: str) -> None:
    """A stream over the one that drains ends with a status that says so, and another one opens at once."""
    ended = Counter()
    with client.channel() as channel:
        chain = v1.ChainStub(channel)
        request = v1.ChainHandleNotificationsRequest(kinds=[v1.CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED])
        streams = [chain.HandleNotifications(request, timeout=60) for _ in range(6)]
        assert all(next(stream).HasField("started") for stream in streams)
        took = instances.proxies[name].end(END_LIMIT)
        for stream in streams:
            try:
                # A block comes every half second; whose stream goes on gets two more.
                messages = [next(stream) for _ in range(2)]
                ended["went on"] += len(messages) == 2
                stream.cancel()
            except grpc.RpcError as error:
                ended[Fault.of(error).reason] += 1
        assert next(chain.HandleNotifications(request, timeout=10)).HasField("started")
    assert set(ended) <= {"DRAINING", "went on"} and ended["DRAINING"] > 0, ended
    print(f"drain of {name}: it ended after {took:.1f} s; of 6 streams {dict(ended)}; another one opened at once")


def check_drain(client: Client, instances: Setting, asks_health: bool) -> None:
    """Both are drained in turn under load, and nobody notices."""
    for name in INSTANCES:
        with Load(client) as load:
            time.sleep(STRETCH)
            stream_ends(client, instances, name)
            time.sleep(STRETCH)
            if asks_health:
                # Who asks for health sends nothing to one that has not found its node yet.
                instances.start(name)
                time.sleep(STRETCH)
        if not asks_health:
            instances.start(name)
        calls = sum(load.calls.values())
        assert min(load.calls.get(number, 0) for number in range(CALLERS)) > 0, load.calls
        assert calls > MIN_CALLS, f"only {calls} calls: that was no load"
        assert not load.failures, f"{len(load.failures)} of {calls} calls failed, first {load.failures[0]}"
        print(f"{calls} idempotent calls of {CALLERS} callers meanwhile: none failed")


def main() -> None:
    program, work, kind = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]
    certificates, port = work / "certificates", free_port()
    make_certificates(certificates)
    instances = Setting(program, work)
    balancer = None
    try:
        for name in INSTANCES:
            instances.start(name)
        balancer = BALANCERS[kind](instances, certificates, port)
        client = Client(certificates, port)
        wait_until_served(client)
        check_calls(client)
        check_strangers(client)
        if kind == "envoy":
            check_grpc_web(client, certificates)
        seen = served_by(client, 20)
        assert set(seen) == set(INSTANCES), seen
        print(f"block templates came from {dict(seen)}")
        check_drain(client, instances, asks_health=kind == "envoy")
        seen = served_by(client, 20)
        assert set(seen) == set(INSTANCES), f"after their restarts only {seen} are used"
        if kind == "envoy":
            check_metrics(balancer.metrics)
    finally:
        instances.kill()
        if balancer:
            balancer.kill()
    print(f"{kind}: passed")


def check_metrics(port: int) -> None:
    """What Prometheus will read, and nothing else of Envoy's administration."""
    base = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{base}/stats/prometheus", timeout=5) as reply:
        text = reply.read().decode()
    assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="bitcoin-grpc"}' in text
    try:
        urllib.request.urlopen(f"{base}/config_dump", timeout=5)
        raise AssertionError("Envoy's administration can be reached")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error


main()
