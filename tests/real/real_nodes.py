#!/usr/bin/env python3
"""Every unary method against a real node on regtest, through a running bitcoin-grpc.

    python tests/real/real_nodes.py --addr 127.0.0.1:50051 --cli "bitcoin-cli -regtest ..." \
        [--node-pid PID] [--json FILE] [--stop]

The proxy must run with `--allow control --allow lifecycle --allow wallet`. Answers are compared
with bitcoin-cli where it can be asked the same. Then everything that would end a node is sent, and
the node must live. Needs grpcio, grpcio-reflection and protobuf. It changes the node it is given.
"""

import argparse
import json
import subprocess
import sys
import time

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PACKAGE = "bitcoin.ipc.v1."
TIMEOUT_S = 15

# How the proxy refuses what would end a node. Any other answer means that the node was asked.
REFUSALS = {"INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION", "UNIMPLEMENTED"}


class Proxy:
    """Calls methods by name, through reflection."""

    def __init__(self, addr):
        # A pool of its own: a channel to the server before at the same address may still wait before it connects again.
        options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(addr, options=options)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def services(self):
        return [s for s in self.database.get_services() if s.startswith(PACKAGE)]

    def methods(self, service):
        return self.pool.FindServiceByName(service).methods

    def call(self, name, /, **fields):
        service, method = name.split(".")
        descriptor = self.pool.FindServiceByName(PACKAGE + service).FindMethodByName(method)
        request = message_factory.GetMessageClass(descriptor.input_type)()
        fill(request, fields)
        response = message_factory.GetMessageClass(descriptor.output_type)
        stub = self.channel.unary_unary(
            f"/{PACKAGE}{service}/{method}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return stub(request, timeout=TIMEOUT_S)


def fill(message, fields):
    for name, value in fields.items():
        if isinstance(value, dict):
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                fill(getattr(message, name).add(), item)
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


class Cli:
    """bitcoin-cli; numbers and objects come back as JSON, anything else as text."""

    def __init__(self, command):
        self.command = command.split()

    def __call__(self, *words):
        done = subprocess.run(self.command + [str(w) for w in words], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        text = done.stdout.strip()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text


def wire(display):
    """Display hex to internal byte order."""
    return bytes.fromhex(display)[::-1]


def shown(data):
    return data[::-1].hex()


class Facts:
    """What bitcoin-cli says of the node, and a transaction in its mempool."""

    def __init__(self, cli):
        self.cli = cli
        # An output that anyone can spend, mature, and a transaction that spends it.
        height = cli("getblockcount")
        block = cli("getblock", cli("getblockhash", height - 110), 2)
        self.coinbase = block["tx"][0]
        self.height = height
        value = self.coinbase["vout"][0]["value"]
        inputs = json.dumps([{"txid": self.coinbase["txid"], "vout": 0, "sequence": 0xFFFFFFFD}])
        outputs = json.dumps([{"data": "00" * 40}, {ADDRESS: round(value - 0.001, 8)}])
        self.tx = cli("createrawtransaction", inputs, outputs)
        self.txid = cli("decoderawtransaction", self.tx)["txid"]
        self.wtxid = cli("decoderawtransaction", self.tx)["hash"]
        self.tip = cli("getbestblockhash")

    def block(self, height):
        return self.cli("getblock", self.cli("getblockhash", height), 1)


# A regtest address whose key nobody has; its only use is to be an output.
ADDRESS = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85"


def checks(proxy, cli, facts):
    """For each method: a call, and what it must answer; `None` where nothing else can be asked."""
    tip, tx, txid = facts.tip, bytes.fromhex(facts.tx), wire(facts.txid)
    block5 = facts.block(5)
    raw5 = bytes.fromhex(cli("getblock", block5["hash"], 0))
    outpoint = {"txid": wire(facts.coinbase["txid"]), "vout": 0}
    unknown = {"txid": b"\x07" * 32, "vout": 1}
    everything = dict(want_hash=True, want_height=True, want_time=True, want_max_time=True,
                      want_median_time_past=True, want_in_active_chain=True, want_data=True)
    script = bytes.fromhex(facts.coinbase["vout"][0]["scriptPubKey"]["hex"])
    info = lambda: cli("getblockchaininfo")
    pool = lambda: cli("getmempoolinfo")
    net = lambda: cli("getnetworkinfo")
    kvb = lambda btc: round(btc * 100_000_000)
    is_block5 = lambda b: (shown(b.hash), b.height, b.time, b.median_time_past, b.in_active_chain, b.data) == (
        block5["hash"], 5, block5["time"], block5["mediantime"], True, raw5)

    yield "Echo.Echo", dict(echo="héllo ₿"), lambda r: r.echo == "héllo ₿"
    yield "Mining.IsTestChain", {}, lambda r: r.test_chain
    yield "Mining.IsInitialBlockDownload", {}, lambda r: r.initial_block_download == info()["initialblockdownload"]
    yield "Mining.GetTip", {}, lambda r: (shown(r.tip.hash), r.tip.height) == (tip, facts.height)
    yield "Mining.WaitTipChanged", dict(current_tip=wire(tip), timeout_ms=50.0), lambda r: shown(r.tip.hash) == tip
    yield "Mining.CheckBlock", dict(block=raw5, options={"check_pow": True}), lambda r: not r.valid and bool(r.reason)
    yield "Mining.SubmitBlock", dict(block=raw5), lambda r: not r.accepted and r.reason == cli("submitblock", raw5.hex())
    yield "Rpc.ExecuteRpc", dict(request='{"jsonrpc":"2.0","id":1,"method":"getblockcount"}'), \
        lambda r: json.loads(r.response)["result"] == facts.height

    yield "Chain.GetHeight", {}, lambda r: r.height == facts.height
    yield "Chain.GetBlockHash", dict(height=5), lambda r: shown(r.block_hash) == block5["hash"]
    yield "Chain.HaveBlockOnDisk", dict(height=5), lambda r: r.on_disk
    yield "Chain.FindLocatorFork", dict(locator={"block_hashes": [wire(block5["hash"])]}), lambda r: r.height == 5
    yield "Chain.HasBlockFilterIndex", dict(filter_type=0), lambda r: r.available == ("basic block filter index" in cli("getindexinfo"))
    yield "Chain.BlockFilterMatchesAny", dict(filter_type=0, block_hash=wire(block5["hash"]), filter_set=[script]), lambda r: r.matches
    yield "Chain.FindBlock", dict(hash=wire(block5["hash"]), block=everything), lambda r: r.found and is_block5(r.block)
    yield "Chain.FindBlock", dict(hash=wire(block5["hash"]), block=nested(15)), lambda r: heights(r.block) == list(range(5, 20))
    yield "Chain.FindFirstBlockWithTimeAndHeight", dict(min_time=0, min_height=5, block=everything), lambda r: r.found and is_block5(r.block)
    yield "Chain.FindAncestorByHeight", dict(block_hash=wire(tip), ancestor_height=5, ancestor=everything), lambda r: r.found and is_block5(r.ancestor)
    yield "Chain.FindAncestorByHash", dict(block_hash=wire(tip), ancestor_hash=wire(block5["hash"]), ancestor=everything), lambda r: r.found and is_block5(r.ancestor)
    yield "Chain.FindCommonAncestor", dict(block_hash_1=wire(tip), block_hash_2=wire(block5["hash"]), ancestor=everything), lambda r: r.found and is_block5(r.ancestor)
    yield "Chain.FindCoins", dict(outpoints=[outpoint, unknown]), lambda r: coins_agree(cli, facts, r.coins)
    yield "Chain.GuessVerificationProgress", dict(block_hash=wire(tip)), lambda r: abs(r.progress - info()["verificationprogress"]) < 1e-6
    yield "Chain.HasBlocks", dict(block_hash=wire(tip), min_height=0), lambda r: r.all_available
    yield "Chain.IsRbfOptIn", dict(tx=tx), lambda r: r.state == 1
    yield "Chain.BroadcastTransaction", dict(tx=tx, max_tx_fee_sat=10_000_000), lambda r: r.accepted and facts.txid in cli("getrawmempool")
    yield "Chain.IsInMempool", dict(txid=txid), lambda r: r.in_mempool == (facts.txid in cli("getrawmempool"))
    yield "Chain.HasDescendantsInMempool", dict(txid=txid), lambda r: not r.has_descendants
    yield "Chain.GetTransactionAncestry", dict(txid=txid), lambda r: ancestry_agrees(cli, facts, r)
    yield "Chain.CalculateIndividualBumpFees", dict(outpoints=[outpoint], target_feerate={"sat_per_kvb": 5000}), lambda r: [f.fee_sat for f in r.bump_fees] == [0]
    yield "Chain.CalculateCombinedBumpFee", dict(outpoints=[outpoint], target_feerate={"sat_per_kvb": 5000}), lambda r: r.bump_fee_sat == 0
    yield "Chain.GetPackageLimits", {}, lambda r: r.ancestor_limit > 0 and r.descendant_limit > 0
    yield "Chain.CheckChainLimits", dict(tx=tx), lambda r: not r.HasField("verdict")
    yield "Chain.EstimateSmartFee", dict(conf_target=6, want_calc=True), lambda r: r.feerate.sat_per_kvb == kvb(cli("estimatesmartfee", 6).get("feerate", 0))
    yield "Chain.EstimateMaxBlocks", {}, lambda r: r.max_conf_target == 1008
    yield "Chain.MempoolMinFee", {}, lambda r: r.feerate.sat_per_kvb <= kvb(pool()["mempoolminfee"])
    yield "Chain.RelayMinFee", {}, lambda r: r.feerate.sat_per_kvb == kvb(pool()["minrelaytxfee"])
    yield "Chain.RelayIncrementalFee", {}, lambda r: r.feerate.sat_per_kvb == kvb(pool()["incrementalrelayfee"])
    yield "Chain.RelayDustFee", {}, None
    yield "Chain.HavePruned", {}, lambda r: r.have_pruned == info()["pruned"]
    yield "Chain.GetPruneHeight", {}, lambda r: r.HasField("prune_height") == info()["pruned"]
    yield "Chain.IsReadyToBroadcast", {}, lambda r: r.ready == (not info()["initialblockdownload"])
    yield "Chain.IsInitialBlockDownload", {}, lambda r: r.initial_block_download == info()["initialblockdownload"]
    yield "Chain.ShutdownRequested", {}, lambda r: not r.shutdown_requested
    yield "Chain.InitMessage", dict(message="from a test"), None
    yield "Chain.InitWarning", dict(message={"original": "a test", "translated": "a test"}), None
    yield "Chain.InitError", dict(message={"original": "a test", "translated": "a test"}), None
    yield "Chain.ShowProgress", dict(title="a test", progress=50), None
    yield "Chain.WaitForNotificationsIfTipChanged", dict(old_tip=wire(tip)), None
    yield "Chain.WaitForNotifications", {}, None
    yield "Chain.RpcEnableDeprecated", dict(method="accounts"), lambda r: not r.enabled
    yield "Chain.GetSetting", dict(name="regtest"), lambda r: json.loads(r.value) in ("1", "")
    yield "Chain.GetSettingsList", dict(name="ipcbind"), lambda r: [json.loads(v) for v in r.values] == ["unix"]
    yield "Chain.OverwriteRwSetting", dict(name="bitcoin-grpc-test", value='"x"', action=0), lambda r: r.updated
    yield "Chain.GetRwSetting", dict(name="bitcoin-grpc-test"), lambda r: json.loads(r.value) == "x"
    yield "Chain.DeleteRwSettings", dict(name="bitcoin-grpc-test", action=0), lambda r: r.updated
    yield "Chain.HasAssumedValidChain", {}, lambda r: not r.assumed_valid
    yield "Mining.GetTransactionsByTxId", dict(txids=[txid, b"\x07" * 32, txid]), lambda r: in_mempool_agree(cli, facts, r.transactions)
    yield "Mining.GetTransactionsByWitnessId", dict(wtxids=[wire(facts.wtxid), b"\x07" * 32, wire(facts.wtxid)]), lambda r: in_mempool_agree(cli, facts, r.transactions)

    yield "Node.InitLogging", {}, None
    yield "Node.InitParameterInteraction", {}, None
    yield "Node.GetWarnings", {}, lambda r: bool(r.warnings.original) == bool(net()["warnings"])
    yield "Node.GetLogCategories", {}, lambda r: bin(r.categories).count("1") <= sum(cli("logging").values())
    yield "Node.GetExitStatus", {}, lambda r: r.exit_status == 0
    yield "Node.ShutdownRequested", {}, lambda r: not r.requested
    yield "Node.IsSettingIgnored", dict(name="regtest"), lambda r: r.ignored
    yield "Node.UpdateRwSetting", dict(name="bitcoin-grpc-test", value='"y"'), None
    yield "Node.GetPersistentSetting", dict(name="bitcoin-grpc-test"), lambda r: json.loads(r.value) == "y"
    yield "Node.ForceSetting", dict(name="bitcoin-grpc-forced", value='"z"'), None
    yield "Node.ResetSettings", {}, lambda r: json.loads(proxy.call("Node.GetPersistentSetting", name="bitcoin-grpc-test").value) is None
    yield "Node.MapPort", dict(use_nat_pmp=False), None
    yield "Node.GetProxy", dict(network=1), lambda r: r.configured == bool(net()["networks"][0]["proxy"])
    yield "Node.GetNodeCount", dict(directions=3), lambda r: r.count == cli("getconnectioncount")
    yield "Node.GetNodesStats", {}, lambda r: r.available and len(r.peers) == len(cli("getpeerinfo"))
    yield "Node.Ban", dict(address={"network": 1, "address": bytes([192, 0, 2, 7])}, duration_s=3600), lambda r: r.accepted
    yield "Node.GetBanned", {}, lambda r: sorted(b.subnet for b in r.bans.entries) == sorted(b["address"] for b in cli("listbanned"))
    yield "Node.Unban", dict(subnet="192.0.2.7/32"), lambda r: r.accepted and cli("listbanned") == []
    yield "Node.DisconnectByAddress", dict(address={"network": 1, "address": bytes([192, 0, 2, 7])}), lambda r: not r.disconnected
    yield "Node.DisconnectById", dict(node_id=77), lambda r: not r.disconnected
    # The node runs without -signer.
    yield "Node.ListExternalSigners", {}, lambda r: list(r.signer_names) == []
    yield "Node.GetTotalBytesRecv", {}, lambda r: r.bytes == cli("getnettotals")["totalbytesrecv"]
    yield "Node.GetTotalBytesSent", {}, lambda r: r.bytes == cli("getnettotals")["totalbytessent"]
    yield "Node.GetMempoolSize", {}, lambda r: r.transactions == pool()["size"]
    yield "Node.GetMempoolDynamicUsage", {}, lambda r: r.usage_bytes == pool()["usage"]
    yield "Node.GetMempoolMaxUsage", {}, lambda r: r.max_usage_bytes == pool()["maxmempool"]
    yield "Node.GetHeaderTip", {}, lambda r: r.found and r.height == info()["headers"]
    yield "Node.GetNumBlocks", {}, lambda r: r.height == facts.height
    yield "Node.GetNetLocalAddresses", {}, lambda r: len(r.addresses) == len(net()["localaddresses"])
    yield "Node.GetBestBlockHash", {}, lambda r: shown(r.block_hash) == tip
    yield "Node.GetLastBlockTime", {}, lambda r: r.block_time == info()["time"]
    yield "Node.GetVerificationProgress", {}, lambda r: abs(r.progress - info()["verificationprogress"]) < 1e-6
    yield "Node.IsInitialBlockDownload", {}, lambda r: r.initial_block_download == info()["initialblockdownload"]
    yield "Node.IsLoadingBlocks", {}, lambda r: not r.loading_blocks
    yield "Node.SetNetworkActive", dict(active=False), lambda r: net()["networkactive"] is False
    yield "Node.GetNetworkActive", {}, lambda r: not r.active
    yield "Node.GetDustRelayFee", {}, None
    yield "Node.ExecuteRpc", dict(method="getblockcount", params="[]"), lambda r: json.loads(r.result) == facts.height
    yield "Node.ListRpcCommands", {}, lambda r: set(r.methods) >= {line.split()[0] for line in cli("help").splitlines() if line and not line.startswith("=")}
    yield "Node.GetUnspentOutput", dict(outpoint={"txid": wire(facts.block(6)["tx"][0]), "vout": 0}), lambda r: unspent_agrees(cli, facts, r.coin)
    yield "Node.BroadcastTransaction", dict(tx=tx, max_tx_fee_sat=10_000_000), lambda r: r.outcome == 0 and facts.txid in cli("getrawmempool")


def coins_agree(cli, facts, coins):
    by_id = {(shown(c.outpoint.txid), c.outpoint.vout): c for c in coins}
    known = cli("gettxout", facts.coinbase["txid"], 0)
    coin = by_id[(facts.coinbase["txid"], 0)].coin
    return (not by_id[("07" * 32, 1)].HasField("coin")
            and coin.output.value_sat == round(known["value"] * 1e8)
            and coin.output.script_pubkey.hex() == known["scriptPubKey"]["hex"]
            and coin.height == facts.height - known["confirmations"] + 1
            and coin.coinbase == known["coinbase"])


def unspent_agrees(cli, facts, coin):
    known = cli("gettxout", facts.block(6)["tx"][0], 0)
    return (coin.output.value_sat == round(known["value"] * 1e8)
            and coin.height == facts.height - known["confirmations"] + 1 and coin.coinbase == known["coinbase"])


def ancestry_agrees(cli, facts, reply):
    entry = cli("getmempoolentry", facts.txid)
    return (reply.ancestor_count, reply.ancestor_vsize, reply.ancestor_fees_sat) == (
        entry["ancestorcount"], entry["ancestorsize"], round(entry["fees"]["ancestor"] * 1e8))


def in_mempool_agree(cli, facts, transactions):
    expected = facts.tx if facts.txid in cli("getrawmempool") else ""
    return [t.tx.hex() for t in transactions] == [expected, "", expected]


def nested(levels):
    block = {"want_height": True}
    for _ in range(levels - 1):
        block = {"want_height": True, "next_block": block}
    return block


def heights(block):
    found = []
    while block.found:
        found.append(block.height)
        block = block.next_block
    return found


def deadly(facts):
    """What ends a real node if it arrives there: method, fields, and what is deadly about it."""
    tip = wire(facts.tip)
    for height in (-1, -2**31, facts.height + 1, 2**31 - 1):
        yield "Chain.GetBlockHash", dict(height=height), f"height {height}"
    yield "Chain.HasBlocks", dict(block_hash=tip, min_height=0, max_height=-1), "negative maximum height"
    for length in (0, 1, 31, 33, 64):
        short = b"\x07" * length
        yield "Chain.FindBlock", dict(hash=short), f"hash of {length} bytes"
        yield "Chain.IsInMempool", dict(txid=short), f"txid of {length} bytes"
        yield "Chain.GetTransactionAncestry", dict(txid=short), f"txid of {length} bytes"
        yield "Chain.FindAncestorByHash", dict(block_hash=tip, ancestor_hash=short), f"hash of {length} bytes"
        yield "Chain.BlockFilterMatchesAny", dict(block_hash=short), f"hash of {length} bytes"
        yield "Chain.GuessVerificationProgress", dict(block_hash=short), f"hash of {length} bytes"
        yield "Chain.FindCoins", dict(outpoints=[{"txid": short}]), f"outpoint with {length} bytes"
        yield "Chain.CalculateCombinedBumpFee", dict(outpoints=[{"txid": short}]), f"outpoint with {length} bytes"
        yield "Chain.FindLocatorFork", dict(locator={"block_hashes": [short]}), f"locator with a hash of {length} bytes"
        yield "Chain.WaitForNotificationsIfTipChanged", dict(old_tip=short), f"hash of {length} bytes"
        yield "Mining.WaitTipChanged", dict(current_tip=short, timeout_ms=1.0), f"hash of {length} bytes"
        yield "Mining.GetTransactionsByTxId", dict(txids=[short]), f"txid of {length} bytes"
        yield "Node.GetUnspentOutput", dict(outpoint={"txid": short}), f"outpoint with {length} bytes"
    whole = bytes.fromhex(facts.tx)
    no_inputs = bytes.fromhex("02000000" + "00" + "01" + "00" * 8 + "00" + "00000000")
    for what, tx in (("empty", b""), ("garbage", b"\xff" * 60), ("truncated", whole[:-3]), ("with more behind it", whole + b"\0"),
                     ("without inputs", no_inputs)):
        for method in ("Chain.IsRbfOptIn", "Chain.CheckChainLimits"):
            yield method, dict(tx=tx), f"transaction {what}"
        yield "Chain.BroadcastTransaction", dict(tx=tx, max_tx_fee_sat=0), f"transaction {what}"
        yield "Node.BroadcastTransaction", dict(tx=tx, max_tx_fee_sat=0), f"transaction {what}"
    for what, block in (("empty", b""), ("garbage", b"\xff" * 200), ("header only", b"\0" * 80)):
        yield "Mining.CheckBlock", dict(block=block), f"block {what}"
        yield "Mining.SubmitBlock", dict(block=block), f"block {what}"
    yield "Chain.BroadcastTransaction", dict(tx=whole, broadcast_method=9), "unknown broadcast method"
    for network in (-1, 7, 2**31 - 1):
        yield "Node.GetProxy", dict(network=network), f"network {network}"
    for length in (0, 3, 5, 16):
        yield "Node.Ban", dict(address={"network": 1, "address": b"\1" * length}), f"IPv4 address of {length} bytes"
        yield "Node.DisconnectByAddress", dict(address={"network": 1, "address": b"\1" * length}), f"IPv4 address of {length} bytes"
    yield "Node.Ban", dict(), "no address"
    yield "Node.BaseInitialize", dict(global_args={}), "on a running node"
    yield "Node.AppInitMain", {}, "on a running node"
    yield "Node.AppShutdown", {}, "on a running node"
    yield "Mining.WaitTipChanged", dict(current_tip=tip, timeout_ms=float("nan")), "a wait of NaN"
    yield "Mining.Interrupt", {}, "a shared flag"
    for levels in (17, 60):
        yield "Chain.FindBlock", dict(hash=tip, block=nested(levels)), f"{levels} nested blocks"
    yield "Chain.FindBlock", dict(hash=tip, block={"want_data": True, "next_block": {"want_data": True, "next_block": {"want_data": True}}}), "three blocks' data"


def alive(pid):
    if pid is None:
        return True
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            # A zombie has ended; it waits for its parent.
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid):
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def still_answers(proxy):
    try:
        return proxy.call("Echo.Echo", echo="alive").echo == "alive"
    except grpc.RpcError:
        return False


def agrees(check, reply):
    try:
        return check(reply)
    except RuntimeError as error:
        print("bitcoin-cli:", error)
        return False


def outcome(error):
    code = error.code().name
    return code, error.details()


def is_not_in_node(error):
    """The node has no such method, as the proxy says it; other reasons have the same code."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return error.code() == grpc.StatusCode.UNIMPLEMENTED and b"METHOD_NOT_IN_NODE" in details


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--addr", default="127.0.0.1:50051")
    arguments.add_argument("--cli", required=True)
    arguments.add_argument("--node-pid", type=int)
    arguments.add_argument("--json", help="where to write what was seen, for table.py")
    arguments.add_argument("--stop", action="store_true", help="stop the node at the end, through the proxy")
    given = arguments.parse_args()
    if given.stop and given.node_pid is None:
        arguments.error("--stop needs --node-pid, to see whether the node stops")
    proxy, cli = Proxy(given.addr), Cli(given.cli)
    facts = Facts(cli)
    rows, wrong = {}, []
    for name, fields, check in checks(proxy, cli, facts):
        try:
            reply = proxy.call(name, **fields)
        except grpc.RpcError as error:
            code, why = outcome(error)
            absent = is_not_in_node(error)
            rows[name] = "not in the node" if absent else f"{code}: {why}"
            if not absent:
                wrong.append((name, code, why))
            continue
        if check is None:
            rows[name] = "answered"
        elif agrees(check, reply):
            rows[name] = "answered, agrees"
        else:
            rows[name] = "DISAGREES"
            wrong.append((name, "DISAGREES", json_format.MessageToJson(reply)[:600]))
    for service in proxy.services():
        for method in proxy.methods(service):
            name = f"{service.removeprefix(PACKAGE)}.{method.name}"
            rows.setdefault(name, "not asked")
    sent = {}
    for name, fields, what in deadly(facts):
        try:
            proxy.call(name, **fields)
            sent[(name, what)] = "OK"
        except grpc.RpcError as error:
            sent[(name, what)] = outcome(error)[0]
        if not still_answers(proxy) or not alive(given.node_pid):
            print(f"the node died of {name}: {what}: {sent[(name, what)]}")
            return 1
        if sent[(name, what)] not in REFUSALS:
            wrong.append((name, what, sent[(name, what)]))
    if not any(row.startswith("answered, agrees") for row in rows.values()):
        wrong.append(("nothing", "was answered and compared", ""))
    counts = {}
    for row in rows.values():
        counts[row.split(":")[0]] = counts.get(row.split(":")[0], 0) + 1
    print("methods:", counts)
    codes = {}
    for code in sent.values():
        codes[code] = codes.get(code, 0) + 1
    print("deadly inputs:", len(sent), codes, "the node still answers")
    if given.stop and rows.get("Node.GetExitStatus", "").startswith("answered"):
        proxy.call("Node.StartShutdown")
        stopped = gone(given.node_pid)
        rows["Node.StartShutdown"] = "answered, the node stopped" if stopped else "the node did not stop"
        if not stopped:
            wrong.append(("Node.StartShutdown", "the node did not stop", ""))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as out:
            json.dump({"rows": rows, "deadly": {f"{n}: {w}": c for (n, w), c in sent.items()}}, out, indent=1)
    for entry in wrong:
        print("WRONG", *entry)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
