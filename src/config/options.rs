//! Every option: its name is the flag, the key in the file, and, in capitals behind `BITCOIN_GRPC_`,
//! the environment variable.

/// One option.
#[derive(Debug)]
pub struct Opt {
    /// Name as a flag and as a key.
    pub name: &'static str,
    /// Name as an environment variable.
    pub env: &'static str,
    /// Heading under which the help shows it.
    pub group: Group,
    /// What stands for its value in the help; empty for a switch.
    pub value: &'static str,
    /// It may be given more than once.
    pub many: bool,
    /// What it does, for a newcomer, with its default.
    pub help: &'static str,
}

/// A heading of the help, and the commands that have its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Which node, and how.
    Node,
    /// The node that is built in, and what it does by itself.
    Embedded,
    /// Who may come in where, and do what.
    Clients,
    /// A token that is made.
    Token,
    /// The server that is called, and how.
    Server,
    /// How much and how long.
    Limits,
    /// What can be seen of it while it runs.
    Sight,
    /// What is said about it.
    Log,
}

impl Group {
    /// The heading's text.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Node => "The node",
            Self::Embedded => "The embedded node",
            Self::Clients => "The clients",
            Self::Token => "The token",
            Self::Server => "The server",
            Self::Limits => "Limits",
            Self::Sight => "Sight",
            Self::Log => "Logging",
        }
    }
}

macro_rules! option {
    ($group:ident, $name:literal, $env:literal, $value:literal, $many:literal, $help:literal) => {
        Opt {
            name: $name,
            env: concat!("BITCOIN_GRPC_", $env),
            group: Group::$group,
            value: $value,
            many: $many,
            help: $help,
        }
    };
}

/// Every option, in the order of the help.
pub const OPTIONS: &[Opt] = &[
    option!(
        Node,
        "node",
        "NODE",
        "unix:PATH",
        false,
        "Socket of the node, or spawn:COMMAND to start one as a child, with its arguments (docs/spawn.md). Without it: node.sock in the node's data directory for --chain"
    ),
    option!(
        Node,
        "start",
        "START",
        "WHO",
        false,
        "Who makes a spawned node run: auto, or manual for a caller with the right lifecycle, by Node.BaseInitialize and Node.AppInitMain [default: auto]"
    ),
    option!(
        Node,
        "restart",
        "RESTART",
        "WHEN",
        false,
        "When a spawned node that ended is started again: always, on-failure or never [default: on-failure]"
    ),
    option!(
        Node,
        "stop-limit",
        "STOP_LIMIT",
        "TIME",
        false,
        "How long a spawned node may take to stop before it is killed [default: 10m]"
    ),
    option!(
        Node,
        "chain",
        "CHAIN",
        "CHAIN",
        false,
        "Chain that the node is on: main, testnet4, signet or regtest [default: main]"
    ),
    option!(
        Node,
        "datadir",
        "DATADIR",
        "DIR",
        false,
        "Data directory of the node, as its own -datadir [default: Bitcoin Core's]"
    ),
    option!(
        Node,
        "profile",
        "PROFILE",
        "NAME",
        false,
        "Generation of the node's interface, such as core-32 [default: found out; the embedded node speaks pr29409-2025-05]"
    ),
    option!(
        Node,
        "connections",
        "CONNECTIONS",
        "N",
        false,
        "Connections to the node, up to 64 for each of --threads [default: 1]"
    ),
    option!(
        Node,
        "read-threads",
        "READ_THREADS",
        "N",
        false,
        "Threads that the node runs our short calls on, in all. More of them make real nodes slower; up to 1024 [default: 2]"
    ),
    option!(
        Node,
        "blocking-threads",
        "BLOCKING_THREADS",
        "N",
        false,
        "Threads that the node runs our waiting calls on, in all; up to 1024 [default: 16]"
    ),
    option!(
        Node,
        "big-reads",
        "BIG_READS",
        "N",
        false,
        "Reads of whole blocks under way at once. Each holds up every other client of the node while it is sent [default: 1]"
    ),
    option!(
        Node,
        "node-queue",
        "NODE_QUEUE",
        "N",
        false,
        "Calls that may wait for a thread of the node [default: 1024]"
    ),
    option!(
        Node,
        "retire-after",
        "RETIRE_AFTER",
        "TIME",
        false,
        "How long the node may leave a short call unanswered once nobody waits for it, before another of its threads is used [default: 30s]"
    ),
    option!(
        Node,
        "notifications",
        "NOTIFICATIONS",
        "WHEN",
        false,
        "Whether to subscribe to the node's events: auto, always or never. Nodes before libmultiprocess v11 abort if this program dies while it is subscribed, so auto leaves those alone [default: auto]"
    ),
    option!(
        Embedded,
        "socket",
        "SOCKET",
        "PATH",
        false,
        "Where the embedded node listens [default: node.sock in --data-dir, or else in a new temporary folder]"
    ),
    option!(
        Embedded,
        "inetd",
        "INETD",
        "",
        false,
        "Serve the one client at the other end of standard input, which has to be a socket, and end with it"
    ),
    option!(
        Embedded,
        "led",
        "LED",
        "",
        false,
        "Know nothing until the client calls Node.BaseInitialize and Node.AppInitMain, as `bitcoin-node -ipcfd` does"
    ),
    option!(
        Embedded,
        "blocks",
        "BLOCKS",
        "N",
        false,
        "Blocks to start with: as many as are missing are mined. 110 make the first coinbases spendable [default: 110]"
    ),
    option!(
        Embedded,
        "interval",
        "INTERVAL",
        "TIME",
        false,
        "Time between two blocks that are mined by themselves; 0s for none [default: 5s]"
    ),
    option!(
        Embedded,
        "tx-rate",
        "TX_RATE",
        "RATE",
        false,
        "Transactions per second that are made up, of coins that anyone can spend; 0 for none [default: 0]"
    ),
    option!(
        Embedded,
        "reorg-every",
        "REORG_EVERY",
        "TIME",
        false,
        "Time between two reorganisations; 0s for none [default: 0s]"
    ),
    option!(
        Embedded,
        "reorg-depth",
        "REORG_DEPTH",
        "N",
        false,
        "Blocks that each of them takes off [default: 2]"
    ),
    option!(
        Embedded,
        "seed",
        "SEED",
        "N",
        false,
        "What decides everything that is left to chance. With --mock-time, the same seed makes the same blocks [default: 0]"
    ),
    option!(
        Embedded,
        "mock-time",
        "MOCK_TIME",
        "SECONDS",
        false,
        "A clock that stands still at this time since 1970 and goes 600 s ahead with every block [default: the machine's clock]"
    ),
    option!(
        Embedded,
        "data-dir",
        "DATA_DIR",
        "DIR",
        false,
        "Where the embedded node keeps its chain and mempool, for the next start [default: in memory only]"
    ),
    option!(
        Embedded,
        "import",
        "IMPORT",
        "FILE",
        true,
        "Blocks to take in before the start: lines of hex, or a blk*.dat of Bitcoin Core on regtest; may be repeated"
    ),
    option!(
        Embedded,
        "block-filter-index",
        "BLOCK_FILTER_INDEX",
        "",
        false,
        "Keep block filters (BIP 158), as -blockfilterindex"
    ),
    option!(
        Embedded,
        "prune-below",
        "PRUNE_BELOW",
        "HEIGHT",
        false,
        "Throw away the blocks below this height before the start, as a pruned node"
    ),
    option!(
        Embedded,
        "node-arg",
        "NODE_ARG",
        "ARG",
        true,
        "An argument that a bitcoin-node would be started with, such as -minrelaytxfee=0.0001. Clients see all of them; -mocktime, -debug, -deprecatedrpc, -maxmempool, the fee rates and the -limit... options have effect; may be repeated"
    ),
    option!(
        Embedded,
        "fault",
        "FAULT",
        "FAULT",
        true,
        "Something that goes wrong, as in late=500ms@Chain.getBlockHash/nth:3; docs/devnode.md has the list; may be repeated"
    ),
    option!(
        Clients,
        "listen",
        "LISTEN",
        "ADDR",
        true,
        "Where clients come in: IP:PORT, unix:PATH, or systemd:N for the Nth socket that systemd passes, counted from 0; may be repeated. [[listener]] tables in the file describe listeners that differ [default: 127.0.0.1:50051]"
    ),
    option!(
        Clients,
        "insecure-listen",
        "INSECURE_LISTEN",
        "",
        false,
        "Allow listening beyond this machine without TLS, or without tokens and client certificates. Everybody who reaches the port can use the node"
    ),
    option!(
        Clients,
        "allow",
        "ALLOW",
        "CLASS",
        true,
        "Grant an access class besides read and submit: wallet, control or lifecycle; may be repeated. A --policy grants more finely"
    ),
    option!(
        Clients,
        "policy",
        "POLICY",
        "FILE",
        false,
        "TOML file that says who may do what (docs/rights.md); nothing else is granted then. Read again on SIGHUP"
    ),
    option!(
        Clients,
        "tokens",
        "TOKENS",
        "FILE",
        false,
        "File with the bearer tokens that are taken, one line each, as `bitcoin-grpc token` prints them. Read again on SIGHUP"
    ),
    option!(
        Clients,
        "tls-cert",
        "TLS_CERT",
        "FILE",
        false,
        "Certificate of this server with its chain, in PEM; TCP listeners then speak TLS. Read again on SIGHUP"
    ),
    option!(
        Clients,
        "tls-key",
        "TLS_KEY",
        "FILE",
        false,
        "Its private key, in PEM, in a file that others cannot read"
    ),
    option!(
        Clients,
        "tls-client-ca",
        "TLS_CLIENT_CA",
        "FILE",
        false,
        "Certificates of the authorities whose client certificates are taken, in PEM; a client must then have one"
    ),
    option!(
        Clients,
        "tls-client-optional",
        "TLS_CLIENT_OPTIONAL",
        "",
        false,
        "Let clients in without a certificate, too; they need a token, or are anonymous"
    ),
    option!(
        Clients,
        "tls12",
        "TLS12",
        "",
        false,
        "Speak TLS 1.2 with clients that do not know 1.3"
    ),
    option!(
        Clients,
        "socket-mode",
        "SOCKET_MODE",
        "MODE",
        false,
        "Permissions of unix sockets, in octal; who may write may connect [default: 600]"
    ),
    option!(
        Clients,
        "socket-uid",
        "SOCKET_UID",
        "N",
        false,
        "Number of the user who owns unix sockets [default: who runs this program]"
    ),
    option!(
        Clients,
        "socket-gid",
        "SOCKET_GID",
        "N",
        false,
        "Number of the group that owns unix sockets (getent group NAME shows it) [default: that of this program]"
    ),
    option!(
        Clients,
        "max-connections",
        "MAX_CONNECTIONS",
        "N",
        false,
        "Connections of clients that may be open [default: 900]"
    ),
    option!(
        Clients,
        "keepalive",
        "KEEPALIVE",
        "TIME",
        false,
        "How often silent connections are pinged [default: 30s]"
    ),
    option!(
        Clients,
        "connection-idle",
        "CONNECTION_IDLE",
        "TIME",
        false,
        "How long a connection may be without a new call before its client is asked to leave it; streams go on [default: 1h]"
    ),
    option!(
        Clients,
        "connection-age",
        "CONNECTION_AGE",
        "TIME",
        false,
        "How old a connection becomes before its client is asked to leave it; calls and streams go on [default: 12h]"
    ),
    option!(
        Token,
        "name",
        "NAME",
        "NAME",
        false,
        "Identity that the token stands for: letters, digits, -, _ and ."
    ),
    option!(
        Token,
        "lasts",
        "LASTS",
        "TIME",
        false,
        "How long it is taken, such as 90d [default: until its line is removed]"
    ),
    option!(
        Server,
        "addr",
        "ADDR",
        "HOST:PORT",
        false,
        "Where the server is [default: 127.0.0.1:50051]"
    ),
    option!(Server, "unix", "UNIX", "PATH", false, "Its unix socket, in place of --addr"),
    option!(
        Server,
        "tls-ca",
        "TLS_CA",
        "FILE",
        false,
        "Speak TLS, and trust the authorities whose certificates are in this file, in PEM (the system's are often in /etc/ssl/certs/ca-certificates.crt)"
    ),
    option!(
        Server,
        "client-cert",
        "CLIENT_CERT",
        "FILE",
        false,
        "Certificate to show to the server, with its chain, in PEM"
    ),
    option!(
        Server,
        "client-key",
        "CLIENT_KEY",
        "FILE",
        false,
        "Its private key, in PEM, in a file that others cannot read"
    ),
    option!(
        Server,
        "server-name",
        "SERVER_NAME",
        "NAME",
        false,
        "Name that the server's certificate must have [default: that of --addr]"
    ),
    option!(
        Server,
        "token-file",
        "TOKEN_FILE",
        "FILE",
        false,
        "File with the token to show, which others cannot read. The environment may hold the token itself, in BITCOIN_GRPC_TOKEN"
    ),
    option!(
        Server,
        "timeout",
        "TIMEOUT",
        "TIME",
        false,
        "How long the call may take, such as 500ms or 1h [default: what the server says]"
    ),
    option!(Server, "json", "JSON", "", false, "Print every answer as JSON on one line"),
    option!(
        Limits,
        "threads",
        "THREADS",
        "N",
        false,
        "Threads that serve clients, each with its own connections to the node; up to 64 [default: 1]"
    ),
    option!(
        Limits,
        "deadline",
        "DEADLINE",
        "TIME",
        false,
        "How long a call may take if its client does not say [default: 30s]"
    ),
    option!(
        Limits,
        "deadline-blocking",
        "DEADLINE_BLOCKING",
        "TIME",
        false,
        "The same for methods that wait for an event [default: 15m]"
    ),
    option!(
        Limits,
        "deadline-max",
        "DEADLINE_MAX",
        "TIME",
        false,
        "How long a call may take whatever its client says [default: 1h]"
    ),
    option!(
        Limits,
        "in-flight",
        "IN_FLIGHT",
        "N",
        false,
        "Short calls under way at once [default: 256]"
    ),
    option!(
        Limits,
        "queue",
        "QUEUE",
        "N",
        false,
        "Short calls that may wait for that; further ones are sent away [default: 1024]"
    ),
    option!(
        Limits,
        "in-flight-blocking",
        "IN_FLIGHT_BLOCKING",
        "N",
        false,
        "Waiting calls under way at once [default: as many as --blocking-threads]"
    ),
    option!(
        Limits,
        "queue-blocking",
        "QUEUE_BLOCKING",
        "N",
        false,
        "Waiting calls that may wait for that [default: 64]"
    ),
    option!(
        Limits,
        "in-flight-per-caller",
        "IN_FLIGHT_PER_CALLER",
        "N",
        false,
        "Short calls of one caller under way at once. A policy can say more finely. Callers without an identity are one for each listener, and for each address of another machine [default: as --in-flight]"
    ),
    option!(
        Limits,
        "in-flight-blocking-per-caller",
        "IN_FLIGHT_BLOCKING_PER_CALLER",
        "N",
        false,
        "Waiting calls of one caller under way at once [default: three quarters of --in-flight-blocking]"
    ),
    option!(
        Limits,
        "queue-per-caller",
        "QUEUE_PER_CALLER",
        "N",
        false,
        "Calls of one caller that may wait for that [default: three quarters of --queue and of --queue-blocking]"
    ),
    option!(
        Limits,
        "rate",
        "RATE",
        "N",
        false,
        "Calls in a second, of all callers together; a second's worth may come at once [default: as many as there are]"
    ),
    option!(
        Limits,
        "rate-per-caller",
        "RATE_PER_CALLER",
        "N",
        false,
        "Calls in a second of one caller [default: as many as there are]"
    ),
    option!(
        Limits,
        "lease-time",
        "LEASE_TIME",
        "TIME",
        false,
        "How long the node keeps a block template that its caller does not use [default: 20m]"
    ),
    option!(
        Limits,
        "leases-per-caller",
        "LEASES_PER_CALLER",
        "N",
        false,
        "Block templates that one caller may hold; the processes of this machine are one [default: 64]"
    ),
    option!(
        Limits,
        "leases",
        "LEASES",
        "N",
        false,
        "Block templates that all callers together may hold [default: 256]"
    ),
    option!(
        Limits,
        "instance",
        "INSTANCE",
        "NAME",
        false,
        "Name with which the handles of leases begin, for a load balancer to route by: letters, digits, - and _ [default: made up at the start]"
    ),
    option!(
        Limits,
        "max-streams",
        "MAX_STREAMS",
        "N",
        false,
        "Streams that may be open [default: 4096]"
    ),
    option!(
        Limits,
        "max-streams-per-caller",
        "MAX_STREAMS_PER_CALLER",
        "N",
        false,
        "Streams that one caller may have open; all processes of this machine are one caller [default: 2048]"
    ),
    option!(
        Limits,
        "drain",
        "DRAIN",
        "TIME",
        false,
        "How long calls may go on after the program was told to stop [default: 10s]"
    ),
    option!(
        Sight,
        "admin",
        "ADMIN",
        "ADDR",
        false,
        "Where operators ask: PORT (of this machine only), IP:PORT or unix:PATH, with /livez, /readyz and /metrics by HTTP. Everybody who reaches it can read them [default: nowhere]"
    ),
    option!(
        Sight,
        "otlp",
        "OTLP",
        "URL",
        false,
        "Send traces to an OpenTelemetry collector, by OTLP over gRPC: http://HOST:PORT, where 4317 is usual [default: nowhere]"
    ),
    option!(
        Sight,
        "otlp-sample",
        "OTLP_SAMPLE",
        "PART",
        false,
        "Part of the traces that is sent, from 0 to 1; of traces that callers began, they decide [default: 1]"
    ),
    option!(Log, "log", "LOG", "FORM", false, "Form of the log: human or json [default: human]"),
    option!(
        Log,
        "log-level",
        "LOG_LEVEL",
        "LEVEL",
        false,
        "What is logged: error, warn, info, debug, trace, or a filter such as info,bitcoin_grpc=debug [default: info]"
    ),
];

/// Options that a `[[listener]]` table in the file may have. What it does not say is as for all.
pub const OF_LISTENERS: [&str; 13] = [
    "listen",
    "insecure-listen",
    "allow",
    "policy",
    "tokens",
    "tls-cert",
    "tls-key",
    "tls-client-ca",
    "tls-client-optional",
    "tls12",
    "socket-mode",
    "socket-uid",
    "socket-gid",
];

/// The option of that name.
#[must_use]
pub fn option(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn flags_and_variables_have_the_same_names() {
        for option in OPTIONS {
            let env =
                format!("BITCOIN_GRPC_{}", option.name.to_ascii_uppercase().replace('-', "_"));
            assert_eq!(option.env, env);
        }
        let names: BTreeSet<_> = OPTIONS.iter().map(|o| o.name).collect();
        assert_eq!(names.len(), OPTIONS.len());
        assert!(OF_LISTENERS.iter().all(|name| names.contains(name)));
    }
}
