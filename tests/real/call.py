#!/usr/bin/env python3
"""What `bitcoin-grpc call` prints of a real node on regtest is what bitcoin-cli prints of it.

    python tests/real/call.py --addr 127.0.0.1:50051 --cli "bitcoin-cli -regtest ..." \
        [--call target/debug/bitcoin-grpc]

The proxy must run with `--allow control --notifications always`, the node with `-acceptnonstdtxn=1` and some 120
blocks mined to `raw(51)`. Every line it prints was seen to hold; the first that does not ends it. It sends a
transaction and mines a block. Needs Python alone.
"""

import argparse
import json
import subprocess
import threading

TIMEOUT_S = 60

# A regtest address whose key nobody has; its only use is to be an output.
ADDRESS = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85"


class Missing(Exception):
    """The connected node has no such method."""


class Program:
    """A command line, whose answers are kept as they were printed."""

    def __init__(self, words):
        self.words = words

    def __call__(self, *words):
        words = self.words + [str(word) for word in words]
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S)
        if "METHOD_NOT_IN_NODE" in done.stderr:
            raise Missing(words)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)[:300]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def json(self, *words):
        return json.loads(self(*words))


def same(what, ours, theirs):
    if ours != theirs:
        raise SystemExit(f"{what} differs\n  call        {str(ours)[:500]}\n  bitcoin-cli {str(theirs)[:500]}")
    print(f"{what}: {str(theirs)[:64]}", flush=True)


def blocks(call, cli):
    tip = int(cli("getblockcount"))
    same("height of the tip", call("chain.getheight"), str(tip))
    for height in (0, 1, tip // 2, tip):
        theirs = cli("getblockhash", height)
        same(f"hash of block {height}", call("chain.getblockhash", f"height={height}"), theirs)
        facts = cli.json("getblock", theirs, 1)
        wants = [f"block.want_{fact}=true" for fact in
                 ("hash", "height", "time", "median_time_past", "in_active_chain", "data", "locator")]
        found = call.json("chain.findblock", f"hash={theirs}", *wants)["block"]
        same(f"block {height}", found["data"], cli("getblock", theirs, 0))
        same(f"facts of block {height}",
             [found[fact] for fact in ("hash", "height", "time", "median_time_past")],
             [facts[fact] for fact in ("hash", "height", "time", "mediantime")])
        locator = found["locator"]["block_hashes"]
        ancestors = [cli("getblockhash", height - depth) for depth in range(min(height, 2) + 1)]
        same(f"locator of block {height}", locator[: len(ancestors)], ancestors)
        given = json.dumps({"locator": found["locator"]})
        same(f"locator of block {height}, given back",
             call("chain.findlocatorfork", given), str(height))


def transactions(call, cli, stream):
    height = int(cli("getblockcount"))
    coinbase = cli.json("getblock", cli("getblockhash", height - 110), 2)["tx"][0]
    output = coinbase["vout"][0]
    coin = call.json("chain.findcoins", f"outpoints={coinbase['txid']}:0")["coins"][0]["coin"]["output"]
    same("script of a coin", coin["script_pubkey"], output["scriptPubKey"]["hex"])
    same("value of a coin", coin["value_sat"], round(output["value"] * 100_000_000))
    inputs = json.dumps([{"txid": coinbase["txid"], "vout": 0}])
    outputs = json.dumps([{"data": "00" * 40}, {ADDRESS: round(output["value"] - 0.001, 8)}])
    tx = cli("createrawtransaction", inputs, outputs)
    txid = cli.json("decoderawtransaction", tx)["txid"]
    same("before it is sent", call("chain.isinmempool", f"txid={txid}"), "false")
    call("chain.broadcasttransaction", f"tx={tx}", "max_tx_fee_sat=1000000")
    same("what is in the mempool", [txid], cli.json("getrawmempool"))
    same("after it was sent", call("chain.isinmempool", f"txid={txid}"), "true")
    entry = cli.json("getmempoolentry", txid)
    ours = call.json("chain.gettransactionancestry", f"txid={txid}")
    same("its fees and size", [ours["ancestor_fees_sat"], ours["ancestor_vsize"]],
         [round(entry["fees"]["ancestor"] * 100_000_000), entry["ancestorsize"]])
    listed = [json.loads(line) for line in call("chain.requestmempooltransactions").splitlines()]
    same("the mempool, as a stream", [tx_of(event) for event in listed if tx_of(event)],
         [cli("getrawtransaction", txid)])
    same("the transaction as an event", tx_of(stream.wait("transaction_added_to_mempool")), tx)
    return txid


def tx_of(event):
    """The transaction in an event, wherever it stands."""
    for value in event.values():
        if isinstance(value, dict):
            return value.get("tx") or tx_of(value)
    return None


def mined(call, cli, stream, txid):
    hash = cli.json("generatetodescriptor", 1, "raw(51)")[0]
    event = stream.wait("block_connected")["block_connected"]["block"]
    facts = cli.json("getblock", hash, 1)
    same("a new block as an event", [event["hash"], event["prev_hash"], event["height"]],
         [hash, facts["previousblockhash"], facts["height"]])
    same("its bytes", event["data"], cli("getblock", hash, 0))
    same("its second transaction", txid, facts["tx"][1])


def newer(call, cli):
    """What only some nodes have."""
    tip = cli("getbestblockhash")
    if_there("tip by Mining", lambda: call.json("mining.gettip")["tip"]["hash"], tip)
    if_there("tip by Node", lambda: call("node.getbestblockhash"), tip)
    if_there("an RPC command by Node",
             lambda: json.loads(call.json("node.executerpc", "method=getbestblockhash", "params=[]")["result"]), tip)


def if_there(what, ours, theirs):
    try:
        same(what, ours(), theirs)
    except Missing:
        print(f"{what}: not in the node", flush=True)


class Stream:
    """A stream, read on a thread of its own."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.events, self.changed = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def wait(self, kind):
        found = lambda: next((event for event in self.events if kind in event), None)
        with self.changed:
            if not self.changed.wait_for(found, timeout=TIMEOUT_S):
                raise SystemExit(f"no {kind} within {TIMEOUT_S} s")
            return found()

    def end(self):
        """As by Ctrl-C."""
        self.process.send_signal(2)
        same("exit code of the stream", self.process.wait(timeout=TIMEOUT_S), 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addr", required=True)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--call", default="target/debug/bitcoin-grpc")
    options = parser.parse_args()
    words = [options.call, "call", "--addr", options.addr]
    call, cli = Program(words), Program(options.cli.split())
    stream = Stream(words + ["chain.handlenotifications", "include_block_data=true"])
    tip = cli("getbestblockhash")
    same("tip as the stream begins", stream.wait("started")["started"]["tip_hash"], tip)
    blocks(call, cli)
    mined(call, cli, stream, transactions(call, cli, stream))
    newer(call, cli)
    stream.end()


if __name__ == "__main__":
    main()
