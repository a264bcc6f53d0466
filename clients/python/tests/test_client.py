"""Against a running `bitcoin-grpc demo`, at BITCOIN_GRPC_ADDRESS."""

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from bitcoin_grpc import Fault, display, internal, v1

ADDRESS = os.environ.get("BITCOIN_GRPC_ADDRESS", "localhost:50051")
# The first block of every regtest chain (Bitcoin Core, kernel/chainparams.cpp).
GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"


@pytest.fixture
def channel():
    with grpc.insecure_channel(ADDRESS) as channel:
        yield channel


@pytest.fixture
def chain(channel):
    return v1.ChainStub(channel)


def test_a_hash_is_shown_as_explorers_show_it(chain):
    block = chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=0)).block_hash
    assert display(block) == GENESIS
    assert internal(GENESIS) == block


def test_what_is_no_hash_is_refused():
    for text in ("", GENESIS[:-1], GENESIS + "0", "x" * 64):
        with pytest.raises(ValueError):
            internal(text)


def test_a_fault_tells_its_reason(chain):
    with pytest.raises(grpc.RpcError) as raised:
        chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=10_000_000))
    fault = Fault.of(raised.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.OUT_OF_RANGE, "HEIGHT_ABOVE_TIP")
    assert fault.metadata["height"] == "10000000"


def test_a_fault_names_the_field(chain):
    with pytest.raises(grpc.RpcError) as raised:
        chain.IsInMempool(v1.ChainIsInMempoolRequest(txid=b"short"))
    assert list(Fault.of(raised.value).violations) == ["txid"]


def test_a_fault_of_the_channel_has_no_reason():
    with grpc.insecure_channel("unix:/nowhere/at/all.sock") as channel, pytest.raises(grpc.RpcError) as raised:
        v1.ChainStub(channel).GetHeight(v1.ChainGetHeightRequest())
    assert Fault.of(raised.value) == Fault(grpc.StatusCode.UNAVAILABLE, raised.value.details())


def test_a_stream_begins_with_the_tip(chain):
    stream = chain.HandleNotifications(v1.ChainHandleNotificationsRequest(), timeout=20)
    first = next(stream)
    stream.cancel()
    assert first.sequence == 1
    assert chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=first.started.tip_height)).block_hash == first.started.tip_hash


def test_the_example_follows_blocks(channel):
    example = Path(__file__).resolve().parent.parent / "examples" / "watch.py"
    running = subprocess.Popen([sys.executable, str(example), ADDRESS], stdout=subprocess.PIPE, text=True)
    mine = v1.NodeExecuteRpcRequest(method="generatetodescriptor", params='[1, "raw(51)"]')
    try:
        told = [running.stdout.readline() for _ in range(3)]
        assert told[0].startswith("the tip is ") and "not in the mempool" in told[1] and "HEIGHT_ABOVE_TIP" in told[2]
        # The stream opens some time after the third line; a block comes until one is told.
        for _ in range(20):
            mined = v1.NodeStub(channel).ExecuteRpc(mine).result
            line = running.stdout.readline() if _readable(running.stdout, 1) else ""
            if line:
                break
        assert line.startswith("block ") and line.split()[1] in mined
    finally:
        running.kill()
        running.wait()


def _readable(file, seconds):
    import select

    return bool(select.select([file], [], [], seconds)[0])
