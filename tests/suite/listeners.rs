//! Listeners, and the program that has them.

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin_grpc::app::listen::{Address, ListenerConfig};
use bitcoin_grpc::app::rules::RulesConfig;
use bitcoin_grpc::frontend::grpc::limits::HANDSHAKE;
use bitcoin_grpc_contract::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::harness::{Harness, Setup, echo, echo_request, loopback};
use super::pki::{Authority, SERVER, written};
use super::visits::{Way, connect_tls, visit};

const BINARY: &str = env!("CARGO_BIN_EXE_bitcoin-grpc");

async fn secured(authority: &Authority, folder: &Path) -> Harness {
    let tls = Some(authority.files(folder, true, false));
    let rules = RulesConfig { tls, ..RulesConfig::default() };
    let listen = vec![ListenerConfig { rules, ..ListenerConfig::new(loopback()) }];
    Harness::with(Setup { listen, ..Setup::default() }, echo()).await
}

/// tonic's own TLS, with the files that `grpcurl -cacert -cert -key` takes.
#[tokio::test]
async fn an_ordinary_client_speaks_tls() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let harness = secured(&authority, folder.path()).await;
    let leaf = authority.leaf(&["dns:alice.example.org"]);
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.pem()))
        .identity(Identity::from_pem(leaf.certificate, leaf.key))
        .domain_name(SERVER);
    let endpoint = Endpoint::from_shared(format!("https://{}", harness.address)).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let mut client = bitcoin_grpc::frontend::grpc::services::echo_client::EchoClient::new(channel);
    let answer = client.echo(echo_request("over TLS")).await.unwrap();
    assert_eq!(answer.into_inner().echo, "over TLS");
}

#[tokio::test]
async fn only_http2_and_tls_13_are_spoken() {
    use tokio_rustls::rustls::ClientConfig;
    use tokio_rustls::rustls::version::TLS12;
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let harness = secured(&authority, folder.path()).await;
    let leaf = authority.leaf(&["dns:a"]);
    let good = authority.client(Some(&leaf));
    let stream = connect_tls(&harness.address, Arc::clone(&good)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut http1 = (*good).clone();
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    assert!(connect_tls(&harness.address, Arc::new(http1)).await.is_err());
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let old = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    assert!(connect_tls(&harness.address, Arc::new(old)).await.is_err());
}

/// After the handshake a client must go on, too, or its place is given to another.
#[tokio::test]
async fn what_is_no_http2_inside_tls_is_closed_at_once() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let harness = secured(&authority, folder.path()).await;
    let client = authority.client(Some(&authority.leaf(&["dns:a"])));
    let mut stream = connect_tls(&harness.address, client).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: node\r\n\r\n").await.unwrap();
    let mut answer = [0; 64];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer);
    let ended = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_a_reload_and_a_bad_key_changes_nothing() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let harness = secured(&authority, folder.path()).await;
    let client = authority.client(Some(&authority.leaf(&["dns:a"])));
    let shown = async || {
        let stream = connect_tls(&harness.address, Arc::clone(&client)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    let fresh = authority.leaf(&[&format!("dns:{SERVER}")]);
    written(folder.path(), "server.pem", &fresh.certificate);
    let faults = harness.rules.reload().unwrap_err();
    assert!(faults.to_string().contains("server.pem"), "{faults}");
    assert_eq!(shown().await, first, "the certificate without its key");
    let key = written(folder.path(), "server.key", &fresh.key);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(harness.rules.reload().unwrap_err().to_string().contains("mode 644"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    harness.rules.reload().unwrap();
    let expected = CertificateDer::from_pem_slice(fresh.certificate.as_bytes()).unwrap();
    assert_eq!(shown().await, expected.to_vec());
}

/// Who shakes no hands, or says nothing afterwards, holds a place for ten seconds only.
#[tokio::test]
async fn slow_handshakes_are_cut_off() {
    use tokio::io::AsyncReadExt;
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let harness = secured(&authority, folder.path()).await;
    let client = authority.client(Some(&authority.leaf(&["dns:a"])));
    let mut silent = TcpStream::connect(&harness.address).await.unwrap();
    let mut half = connect_tls(&harness.address, client).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0").await.unwrap();
    let (mut one, mut other) = ([0], [0]);
    let both = async { tokio::join!(silent.read(&mut one), half.read(&mut other)) };
    let (silent, half) = tokio::time::timeout(2 * HANDSHAKE, both).await.unwrap();
    assert!(!matches!(silent, Ok(1..)) && !matches!(half, Ok(1..)), "{silent:?} {half:?}");
}

/// Streams that are opened and reset at once cost us more than their client (CVE-2023-44487).
#[tokio::test]
async fn rapid_resets_end_the_connection_and_nothing_else() {
    use tokio::io::AsyncReadExt;
    let harness = Harness::start(echo()).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    for stream in (1_u32..2001).step_by(2) {
        // POST, http, / and the end of headers; then RST_STREAM with CANCEL.
        bytes.extend([0, 0, 3, 1, 4]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend([0x83, 0x86, 0x84]);
        bytes.extend([0, 0, 4, 3, 0]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend([0, 0, 0, 8]);
    }
    let mut attacker = TcpStream::connect(&harness.address).await.unwrap();
    attacker.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), attacker.read_to_end(&mut answer));
    let _ = ended.await.expect("the connection goes on");
    // GOAWAY for ENHANCE_YOUR_CALM.
    assert!(goaways(&answer).contains(&0xb), "{answer:?}");
    harness.echo().await.echo(echo_request("still there")).await.unwrap();
}

/// The error codes of the GOAWAY frames in what a server sent.
fn goaways(mut bytes: &[u8]) -> Vec<u32> {
    let mut codes = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((body, rest)) = rest.split_at_checked(length) else { break };
        if head[3] == 7 {
            codes.push(u32::from_be_bytes(body[4..8].try_into().unwrap()));
        }
        bytes = rest;
    }
    codes
}

/// The program, once it listens.
fn started(mut command: Command, listeners: usize) -> (Child, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines
        .take(listeners)
        .map(|line| line.unwrap().strip_prefix("listening on ").unwrap().to_owned());
    let lines = lines.collect();
    (child, lines)
}

fn program() -> Command {
    let mut program = Command::new(BINARY);
    program.env_clear().env("HOME", "/nowhere").args(["serve", "--node", "unix:/nowhere/n"]);
    program
}

fn ended(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn told(address: &str, way: &Way) -> String {
    let address = match address.strip_prefix("unix:") {
        Some(path) => Address::Unix(path.into()),
        None => Address::Tcp(address.parse().unwrap()),
    };
    visit(&address, way, Method::EchoEcho.info().path).await.unwrap().reason
}

/// The program with a socket that is passed as systemd does: a shell gives the socket its place, and
/// itself the process that it is meant for.
fn passed(listener: std::net::TcpListener) -> Command {
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, BINARY, "serve", "--node", "unix:/nowhere/n"]);
    command.args(["--listen", "systemd:0"]).stdin(OwnedFd::from(listener));
    command
}

/// What such a socket is, is known only once it is there.
#[test]
fn a_passed_socket_that_others_reach_needs_what_any_such_needs() {
    let mut command = passed(std::net::TcpListener::bind("0.0.0.0:0").unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("--insecure-listen"), "{errors}");
}

#[tokio::test]
async fn sockets_of_systemd_are_taken_over() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (child, addresses) = started(passed(listener), 1);
    assert_eq!(addresses, [address]);
    assert_eq!(told(&addresses[0], &Way::default()).await, "NODE_UNAVAILABLE");
    ended(child);
    let mut without = program();
    let output = without.args(["--listen", "systemd:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("LISTEN_FDS"));
}

/// One file, two listeners with rules of their own, and a signal that has them read again.
#[tokio::test]
async fn listeners_of_a_file_have_their_own_rules_and_reread_them_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(BINARY).args(["token", "--name", "monitor"]).output().unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let mut values = text.lines().map(|line| line.split_once(": ").unwrap().1.trim());
    let (token, line) = (values.next().unwrap(), values.next().unwrap());
    written(folder.path(), "tokens", line);
    let grant = "[identities]\nmonitor = {}\n[[grants]]\nto = [\"monitor\"]\nclasses = [\"read\"]";
    written(folder.path(), "policy.toml", grant);
    let home = folder.path().display();
    let config = format!(
        "[[listener]]\nlisten = \"127.0.0.1:0\"\ntokens = \"{home}/tokens\"\npolicy = \"{home}/policy.toml\"\n\
         [[listener]]\nlisten = \"unix:{home}/s\"\nsocket-mode = \"660\"\n"
    );
    let mut command = program();
    command.arg("--config").arg(written(folder.path(), "config.toml", &config));
    let (child, addresses) = started(command, 2);
    let known = Way::default().token(token);
    assert_eq!(told(&addresses[0], &Way::default()).await, "IDENTITY_REQUIRED");
    assert_eq!(told(&addresses[0], &known).await, "NODE_UNAVAILABLE");
    assert_eq!(told(&addresses[1], &Way::default()).await, "NODE_UNAVAILABLE");
    assert_eq!(told(&addresses[1], &known).await, "CREDENTIAL_INVALID");
    let mode = std::fs::metadata(folder.path().join("s")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);

    written(folder.path(), "tokens", "# revoked");
    let hang_up = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(hang_up.success());
    let end = Instant::now() + Duration::from_secs(30);
    while told(&addresses[0], &known).await != "CREDENTIAL_INVALID" {
        assert!(Instant::now() < end, "the token is still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ended(child);
}

#[test]
fn a_faulty_policy_keeps_the_program_from_starting_and_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let policy =
        written(folder.path(), "policy.toml", "\n[[grants]]\nto = [\"x\"]\nclasses = [\"reed\"]");
    let mut command = program();
    let output =
        command.args(["--listen", "127.0.0.1:0", "--policy"]).arg(policy).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("line 3: there is no identity \"x\""), "{errors}");
    assert!(errors.contains("line 4: there is no class \"reed\""), "{errors}");
}
