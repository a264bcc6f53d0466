@0x888b4f7f51e691f7;

# A test of the way to the node and back.

using G = import "/grpc.capnp";
using Context = import "/mp/proxy.capnp".Context;

interface Echo @0xd36b89640dc94399 $G.service("root") $G.access(read) {
  # Answers with what it was asked.

  destroy @0 (context :Context) -> () $G.plumbing("the object is shared and lives as long as the connection");
  # Frees the object on the node.

  echo @1 (
    context :Context,
    echo :Text $G.maxBytes(1048576) $G.doc("Any text.")
  ) -> (
    result :Text $G.name("echo") $G.doc("The same text.")
  );
  # Returns the text unchanged.
}
