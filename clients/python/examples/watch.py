"""Prints the tip, looks a transaction up, shows an error, and follows new blocks until it is interrupted.

    python examples/watch.py [ADDRESS [TXID]]
"""

import sys

import grpc
from bitcoin_grpc import Fault, display, internal, v1


def print_tip(chain: v1.ChainStub) -> None:
    height = chain.GetHeight(v1.ChainGetHeightRequest()).height
    block = chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=height)).block_hash
    print(f"the tip is {display(block)} at height {height}")


def look_up(chain: v1.ChainStub, txid: str) -> None:
    known = chain.IsInMempool(v1.ChainIsInMempoolRequest(txid=internal(txid))).in_mempool
    print(f"{txid} is {'in' if known else 'not in'} the mempool")


def show_an_error(chain: v1.ChainStub) -> None:
    try:
        chain.GetBlockHash(v1.ChainGetBlockHashRequest(height=10_000_000))
    except grpc.RpcError as error:
        fault = Fault.of(error)
        print(f"block 10000000: {fault.code.name}, {fault.reason}: {fault.message}")


def follow(chain: v1.ChainStub) -> None:
    kind = v1.CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED
    for message in chain.HandleNotifications(v1.ChainHandleNotificationsRequest(kinds=[kind])):
        if message.WhichOneof("event") == "block_connected":
            block = message.block_connected.block
            print(f"block {display(block.hash)} at height {block.height}", flush=True)


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "localhost:50051"
    txid = sys.argv[2] if len(sys.argv) > 2 else "00" * 32
    # A block of 4 MB fits gRPC's own limit on messages.
    with grpc.insecure_channel(address) as channel:
        chain = v1.ChainStub(channel)
        print_tip(chain)
        look_up(chain, txid)
        show_an_error(chain)
        try:
            follow(chain)
        except KeyboardInterrupt:
            pass
        except grpc.RpcError as error:
            fault = Fault.of(error)
            sys.exit(f"the stream ended: {fault.code.name} {fault.reason}: {fault.message}")


if __name__ == "__main__":
    main()
