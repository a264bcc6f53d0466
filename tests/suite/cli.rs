//! The program from outside.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::raw;

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bitcoin-grpc"));
    program.env_clear().env("HOME", "/nowhere");
    program
}

fn run(program: &mut Command) -> (Output, String) {
    let output = program.output().unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    (output, errors)
}

#[test]
fn help_is_for_newcomers() {
    let output = program().arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["bitcoin-grpc serve", "grpcurl -plaintext", "-ipcbind=unix", "BITCOIN_GRPC_LISTEN"]
    {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn every_fault_is_told_at_once_by_the_name_it_was_typed_by() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.toml");
    std::fs::write(&file, "nonsense = 1\ndrain = \"never\"").unwrap();
    let mut program = program();
    program.args(["serve", "--listen", "0.0.0.0:1", "--config"]).arg(&file);
    let (output, errors) = run(program.env("BITCOIN_GRPC_THREADS", "none"));
    assert_eq!(output.status.code(), Some(2));
    for name in
        ["--listen", "--insecure-listen", "BITCOIN_GRPC_THREADS", "nonsense", "drain (in the file)"]
    {
        assert!(errors.contains(name), "{name} is not in {errors}");
    }
}

#[test]
fn check_without_a_node_fails_and_says_what_to_look_at() {
    let (output, errors) = run(program().args(["check", "--node", "unix:/nowhere/node.sock"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("-ipcbind=unix"), "{errors}");
}

/// A server that has started without a node, and its address.
fn serving() -> (Child, String) {
    started(&["serve", "--node", "unix:/nowhere/node.sock", "--listen", "127.0.0.1:0"])
}

fn started(arguments: &[&str]) -> (Child, String) {
    let (server, _, place) = introduced(arguments);
    (server, place)
}

/// A server, what it said before it told its address, and the address.
fn introduced(arguments: &[&str]) -> (Child, Vec<String>, String) {
    let mut server =
        program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (mut said, mut place) = (Vec::new(), None);
    for line in lines.by_ref() {
        place = line.strip_prefix("listening on ").map(str::to_owned);
        if place.is_some() {
            break;
        }
        said.push(line);
    }
    (server, said, place.unwrap())
}

fn signal(server: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &server.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn serve_says_where_it_listens_and_stops_when_told_to() {
    let (mut server, address) = serving();
    std::net::TcpStream::connect(address).unwrap();
    signal(&server, "-TERM");
    assert!(server.wait().unwrap().success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (mut server, address) = serving();
    let _call = raw::open(&address, raw::ECHO).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    signal(&server, "-INT");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.try_wait().unwrap(), None, "it did not wait for the call");
    signal(&server, "-INT");
    let ended = tokio::task::spawn_blocking(move || server.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(130));
}

/// Asks until the server's health is found to be good; gives up after half a minute, for slow machines.
fn healthy(asked: &str) -> (bool, String) {
    let mut last = String::new();
    for _ in 0..300 {
        let (output, errors) = run(program().args(["health", "--listen", asked]));
        if output.status.success() {
            return (true, errors);
        }
        last = errors;
        std::thread::sleep(Duration::from_millis(100));
    }
    (false, last)
}

#[test]
fn what_the_demo_proposes_names_the_port_that_the_system_chose() {
    let demo = ["demo", "--interval", "0s", "--blocks", "1", "--listen", "127.0.0.1:0"];
    let (mut server, said, address) = introduced(&demo);
    signal(&server, "-TERM");
    assert!(server.wait().unwrap().success());
    let proposed = said.iter().filter(|line| line.contains("grpcurl"));
    let (right, wrong): (Vec<_>, Vec<_>) = proposed.partition(|line| line.contains(&address));
    assert_eq!((right.len(), wrong.len()), (4, 0), "{said:?}");
}

#[test]
fn health_tells_a_server_that_serves_from_one_without_a_node() {
    let (mut demo, address) =
        started(&["demo", "--interval", "0s", "--blocks", "1", "--listen", "127.0.0.1:0"]);
    let (mut server, lonely) = serving();
    assert_eq!(healthy(&address), (true, String::new()));
    let (output, errors) = run(program().args(["health", "--listen", &lonely]));
    assert!(!output.status.success() && errors.contains("NOT_SERVING"), "{errors}");
    for child in [&mut demo, &mut server] {
        signal(child, "-TERM");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn health_asks_where_the_servers_own_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("s").display());
    let serve = ["demo", "--interval", "0s", "--blocks", "1", "--listen", &socket];
    let (mut server, _) = started(&serve);
    let (output, errors) = run(program().arg("health").env("BITCOIN_GRPC_LISTEN", &socket));
    let first = output.status.success() || errors.contains("NOT_SERVING");
    assert!(first && healthy(&socket).0, "{errors}");
    signal(&server, "-TERM");
    assert!(server.wait().unwrap().success());
    let (output, errors) = run(program().args(["health", "--listen", &socket]));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains(&socket), "{errors}");
}

#[test]
fn health_says_what_to_do_if_every_listener_is_encrypted() {
    let tls = ["health", "--tls-cert", "c.pem", "--tls-key", "k.pem"];
    let (output, errors) = run(program().args(tls));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("--listen"), "{errors}");
}

#[test]
fn a_taken_port_is_told_by_its_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (output, errors) =
        run(program().args(["serve", "--node", "unix:/x", "--listen", &address]));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains(&address), "{errors}");
}
