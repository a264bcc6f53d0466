"""Everything by which a command's run differs from what the documents print, and what is not run, with the reason."""

#: Ports of the documents. Blocks that start a server get free ones in their place; all others talk to the demo.
PORTS = ["50051", "50052", "9332", "4317"]

#: What cargo runs as an example, where the tests' build has left it.
EXAMPLE = "{programs}/examples/watch"
#: What is put in place of what. {folder} is a temporary copy of the project, {home} a home with a node's sockets.
SUBSTITUTES = [
    # The program is built already.
    ("cargo run --release -- demo", "bitcoin-grpc demo"),
    ("cargo run -p bitcoin-grpc-client --example watch --", EXAMPLE),
    # The embedded node's socket, where a real node would have it.
    ("/path/to/node.sock", "{home}/.bitcoin/node.sock"),
    ("/run/bitcoin/node.sock", "{home}/.bitcoin/node.sock"),
    ("DATADIR/regtest/node.sock", "{home}/.bitcoin/regtest/node.sock"),
    ("/tmp/node.sock", "{folder}/node.sock"),
    ("/var/lib/bitcoin", "{home}/.bitcoin"),
    ("/run/bitcoin-grpc/admin", "{folder}/admin"),
    ("~/", "{home}/"),
    # The certificate has both names.
    ("node.example.org:", "127.0.0.1:"),
    ("PATH/TO/bitcoin-grpc", "{folder}"),
]

#: Folders of the project that commands name. They are run in a copy.
COPIED = ["clients", "proto", "deploy", "docs", "docker-compose.yml"]
#: Where the commands of a document are typed, if not in the project's folder.
PLACES = {"clients/go/README.md": "clients/go", "clients/java/README.md": "clients/java"}

#: Documents that say themselves that they need another demo than the others.
DEMOS = {"docs/call.md"}
#: What has to run before a command, where the documents show it in another place.
BEFORE = {
    r"curl .*localhost:9332/": "bitcoin-grpc serve --admin 9332",
    r"curl .*--unix-socket /run/bitcoin-grpc/admin": "bitcoin-grpc serve --admin unix:/run/bitcoin-grpc/admin",
    # docs/rights.md shows how; README.md has the command.
    r"grpcurl -cacert ca.pem -H": "bitcoin-grpc serve --listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key --tokens tokens",
}

#: Documents whose commands take the files that docs/rights.md makes.
WITH_CREDENTIALS = {"README.md", "docs/recipes.md"}
#: Commands that are typed in a project of one's own, by how their block begins, and the files of such a project.
OWN_PROJECTS = {
    "go mod edit": {
        "go.mod": "module example\n",
        "main.go": 'package main\n\nimport "bitcoingrpc/ipcv1"\n\nfunc main() { _ = &ipcv1.ChainGetHeightRequest{} }\n',
    }
}
#: How a script is tried, by a word in it.
SCRIPTS = {"setpriv": 'bitcoin-grpc serve --node "spawn:{folder}/script -regtest"'}

#: Programs that go on until they are interrupted, and what they say once they work.
FOLLOWERS = {
    r"Chain/HandleNotifications$": r'"blockConnected"',
    r"\bwatch\b.*localhost": r"^block [0-9a-f]{64} at height \d+$",
    r"exec:java": r"^block [0-9a-f]{64} at height \d+$",
}
#: What a foreground command says once it serves.
SERVERS = {"serve": "^found ", "demo": "^found ", "devnode": "^listening on "}

#: Commands that say nothing when all is well.
SILENT = r"(chmod|openssl|pip|npm|python3 -m venv|go (-C \S+ )?(generate|mod)|mkdir)\b|.* >>? \S+$"

#: What is not run, by the beginning of the command: a name for the kind, and why.
CHECKED = {
    r"(\w+=\S+ )*docker compose\b": "engine",
    r"kubectl apply\b": "cluster",
    r"cargo (install --locked cargo-fuzz|\+nightly fuzz)\b": "fuzz",
    r"cargo (test|install)\b": "build",
    r"scripts/bench": "measurement",
    r"scripts/shield\b": "trial",
    r"clients/compare\b": "step",
    r"python tests/real/": "real node",
    r"grpcurl .* bitcoin\.ipc\.v1\.Wallet": "wallet",
}
REASONS = {
    "same": "the very same is run for another document, and takes long",
    "engine": "needs an engine; file, profiles, services and variables are there (compose-loader, which reads it as compose does, {compose-loader} installed)",
    "cluster": "needs a cluster; the folder is there (kustomize, which makes the manifests, {kustomize} installed)",
    "build": "builds for minutes what the other commands are run with; its packages are there",
    "example": "the example is not built beside the program; package and example are there",
    "measurement": "builds and measures for minutes; its options are in the benchmark (CI runs each with --smoke)",
    "trial": "takes minutes; its options are there (a test runs the corpus)",
    "fuzz": "needs a nightly toolchain, and takes minutes; the target is there",
    "step": "a step of its own in CI; its languages are there",
    "real node": "needs a real node; the program and its options are there",
    "wallet": "needs a node with wallets; the demo understands the request and says that its node has none",
}
