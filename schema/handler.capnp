@0xebd8f46e2f369076;

# The node's side of a subscription.

using G = import "/grpc.capnp";
using Context = import "/mp/proxy.capnp".Context;

interface Handler @0xea08728d34263f55 {
  # A subscription that the node has registered. It belongs to a stream and ends with it.

  destroy @0 (context :Context) -> () $G.plumbing("the end of the stream does it");
  # Frees the subscription, ending it if need be.

  disconnect @1 (context :Context) -> () $G.plumbing("the end of the stream does it");
  # Ends the subscription. Once this is answered, no more events come.
}
