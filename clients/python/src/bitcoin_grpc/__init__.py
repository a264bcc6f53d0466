"""Typed client of bitcoin-grpc, the gRPC face of a Bitcoin Core node.

Messages and stubs are generated from the contract; `bitcoin_grpc.v1` has all of them under one name:

    import grpc
    from bitcoin_grpc import v1

    with grpc.insecure_channel("localhost:50051") as channel:
        print(v1.ChainStub(channel).GetHeight(v1.ChainGetHeightRequest()).height)
"""

from .errors import Fault
from .hashes import display, internal

__all__ = ["Fault", "display", "internal"]
