//! Rights, over the wire.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bitcoin_grpc::app::listen::{Address, ListenerConfig};
use bitcoin_grpc::app::rules::RulesConfig;
use bitcoin_grpc::error::CallError;
use bitcoin_grpc::frontend::tokens;
use bitcoin_grpc::layer::rights::Rights;
use bitcoin_grpc_contract::{Access, Form, Method, Reply, Request, v1};
use prost::Message;
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt;

use super::harness::{Harness, Setup, echo, loopback, mock};
use super::pki::{Authority, written};
use super::raw::{framed, post, send};
use super::visits::{Told, Way, visit, visit_with};

/// A method of each class whose empty request is valid.
const METHODS: [(Access, Method); 5] = [
    (Access::Read, Method::ChainGetHeight),
    (Access::Submit, Method::MiningCreateNewBlock),
    (Access::Wallet, Method::WalletLoaderGetWallets),
    (Access::Control, Method::NodeSetNetworkActive),
    (Access::Lifecycle, Method::NodeStartShutdown),
];

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const OLD_REFLECTION: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// What a call comes to, as far as rights go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It reached the backend, or health or reflection answered.
    Reached,
    /// PERMISSION_DENIED.
    Denied,
    /// UNAUTHENTICATED, for want of an identity.
    Who,
    /// UNAUTHENTICATED, for a bad one.
    Bad,
    /// The connection did not come about.
    Out,
}

fn fate(told: Result<Told, String>) -> Fate {
    let Ok(told) = told else { return Fate::Out };
    match (told.code, told.reason.as_str()) {
        (Code::PermissionDenied, "ACCESS_NOT_GRANTED" | "SERVICE_NOT_GRANTED") => Fate::Denied,
        (Code::Unauthenticated, "IDENTITY_REQUIRED") => Fate::Who,
        (Code::Unauthenticated, "CREDENTIAL_INVALID") => Fate::Bad,
        (Code::Internal, "NODE_EXCEPTION") | (Code::Ok, "") => Fate::Reached,
        // What reflection itself says of an empty request.
        (Code::InvalidArgument, "") => Fate::Reached,
        _ => panic!("{told:?}"),
    }
}

/// Four kinds of listeners behind one policy, and everybody who may come.
struct Place {
    harness: Harness,
    folder: TempDir,
    authority: Authority,
    tokens: [String; 3],
}

const LOOPBACK: usize = 0;
const UNIX: usize = 1;
const MUTUAL: usize = 2;
const REMOTE: usize = 3;

const POLICY: &str = r#"
[identities]
reader = {}
miner = { certificates = ["dns:miner.example.org"] }
boss = { certificates = ["uri:spiffe://example.org/boss"] }

[groups]
all = ["reader", "miner", "boss"]

[[grants]]
to = ["@all"]
classes = ["read"]
services = ["grpc.health"]

[[grants]]
to = ["miner"]
classes = ["submit"]

[[grants]]
to = ["boss"]
classes = ["submit", "wallet", "control", "lifecycle"]
services = ["grpc.reflection"]
rpc-commands = ["*"]
rpc-wallets = ["*"]

[[grants]]
to = ["anonymous-loopback"]
classes = ["read"]
services = ["grpc.health", "grpc.reflection"]

[[grants]]
to = ["authenticated"]
methods = ["Echo.Echo"]
"#;

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let hour = Duration::from_secs(3600);
    let made = [
        tokens::make("reader", None).unwrap(),
        tokens::make("boss", Some(SystemTime::now() + hour)).unwrap(),
        tokens::make("boss", Some(SystemTime::now() - hour)).unwrap(),
    ];
    let lines: Vec<_> = made.iter().map(|(_, line)| line.as_str()).collect();
    let rules = RulesConfig {
        policy: Some(written(folder.path(), "policy.toml", POLICY)),
        tokens: Some(written(folder.path(), "tokens", &lines.join("\n"))),
        ..RulesConfig::default()
    };
    let tls = |name: &str, optional| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        Some(authority.files(&folder, true, optional))
    };
    let listener = |address, rules| ListenerConfig { rules, ..ListenerConfig::new(address) };
    let any = Address::Tcp("0.0.0.0:0".parse().unwrap());
    let listen = vec![
        listener(loopback(), rules.clone()),
        listener(Address::Unix(folder.path().join("s")), rules.clone()),
        listener(loopback(), RulesConfig { tls: tls("mutual", false), ..rules.clone() }),
        listener(any, RulesConfig { tls: tls("remote", true), ..rules }),
    ];
    let harness = Harness::with(Setup { listen, ..Setup::default() }, echo()).await;
    Place { harness, folder, authority, tokens: made.map(|(token, _)| token) }
}

impl Place {
    fn certified(&self, names: &[&str]) -> Way {
        Way::tls(self.authority.client(Some(&self.authority.leaf(names))))
    }

    async fn fates(&self, listener: usize, way: &Way) -> Vec<Fate> {
        let paths = METHODS.iter().map(|(_, method)| method.info().path);
        let mut fates = Vec::new();
        for path in paths.chain([HEALTH, REFLECTION]) {
            fates.push(fate(visit(&self.harness.addresses[listener], way, path).await));
        }
        fates
    }
}

/// Every identity at every listener with every class: what each cell must be stands here.
#[tokio::test]
async fn every_identity_at_every_listener_with_every_class() {
    use Fate::{Bad as B, Denied as D, Out as O, Reached as R, Who as W};
    assert!(METHODS.iter().all(|(class, method)| method.info().access == *class));
    let place = place().await;
    let [reader, boss, expired] = &place.tokens;
    let plain = Way::default();
    let nobody = Way::tls(place.authority.client(None));
    let miner = place.certified(&["dns:miner.example.org"]);
    let chief = place.certified(&["dns:other.example.org", "uri:spiffe://example.org/boss"]);
    let stranger = place.certified(&["dns:stranger.example.org"]);
    let nameless = place.certified(&["email:miner@example.org"]);
    let other = Authority::new().leaf(&["dns:miner.example.org"]);
    let forged = Way::tls(place.authority.client(Some(&other)));
    let old = place.authority.expired(&["dns:miner.example.org"]);
    let old = Way::tls(place.authority.client(Some(&old)));
    // read, submit, wallet, control, lifecycle, health, reflection
    let (at_home, all, out, bad, who) = ([R, W, W, W, W, R, R], [R; 7], [O; 7], [B; 7], [W; 7]);
    let (reads, mines, none) = ([R, D, D, D, D, R, D], [R, R, D, D, D, R, D], [D; 7]);
    let table = [
        ("nobody", LOOPBACK, plain.clone(), at_home),
        ("reader by token", LOOPBACK, plain.clone().token(reader), reads),
        ("boss by token", LOOPBACK, plain.clone().token(boss), all),
        ("expired token", LOOPBACK, plain.clone().token(expired), bad),
        ("unknown token", LOOPBACK, plain.clone().token("x"), bad),
        ("no token", LOOPBACK, plain.clone().token(""), bad),
        ("nobody", UNIX, plain.clone(), who),
        ("reader by token", UNIX, plain.clone().token(reader), reads),
        ("boss by token", UNIX, plain.clone().token(boss), all),
        ("expired token", UNIX, plain.clone().token(expired), bad),
        ("unknown token", UNIX, plain.clone().token("x"), bad),
        ("nobody", MUTUAL, nobody.clone(), out),
        ("plaintext", MUTUAL, plain.clone(), out),
        ("reader by token only", MUTUAL, nobody.clone().token(reader), out),
        ("miner by certificate", MUTUAL, miner.clone(), mines),
        ("boss by certificate", MUTUAL, chief.clone(), all),
        ("unknown to the policy", MUTUAL, stranger.clone(), none),
        ("without a name", MUTUAL, nameless.clone(), bad),
        ("of another authority", MUTUAL, forged.clone(), out),
        ("expired certificate", MUTUAL, old.clone(), out),
        ("a token counts more", MUTUAL, chief.clone().token(reader), reads),
        ("a bad token spoils all", MUTUAL, chief.clone().token("x"), bad),
        ("nobody", REMOTE, nobody.clone(), who),
        ("plaintext", REMOTE, plain, out),
        ("reader by token", REMOTE, nobody.clone().token(reader), reads),
        ("boss by token", REMOTE, nobody.clone().token(boss), all),
        ("expired token", REMOTE, nobody.clone().token(expired), bad),
        ("miner by certificate", REMOTE, miner, mines),
        ("boss by certificate", REMOTE, chief, all),
        ("unknown to the policy", REMOTE, stranger, none),
        ("without a name", REMOTE, nameless, bad),
        ("of another authority", REMOTE, forged, out),
        ("expired certificate", REMOTE, old, out),
    ];
    for (who, listener, way, expected) in table {
        assert_eq!(place.fates(listener, &way).await, expected, "{who} at listener {listener}");
    }
}

/// A process is known by its user: here the one that runs this test.
#[tokio::test]
async fn processes_are_known_by_their_user() {
    let folder = tempfile::tempdir().unwrap();
    let uid = rustix::process::getuid().as_raw();
    for (known, expected) in [(uid, Fate::Reached), (uid + 1, Fate::Who)] {
        let policy = format!(
            "[identities]\nlocal = {{ uids = [{known}] }}\n[[grants]]\nto = [\"local\"]\nclasses = [\"read\"]"
        );
        let policy = Some(written(folder.path(), "policy.toml", &policy));
        let rules = RulesConfig { policy, ..RulesConfig::default() };
        let address = Address::Unix(folder.path().join(known.to_string()));
        let listen = vec![ListenerConfig { rules, ..ListenerConfig::new(address) }];
        let harness = Harness::with(Setup { listen, ..Setup::default() }, echo()).await;
        let told = visit(&harness.addresses[0], &Way::default(), METHODS[0].1.info().path).await;
        assert_eq!(fate(told), expected);
    }
}

#[tokio::test]
async fn both_versions_of_reflection_are_one_entry() {
    let place = place().await;
    let way = Way::default().token(&place.tokens[0]);
    for path in [REFLECTION, OLD_REFLECTION] {
        let told = visit(&place.harness.addresses[LOOPBACK], &way, path).await.unwrap();
        assert_eq!(told.reason, "SERVICE_NOT_GRANTED", "{path}");
    }
}

#[tokio::test]
async fn a_revoked_token_ends_with_the_next_call_and_a_faulty_policy_changes_nothing() {
    let place = place().await;
    let path = METHODS[0].1.info().path;
    let address = &place.harness.addresses[REMOTE];
    let way = Way::tls(place.authority.client(None)).token(&place.tokens[0]);
    assert_eq!(fate(visit(address, &way, path).await), Fate::Reached);

    written(place.folder.path(), "tokens", "");
    assert_eq!(fate(visit(address, &way, path).await), Fate::Reached, "before the reload");
    written(place.folder.path(), "policy.toml", "[[grants]]\nto = [\"nobody\"]");
    let faults = place.harness.rules.reload().unwrap_err();
    assert!(faults.to_string().contains("line 2: there is no identity"), "{faults}");
    // Nothing of what was wrong is taken over, and nothing of what was right beside it.
    assert_eq!(fate(visit(address, &way, path).await), Fate::Reached);

    written(place.folder.path(), "policy.toml", POLICY);
    place.harness.rules.reload().unwrap();
    assert_eq!(fate(visit(address, &way, path).await), Fate::Bad);
}

/// What a restricted identity may run, over the wire, and what of it the node is told.
#[tokio::test]
async fn rpc_commands_are_granted_by_name_and_the_user_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "[identities]\nmonitor = {}\n[[grants]]\nto = [\"monitor\"]\nrpc-commands = [\"getblockcount\"]";
    let (token, line) = tokens::make("monitor", None).unwrap();
    let rules = RulesConfig {
        policy: Some(written(folder.path(), "policy.toml", policy)),
        tokens: Some(written(folder.path(), "tokens", &line)),
        ..RulesConfig::default()
    };
    let listen = vec![ListenerConfig { rules, ..ListenerConfig::new(loopback()) }];
    let seen = Arc::new(Mutex::new(Vec::new()));
    let backend = mock({
        let seen = Arc::clone(&seen);
        move |call| {
            seen.lock().unwrap().push(call.request);
            std::future::ready(Err::<Reply, _>(CallError::NodeException("seen".to_owned())))
        }
    });
    let harness = Harness::with(Setup { listen, ..Setup::default() }, backend).await;
    let run = async |request: &str, user: &str| {
        let message = v1::RpcExecuteRpcRequest {
            request: request.to_owned(),
            uri: String::new(),
            user: user.to_owned(),
        };
        let way = Way::default().token(&token);
        let path = Method::RpcExecuteRpc.info().path;
        visit_with(&harness.addresses[0], &way, path, &message.encode_to_vec()).await.unwrap()
    };
    assert_eq!(run(r#"{"method": "getblockcount"}"#, "root").await.reason, "NODE_EXCEPTION");
    let denied = run(r#"{"method": "stop"}"#, "").await;
    assert_eq!(
        (denied.code, denied.reason.as_str()),
        (Code::PermissionDenied, "RPC_COMMAND_NOT_GRANTED")
    );
    let batch = run(r#"[{"method": "getblockcount"}]"#, "").await;
    assert_eq!((batch.code, batch.reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    let seen = seen.lock().unwrap();
    let [Request::RpcExecuteRpc(only)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(only.user, "monitor");
}

/// Streams never become a call of the stack as they are opened, so its layer does not see them.
#[tokio::test]
async fn no_stream_opens_without_its_right() {
    let denied = |method: &Method| !Rights::open().hold(method.info().access);
    let streams = Method::ALL.into_iter().filter(|m| m.info().form != Form::Unary);
    let streams: Vec<_> = streams.filter(denied).collect();
    assert!(streams.len() >= 10, "{streams:?}");
    let harness = Harness::start(echo()).await;
    for method in streams {
        let request = post(&harness.address, method.info().path).body(framed(&[])).unwrap();
        let status = send(&harness.address, request).await.status();
        assert_eq!(status.code(), Code::PermissionDenied, "{method:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "ACCESS_NOT_GRANTED");
        assert_eq!(info.metadata["access"], method.info().access.name());
    }
}
