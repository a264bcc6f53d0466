use super::*;
use crate::config::fault::Fault;
use crate::config::file;
use crate::config::options::option;
use crate::config::typed::Typed;

/// What a file and flags describe, or what is wrong with them.
fn read(file: &str, flags: &[(&str, &str)]) -> Result<Vec<ListenerConfig>, Vec<String>> {
    let (mut typed, mut faults) = (Typed::default(), Vec::new());
    file::parse(file, "f", &mut typed, &mut faults);
    for (name, value) in flags {
        typed.give(option(name).unwrap(), Source::Flag, vec![(*value).to_owned()]);
    }
    let mut reader = Reader::new(&typed, faults);
    let listeners = listeners(&mut reader);
    let faults: Vec<_> = reader.faults.iter().map(Fault::to_string).collect();
    if faults.is_empty() { Ok(listeners) } else { Err(faults) }
}

fn refused(file: &str, flags: &[(&str, &str)], word: &str) {
    let faults = read(file, flags).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains(word), "{} has no {word}", faults[0]);
}

const TLS: [(&str, &str); 2] = [("tls-cert", "c.pem"), ("tls-key", "k.pem")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    TLS.iter().chain(more).copied().collect()
}

#[test]
fn nothing_said_is_one_listener_for_this_machine() {
    let listeners = read("", &[]).unwrap();
    assert_eq!(listeners.len(), 1);
    assert_eq!(listeners[0].address, Address::Tcp(LISTEN.parse().unwrap()));
    assert_eq!(listeners[0].rules, RulesConfig::default());
    assert_eq!(listeners[0].file, FileConfig { mode: 0o600, uid: None, gid: None });
}

#[test]
fn beyond_this_machine_needs_tls_and_an_identity_or_the_word() {
    let remote = ("listen", "0.0.0.0:1");
    refused("", &[remote], "--insecure-listen");
    refused("", &with(&[remote]), "--insecure-listen");
    refused("", &[remote, ("tokens", "t")], "--insecure-listen");
    refused("", &[remote, ("policy", "p")], "--insecure-listen");
    for guard in [("tokens", "t"), ("tls-client-ca", "ca.pem")] {
        assert!(read("", &with(&[remote, guard])).is_ok());
    }
    assert!(read("", &[remote, ("insecure-listen", "true")]).is_ok());
}

#[test]
fn parts_of_tls_belong_together() {
    refused("", &[TLS[0]], "--tls-key");
    refused("", &[TLS[1]], "--tls-cert");
    refused("", &[("tls-client-ca", "ca")], "--tls-cert");
    refused("", &with(&[("tls-client-optional", "true")]), "--tls-client-ca");
    refused("", &[("tls12", "true")], "--tls-cert");
    refused("", &[("policy", "p"), ("allow", "control")], "--policy");
    let all = with(&[("tls-client-ca", "ca"), ("tls-client-optional", "true"), ("tls12", "true")]);
    let tls = read("", &all).unwrap()[0].rules.tls.clone().unwrap();
    assert_eq!((tls.client_ca, tls.optional, tls.allow_1_2), (Some("ca".into()), true, true));
}

#[test]
fn tables_describe_listeners_that_differ() {
    let file = r#"
        tokens = "all.tokens"
        socket-mode = "660"
        [[listener]]
        listen = "0.0.0.0:1"
        tls-cert = "c"
        tls-key = "k"
        policy = "public.toml"
        [[listener]]
        listen = ["unix:/tmp/a", "unix:/tmp/b"]
        socket-gid = 7
        allow = ["wallet", "control"]
        tokens = "own.tokens"
        [[listener]]
        listen = "systemd:0"
    "#;
    let listeners = read(file, &[]).unwrap();
    let addresses: Vec<_> = listeners.iter().map(|l| l.address.to_string()).collect();
    assert_eq!(addresses, ["0.0.0.0:1", "unix:/tmp/a", "unix:/tmp/b", "systemd:0"]);
    let (public, socket, passed) = (&listeners[0].rules, &listeners[2].rules, &listeners[3].rules);
    assert!(public.tls.is_some() && public.guards());
    assert_eq!(public.policy, Some("public.toml".into()));
    assert_eq!(public.tokens, Some("all.tokens".into()));
    assert_eq!(socket.tls, None);
    assert_eq!(socket.tokens, Some("own.tokens".into()));
    assert!(socket.rights != Rights::open() && public.rights == Rights::open());
    assert_eq!(listeners[1].file, FileConfig { mode: 0o660, uid: None, gid: Some(7) });
    assert_eq!((&passed.tls, &passed.tokens), (&None, &Some("all.tokens".into())));
    // A flag adds one more.
    assert_eq!(read(file, &[("listen", "127.0.0.1:9")]).unwrap().len(), 5);
}

#[test]
fn faults_of_tables_name_their_listener() {
    let table = |what: &str| format!("[[listener]]\nlisten = \"unix:/a\"\n[[listener]]\n{what}");
    for (what, word) in [
        ("policy = \"p\"", "needed in every listener"),
        ("listen = \"unix:/b\"\nthreads = 2", "threads (in f, listener 2)"),
        ("listen = \"0.0.0.0:1\"", "listen (in the file's listener 2)"),
        ("listen = \"here\"", "listen (in the file's listener 2)"),
        ("listen = \"unix:/b\"\nsocket-mode = \"999\"", "socket-mode (in the file's listener 2)"),
        ("listen = \"unix:/b\"\nsocket-mode = 0o660", "must be a text"),
        ("listen = \"unix:/b\"\ntls-cert = \"c\"\ntls-key = \"k\"", "unix sockets"),
    ] {
        refused(&table(what), &[], word);
    }
    // The word holds for the listener that says it only.
    let first = "[[listener]]\nlisten = \"0.0.0.0:1\"\ninsecure-listen = true\n";
    refused(&format!("{first}[[listener]]\nlisten = \"0.0.0.0:2\""), &[], "0.0.0.0:2");
}
