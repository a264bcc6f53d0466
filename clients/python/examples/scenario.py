"""Carries out clients/scenario.json and prints what came of it, as the clients of all languages do.

    python examples/scenario.py ADDRESS SCENARIO.json
"""

import hashlib
import json
import sys

import grpc
from bitcoin_grpc import Fault, display, internal, v1

WITHIN_S = 20
EVERYTHING = v1.FoundBlockParam(want_hash=True, want_height=True, want_time=True, want_median_time_past=True, want_data=True)


class Steps:
    """A method for each step."""

    def __init__(self, channel):
        self.chain = v1.ChainStub(channel)
        self.echoes = v1.EchoStub(channel)
        self.mining = v1.MiningStub(channel)
        self.node = v1.NodeStub(channel)

    def echo(self, step):
        reply = self.echoes.Echo(v1.EchoEchoRequest(echo=step["text"]), timeout=WITHIN_S)
        print(f"echo: {reply.echo}")

    def tip(self, step):
        height = self.chain.GetHeight(v1.ChainGetHeightRequest(), timeout=WITHIN_S).height
        print(f"tip: {height} {display(self.block_hash(height))}")

    def block_hash(self, height):
        return self.chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=height), timeout=WITHIN_S).block_hash

    def block(self, step):
        request = v1.ChainFindBlockRequest(hash=self.block_hash(step["height"]), block=EVERYTHING)
        block = self.chain.FindBlock(request, timeout=WITHIN_S).block
        header = hashlib.sha256(hashlib.sha256(block.data[:80]).digest()).digest()
        print(
            f"block {block.height}: {display(block.hash)} time={block.time} median_time_past={block.median_time_past} "
            f"bytes={len(block.data)} header={display(header)}"
        )

    def no_block(self, step):
        self.block_hash(step["height"])

    def bad_txid(self, step):
        self.chain.IsInMempool(v1.ChainIsInMempoolRequest(txid=bytes.fromhex(step["txid"])), timeout=WITHIN_S)

    def not_granted(self, step):
        self.node.StartShutdown(v1.NodeStartShutdownRequest(), timeout=WITHIN_S)

    def wait(self, step):
        tip = self.mining.GetTip(v1.MiningGetTipRequest(), timeout=WITHIN_S).tip
        request = v1.MiningWaitTipChangedRequest(current_tip=tip.hash)
        try:
            self.mining.WaitTipChanged(request, timeout=step["deadline_ms"] / 1000)
        except grpc.RpcError as error:
            # Client and server race to say so; only the code is the same.
            print(f"wait: {error.code().name}")

    def in_mempool(self, step):
        request = v1.ChainIsInMempoolRequest(txid=internal(step["txid"]))
        print(f"in_mempool: {str(self.chain.IsInMempool(request, timeout=WITHIN_S).in_mempool).lower()}")

    def send(self, step):
        request = v1.ChainBroadcastTransactionRequest(tx=bytes.fromhex(step["tx"]), max_tx_fee_sat=100_000)
        verdict = self.chain.BroadcastTransaction(request, timeout=WITHIN_S)
        request = v1.ChainGetTransactionAncestryRequest(txid=internal(step["txid"]))
        entry = self.chain.GetTransactionAncestry(request, timeout=WITHIN_S)
        print(
            f"send: accepted={str(verdict.accepted).lower()} ancestors={entry.ancestor_count} "
            f"vsize={entry.ancestor_vsize} fees_sat={entry.ancestor_fees_sat}"
        )

    def follow(self, step):
        kinds = [v1.CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED]
        stream = self.chain.HandleNotifications(v1.ChainHandleNotificationsRequest(kinds=kinds), timeout=WITHIN_S)
        started = next(stream).started
        print(f"follow: from {started.tip_height} {display(started.tip_hash)}")
        for _ in range(step["blocks"]):
            mine = v1.NodeExecuteRpcRequest(method="generatetodescriptor", params='[1, "raw(51)"]')
            self.node.ExecuteRpc(mine, timeout=WITHIN_S)
            block = next(stream).block_connected.block
            print(f"follow: {block.height} {display(block.hash)} on {display(block.prev_hash)}")
        stream.cancel()


def told(name, fault):
    facts = [f"{key}={value}" for key, value in sorted(fault.metadata.items())]
    facts += [f"{field}: {text}" for field, text in sorted(fault.violations.items())]
    return f"{name}: {' '.join([fault.code.name, fault.reason, *facts])}"


def main():
    address, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        steps = json.load(file)["steps"]
    with grpc.insecure_channel(address) as channel:
        client = Steps(channel)
        for step in steps:
            try:
                getattr(client, step["step"])(step)
            except grpc.RpcError as error:
                print(told(step["step"], Fault.of(error)))


if __name__ == "__main__":
    main()
