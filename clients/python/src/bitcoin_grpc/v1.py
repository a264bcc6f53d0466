"""Every message, enum and stub of the contract `bitcoin.ipc.v1`."""

from .bitcoin.ipc.v1.chain_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.chain_pb2_grpc import ChainStub  # noqa: F401
from .bitcoin.ipc.v1.common_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.echo_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.echo_pb2_grpc import EchoStub  # noqa: F401
from .bitcoin.ipc.v1.mining_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.mining_pb2_grpc import BlockTemplateStub, MiningStub  # noqa: F401
from .bitcoin.ipc.v1.node_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.node_pb2_grpc import NodeStub  # noqa: F401
from .bitcoin.ipc.v1.rpc_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.rpc_pb2_grpc import RpcStub  # noqa: F401
from .bitcoin.ipc.v1.wallet_pb2 import *  # noqa: F403
from .bitcoin.ipc.v1.wallet_pb2_grpc import WalletLoaderStub, WalletStub  # noqa: F401
