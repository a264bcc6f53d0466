@0xf2c5cfa319406aa6;

# What a connection to the node begins with. Nothing of it is part of the contract.

using G = import "/grpc.capnp";
using Chain = import "/chain.capnp".Chain;
using Context = import "/mp/proxy.capnp".Context;
using Echo = import "/echo.capnp".Echo;
using GlobalArgs = import "/common.capnp".GlobalArgs;
using Mining = import "/mining.capnp".Mining;
using Node = import "/node.capnp".Node;
using Rpc = import "/rpc.capnp".Rpc;
using ThreadMap = import "/mp/proxy.capnp".ThreadMap;
using WalletLoader = import "/wallet.capnp".WalletLoader;

interface Init @0x8838c700ba5cba65 {
  # Gives access to the other interfaces.

  construct @0 (
    threadMap :ThreadMap $G.doc("The client's threads, on which it runs callbacks.")
  ) -> (
    threadMap :ThreadMap $G.doc("The node's threads, on which it runs calls.")
  ) $G.plumbing("part of connecting to the node");
  # Exchanges thread maps; comes first on a connection.

  makeEcho @1 (context :Context) -> (
    result :Echo $G.doc("The Echo object.")
  ) $G.plumbing("part of connecting to the node");
  # Makes the Echo object.

  makeMiningOld2 @2 () -> () $G.plumbing("superseded by makeMining; nodes that know it answer with an error");
  # Earlier form of makeMining.

  makeMining @3 (context :Context) -> (
    result :Mining $G.doc("The Mining object; none if the node is stopping.")
  ) $G.plumbing("part of connecting to the node");
  # Makes the Mining object. From Core 31 on, waits until the chain is loaded.

  makeRpc @4 (context :Context) -> (
    result :Rpc $G.doc("The Rpc object.")
  ) $G.plumbing("part of connecting to the node");
  # Makes the Rpc object.

  makeChain @5 (context :Context) -> (
    result :Chain $G.doc("The Chain object.")
  ) $G.plumbing("part of connecting to the node");
  # Makes the Chain object.

  makeNode @6 (context :Context) -> (
    result :Node $G.doc("The Node object.")
  ) $G.plumbing("part of connecting to the node");
  # Makes the Node object.

  makeWalletLoader @7 (
    context :Context,
    globalArgs :GlobalArgs $G.doc("Settings for the wallet process."),
    chain :Chain $G.doc("The node's chain, for the wallets to follow.")
  ) -> (
    result :WalletLoader $G.doc("The WalletLoader object.")
  ) $G.plumbing("meant for the wallet process; ends bitcoin-node");
  # Makes the WalletLoader object of a wallet process. The one of a node comes from Node.
}
