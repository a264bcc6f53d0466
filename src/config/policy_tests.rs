use super::*;

const GOOD: &str = r#"
[identities]
alice = { certificates = ["dns:Alice.example.org", "uri:spiffe://example.org/alice"] }
miner = { uids = [1001], gids = [7] }
monitor = {}

[groups]
people = ["alice", "monitor"]

[[grants]]
to = ["@people", "anonymous-loopback"]
classes = ["read"]
services = ["grpc.health"]

[[grants]]
to = ["miner"]
services = ["Mining", "BlockTemplate"]
methods = ["Chain.GetHeight"]

[[grants]]
to = ["alice"]
rpc-commands = ["getblockcount"]
rpc-wallets = ["savings"]

[[grants]]
to = ["authenticated"]
services = ["grpc.reflection"]
"#;

fn policy() -> Policy {
    parse(GOOD, "policy.toml").unwrap()
}

fn faults(text: &str) -> Vec<String> {
    parse(text, "p").unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn everybody_gets_what_is_granted_and_no_more() {
    let policy = policy();
    let (alice, miner) = (policy.identity("alice"), policy.identity("miner"));
    let anonymous = policy.anonymous(Entrance::Loopback);
    for method in Method::ALL {
        let info = method.info();
        let read = info.access == Access::Read;
        assert_eq!(anonymous.hold(method), read, "{method:?}");
        assert_eq!(policy.identity("monitor").hold(method), read, "{method:?}");
        assert_eq!(alice.hold(method), read || info.name == "ExecuteRpc", "{method:?}");
        let mining = matches!(info.service, Service::Mining | Service::BlockTemplate);
        assert_eq!(miner.hold(method), mining || method == Method::ChainGetHeight, "{method:?}");
        assert!(!policy.anonymous(Entrance::Unix).hold(method));
        assert!(!policy.anonymous(Entrance::Remote).hold(method));
        assert!(!policy.identity("dns:stranger").hold(method));
    }
    let beside = |grants: &Grants| {
        (grants.hold_beside(Beside::Health), grants.hold_beside(Beside::Reflection))
    };
    assert_eq!(beside(alice), (true, true));
    assert_eq!(beside(miner), (false, true));
    assert_eq!(beside(anonymous), (true, false));
    assert_eq!(beside(policy.identity("dns:stranger")), (false, true));
}

#[test]
fn identities_are_known_by_what_the_file_says() {
    let policy = policy();
    let certificate = |name: &str| policy.by_certificate(&[name.to_owned()]).unwrap().to_string();
    assert_eq!(certificate("dns:alice.example.org"), "alice");
    assert_eq!(certificate("uri:spiffe://example.org/alice"), "alice");
    assert_eq!(certificate("uri:spiffe://example.org/Alice"), "uri:spiffe://example.org/Alice");
    assert_eq!(policy.by_user(1001, 0).as_deref(), Some("miner"));
    assert_eq!(policy.by_user(0, 7).as_deref(), Some("miner"));
    assert_eq!(policy.by_user(0, 0), None);
    assert!(policy.mentions("monitor") && !policy.mentions("nobody"));
}

#[test]
fn an_empty_policy_grants_nothing() {
    let policy = parse("", "p").unwrap();
    for entrance in Entrance::ALL {
        assert_eq!(**policy.anonymous(entrance), Grants::default());
    }
    assert_eq!(**policy.identity("anybody"), Grants::default());
}

/// Each fault, its line, and a word that its reason must have.
#[test]
fn every_fault_is_refused_with_its_line_and_reason() {
    let grant = |what: &str| format!("[identities]\na = {{}}\n[[grants]]\nto = [\"a\"]\n{what}");
    let limits = |what: &str| grant(what).replace("grants", "limits");
    let identity = |what: &str| format!("[identities]\n{what}");
    for (text, line, word) in [
        ("colour = 1".to_owned(), 1, "colour"),
        ("\n[identities".to_owned(), 2, ""),
        ("[identities]\na = {}\n[identities]\nb = {}".to_owned(), 3, "duplicate"),
        (identity("a = {}\na = {}"), 3, "duplicate"),
        (identity("a = { names = [] }"), 2, "names"),
        (identity("\"a:b\" = {}"), 2, "letters"),
        (identity("anonymous-unix = {}"), 2, "meaning"),
        (identity("a = { certificates = [\"cn:a\"] }"), 2, "dns:HOST"),
        (identity("a = { certificates = [\"email:a@b\"] }"), 2, "dns:HOST"),
        (identity("a = { certificates = [\"dns:*.b\"] }"), 2, "dns:HOST"),
        (identity("a = { uids = [-1] }"), 2, "-1"),
        (identity("a = { uids = [7] }\nb = { uids = [7] }"), 3, "already"),
        (identity("a = { certificates = [\"dns:x\",\n\"dns:X\"] }"), 3, "already"),
        ("[groups]\ng = [\"a\"]".to_owned(), 2, "no identity \"a\""),
        (identity("a = {}\n[groups]\ng = [\"a\", \"a\"]"), 4, "twice"),
        ("[[grants]]\nto = [\"@g\"]\nclasses = [\"read\"]".to_owned(), 2, "no group"),
        ("[[grants]]\nto = [\"a\"]\nclasses = [\"read\"]".to_owned(), 2, "no identity"),
        ("[[grants]]\nto = [\"anonymous\"]\nclasses = [\"read\"]".to_owned(), 2, "no identity"),
        ("[[grants]]\nto = []\nclasses = [\"read\"]".to_owned(), 1, "to whom"),
        ("[[grants]]\nclasses = [\"read\"]".to_owned(), 1, "to"),
        (grant("classes = [\"reed\"]"), 5, "no class \"reed\""),
        (grant("classes = [\"read\",\n\"read\"]"), 6, "twice"),
        (grant("classes = \"read\""), 5, "sequence"),
        (grant("services = [\"Chian\"]"), 5, "no service \"Chian\""),
        (grant("methods = [\"Chain.getHeight\"]"), 5, "no method"),
        (grant("methods = [\"Node.ExecuteRpc\"]"), 5, "rpc-commands"),
        (grant("rpc-commands = [\"getBlock\"]"), 5, "no RPC command"),
        (grant("rpc-commands = [\"*\", \"stop\"]"), 5, "no RPC command"),
        (grant("rpc-commands = [\"stop\", \"stop\"]"), 5, "twice"),
        (grant("rpc-wallets = [\"a\"]"), 3, "rpc-commands"),
        (grant("rpc_commands = [\"stop\"]"), 5, "rpc_commands"),
        (grant(""), 3, "nothing"),
        (limits("in-flight = 0"), 5, "must not be 0"),
        (limits("rate = 0"), 5, "calls in a second"),
        (limits("speed = 1"), 5, "speed"),
        (limits(""), 3, "limit nothing"),
        ("[[limits]]\nto = []\nrate = 1".to_owned(), 1, "to whom"),
        ("[[limits]]\nto = [\"a\"]\nrate = 1".to_owned(), 2, "no identity"),
    ] {
        let faults = faults(&text);
        assert_eq!(faults.len(), 1, "{faults:?}\n{text}");
        assert!(faults[0].starts_with(&format!("p, line {line}: ")), "{} for\n{text}", faults[0]);
        assert!(faults[0].contains(word), "{} has no {word}", faults[0]);
    }
}

#[test]
fn of_several_limits_the_widest_counts_and_they_open_nothing() {
    let text = r#"
        [identities]
        a = {}
        b = {}
        [groups]
        g = ["a", "b"]
        [[limits]]
        to = ["@g", "anonymous-remote"]
        in-flight = 4
        queue = 2
        [[limits]]
        to = ["a"]
        in-flight = 9
        rate = 100
    "#;
    let policy = parse(text, "p").unwrap();
    let limits = |in_flight, rate| OwnLimits {
        in_flight: Some(in_flight),
        queue: Some(2),
        rate,
        ..OwnLimits::default()
    };
    assert_eq!(policy.identity("a").limits(), limits(9, Some(100)));
    assert_eq!(policy.identity("b").limits(), limits(4, None));
    assert_eq!(policy.identity("c").limits(), OwnLimits::default());
    let strangers = policy.anonymous(Entrance::Remote);
    assert_eq!(strangers.limits(), limits(4, None));
    assert!(strangers.are_none());
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "[[grants]]\nto = [\"a\", \"b\"]\nclasses = [\"c\"]\nmethods = [\"d\"]";
    assert_eq!(faults(text).len(), 4);
}

#[test]
fn a_policy_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    std::fs::write(&path, GOOD).unwrap();
    for (mode, taken) in [(0o644, true), (0o600, true), (0o664, false), (0o646, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&path).is_ok(), taken, "{mode:o}");
    }
    assert!(read(&directory.path().join("none")).is_err());
}
