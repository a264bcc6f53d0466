@0x9c3505dc45e146ac;

# The node's JSON-RPC commands.

using G = import "/grpc.capnp";
using Context = import "/mp/proxy.capnp".Context;

interface Rpc @0xacb1d37f0a713129 $G.service("root") $G.access(control) {
  # Runs JSON-RPC requests without HTTP.

  executeRpc @0 (
    context :Context,
    request :Text $G.content(json) $G.maxBytes(1048576)
      $G.doc("JSON text: a JSON-RPC 1.x or 2.0 request. An array of requests is refused. At most 1 MiB."),
    uri :Text $G.maxBytes(1000) $G.doc("HTTP path; `/wallet/<name>` selects a wallet. Usually empty."),
    user :Text $G.maxBytes(1000) $G.doc("Set by bitcoin-grpc to the caller's identity, for -rpcwhitelist and the log; what a client sends is ignored.")
  ) -> (
    result :Text $G.content(json) $G.name("response")
      $G.doc("JSON text: the JSON-RPC reply. `null` for a 2.0 notification, and if "
             "the whitelist forbids the method.")
  ) $G.blocking;
  # Runs any command of the node, including those that stop or reconfigure it. Errors of the command are in
  # the reply, not in the status. May take as long as the command does.
}
