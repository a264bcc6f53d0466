#!/usr/bin/env python3
"""Thousands of subscriptions, templates and conversations, begun and left: does anything stay behind?

    python tests/real/cycles.py --addr 127.0.0.1:50051 --proxy-pid PID --node-pid PID \
        [--streams 10000] [--templates 10000] [--conversations 1000]

The proxy must run with `--notifications always --allow control --lease-time 2s --leases 500 --leases-per-caller
500 --max-streams-per-caller 200`. `--conversations` needs a node without its RPC server (`-server=0`). Each
part that is asked for runs once to warm up, then in two halves. Afterwards the threads and file descriptors of
proxy and node must be as many as before, the memory of the second half must not grow by more than GROWTH_KB, and
all places for leases and streams must be free. Exits with 1 otherwise. Needs what real_nodes.py needs.
"""

import argparse
import itertools
import os
import sys
import threading
import time

import grpc
from google.protobuf import message_factory

from real_nodes import PACKAGE, Proxy, fill

PATIENCE_S = 30
# How much memory may grow in the second half of a part. Allocators keep and split what they had; a leak of the
# smallest thing there is, a stream or a template, would be several times as much in half a part.
GROWTH_KB = 2048
# What the proxy is set to.
LEASES, STREAMS, LEASE_S = 500, 200, 2
# Leases that are asked for at once, and beyond the bound.
MORE = 20
# Work that is done before memory is looked at.
WARM_UP = 0.1

TELLING = [
    "Chain.HandleNotifications", "Node.HandleInitMessage", "Node.HandleShowProgress", "Node.HandleInitWallet",
    "Node.HandleNotifyNumConnectionsChanged", "Node.HandleNotifyNetworkActiveChanged",
    "Node.HandleNotifyAlertChanged", "Node.HandleBannedListChanged", "Node.HandleNotifyBlockTip",
    "Node.HandleNotifyHeaderTip", "Node.HandleMessageBox", "Node.HandleQuestion",
]


class Opened:
    """A stream of which only as much is read as is asked for."""

    def __init__(self, proxy, name, channel=None, **first):
        service, method = name.split(".")
        descriptor = proxy.pool.FindServiceByName(PACKAGE + service).FindMethodByName(method)
        self.channel = channel
        request = message_factory.GetMessageClass(descriptor.input_type)()
        response = message_factory.GetMessageClass(descriptor.output_type)
        fill(request, first if first or not descriptor.client_streaming else {"start": {}})
        kinds = dict(request_serializer=lambda m: m.SerializeToString(), response_deserializer=response.FromString)
        path, channel = f"/{PACKAGE}{service}/{method}", channel or proxy.channel
        if descriptor.client_streaming:
            self.gone = threading.Event()
            self.call = channel.stream_stream(path, **kinds)(self.says(request))
        else:
            self.gone = None
            self.call = channel.unary_stream(path, **kinds)(request)
        self.until("started")

    def says(self, request):
        yield request
        # The client has its half open for as long as it is there.
        self.gone.wait()

    def until(self, kind):
        for message in self.call:
            if message.WhichOneof("event") == kind:
                return message
        raise AssertionError(f"no {kind}: {self.call}")

    def leave(self):
        """Cancels, or, on a channel of its own, breaks the connection."""
        if self.channel:
            self.channel.close()
        else:
            self.call.cancel()
        if self.gone:
            self.gone.set()


def streams(proxy, count):
    for name in itertools.islice(itertools.cycle(TELLING), count):
        Opened(proxy, name).leave()


def creation(proxy):
    """What makes a template, and its request."""
    descriptor = proxy.pool.FindServiceByName(PACKAGE + "Mining").FindMethodByName("CreateNewBlock")
    reply = message_factory.GetMessageClass(descriptor.output_type)
    return proxy.channel.unary_unary(
        f"/{PACKAGE}Mining/CreateNewBlock",
        request_serializer=lambda m: m.SerializeToString(), response_deserializer=reply.FromString,
    ), message_factory.GetMessageClass(descriptor.input_type)


def templates(proxy, count):
    create, request = creation(proxy)
    left, abandoned = 0, []
    for index in range(count):
        if index % 3 == 0:
            # Its caller leaves, before the answer or just after.
            call = create.future(request(), timeout=PATIENCE_S)
            time.sleep(0.0001 * (index % 8))
            if call.cancel():
                left += 1
            else:
                abandoned.append(time.monotonic())
            continue
        while len(abandoned) > LEASES // 2 and time.monotonic() - abandoned[0] < 2 * LEASE_S:
            time.sleep(0.01)
        abandoned = [at for at in abandoned if time.monotonic() - at < 2 * LEASE_S]
        lease = create(request(), timeout=PATIENCE_S).template
        if index % 3 == 1:
            proxy.call("BlockTemplate.Destroy", handle=lease.handle)
        else:
            abandoned.append(time.monotonic())
    assert left > count // 20, f"only {left} of {count} calls were left in time"


def conversations(proxy, count):
    for index in range(count):
        channel = grpc.insecure_channel(proxy.addr, [("grpc.use_local_subchannel_pool", 1)]) if index % 4 < 2 else None
        (command if index % 2 else setting)(proxy, channel, index)


def command(proxy, channel, index):
    """A client that leaves while it should answer an RPC command: the command fails, in time."""
    served = Opened(proxy, "Chain.HandleRpc", channel, start={"command": {
        "category": "test", "name": f"cycle{index % 7}", "arg_names": [{"name": "name"}], "unique_id": 1}})
    answers = []

    def execute():
        answers.append(proxy.call("Node.ExecuteRpc", method=f"cycle{index % 7}", params='["you"]', uri="/"))

    asking = threading.Thread(target=execute, daemon=True)
    asking.start()
    served.until("actor")
    served.leave()
    asking.join(PATIENCE_S)
    assert answers and answers[0].rpc_error, answers


def setting(proxy, channel, index):
    """A client that leaves while all settings wait for it: they stay."""
    name = f"cycle-{index}"
    asked = Opened(proxy, "Chain.UpdateRwSetting", channel, start={"name": name})
    asked.until("settings_update")
    asked.leave()
    assert proxy.call("Chain.GetRwSetting", name=name).value == "null"


def status(pid):
    """Threads, file descriptors, and memory in kB."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return int(fields["Threads"]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["VmRSS"].split()[0])


def settled(pids, before=None):
    """Threads, descriptors and memory of each process, once they are as before, or it has been waited for."""
    end = time.monotonic() + PATIENCE_S
    time.sleep(2 * LEASE_S)
    while True:
        seen = [status(pid) for pid in pids]
        if not before or all(now[:2] == was[:2] for now, was in zip(seen, before)) or time.monotonic() > end:
            return seen
        time.sleep(0.2)


def part(proxy, pids, name, work, count):
    work(proxy, max(200, int(count * WARM_UP)))
    snapshots, took = [settled(pids)], []
    for _ in range(2):
        began = time.monotonic()
        work(proxy, count // 2)
        took.append(time.monotonic() - began)
        snapshots.append(settled(pids, snapshots[0]))
    print(f"{count} {name} in {sum(took):.0f} s")
    for index, who in enumerate(("proxy", "node")):
        before, half, after = (snapshot[index] for snapshot in snapshots)
        print(
            f"  {who}: threads {before[0]}, {half[0]}, {after[0]}; file descriptors {before[1]}, {half[1]}, {after[1]}; "
            f"memory {before[2]}, {half[2]}, {after[2]} kB (before, after one half, after both)", flush=True,
        )
        assert before[:2] == after[:2], f"{who}: threads or file descriptors are left over"
        assert after[2] - half[2] <= GROWTH_KB, f"{who}: memory grew by {after[2] - half[2]} kB"


def leases_free(proxy):
    create, request = creation(proxy)
    began = time.monotonic()
    codes = []
    while len(codes) < LEASES + MORE:
        asked = [create.future(request(), timeout=PATIENCE_S) for _ in range(MORE)]
        codes += [call.code() for call in asked]
    assert time.monotonic() - began < LEASE_S, "too slow to tell: the first leases have expired"
    assert codes.count(grpc.StatusCode.OK) == LEASES, codes.count(grpc.StatusCode.OK)
    assert codes[LEASES:] == [grpc.StatusCode.RESOURCE_EXHAUSTED] * MORE, codes[LEASES:]
    print(f"  all {LEASES} leases can be had, and not one more: none is left over")
    time.sleep(2 * LEASE_S)


def streams_free(proxy, name):
    held = [Opened(proxy, name) for _ in range(STREAMS)]
    try:
        Opened(proxy, name)
        raise AssertionError("one stream too many")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    for stream in held:
        stream.leave()
    print(f"  all {STREAMS} streams can be had, and not one more: none is left over")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--addr", required=True)
    parser.add_argument("--node-pid", type=int, required=True)
    parser.add_argument("--proxy-pid", type=int, required=True)
    for name in ("streams", "templates", "conversations"):
        parser.add_argument(f"--{name}", type=int, default=0)
    options = parser.parse_args()
    proxy = Proxy(options.addr)
    proxy.addr = options.addr
    pids = options.proxy_pid, options.node_pid
    if options.streams:
        part(proxy, pids, "times subscribed and cancelled", streams, options.streams)
        streams_free(proxy, "Chain.HandleNotifications")
    if options.templates:
        part(proxy, pids, "templates created and abandoned", templates, options.templates)
        leases_free(proxy)
    if options.conversations:
        part(proxy, pids, "conversations left in the middle", conversations, options.conversations)
        streams_free(proxy, "Node.HandleQuestion")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"failed: {error}")
