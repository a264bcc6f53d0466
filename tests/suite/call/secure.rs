//! TLS, tokens and unix sockets.

use std::path::Path;

use super::world::{World, program, run};
use crate::suite::pki::{Authority, SERVER, written};

const POLICY: &str = r#"
[identities]
alice = { certificates = ["dns:alice.example.org"] }
monitor = {}

[[grants]]
to = ["alice"]
classes = ["read"]
services = ["grpc.reflection"]

[[grants]]
to = ["monitor"]
methods = ["Chain.GetHeight"]
"#;

/// A token and the line for the server's file.
fn token(name: &str) -> (String, String) {
    let (token, line) = bitcoin_grpc::frontend::tokens::make(name, None).unwrap();
    (token.to_string(), line.to_string())
}

/// What a call comes to: its code, and what was said.
async fn called(world: &World, flags: &[&str], token: Option<&str>) -> (Option<i32>, String) {
    let mut words = vec!["chain.getheight"];
    words.extend(flags);
    let mut program = world.program(&words);
    if let Some(token) = token {
        program.env("BITCOIN_GRPC_TOKEN", token);
    }
    let output = run(program).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_server_with_tls_certificates_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = authority.files(folder.path(), true, true);
    let write = |name: &str, text: &str| written(folder.path(), name, text);
    let (token, line) = token("monitor");
    let (policy, tokens) = (write("policy.toml", POLICY), write("tokens", &format!("{line}\n")));
    let world = World::with(&[
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        text(&files.certificate),
        "--tls-key",
        text(&files.key),
        "--tls-client-ca",
        text(files.client_ca.as_ref().unwrap()),
        "--tls-client-optional",
        "--policy",
        text(&policy),
        "--tokens",
        text(&tokens),
    ])
    .await;
    let ca = write("trusted.pem", &authority.pem());
    let over_tls = ["--tls-ca", text(&ca), "--server-name", SERVER];

    // A token from the environment, or from a file; reflection is not granted to it, the call is.
    assert_eq!(called(&world, &over_tls, Some(&token)).await, (Some(0), "110\n".to_owned()));
    let file = write("token", &format!("{token}\n"));
    let with_file = [&over_tls[..], &["--token-file", text(&file)]].concat();
    assert_eq!(called(&world, &with_file, None).await, (Some(0), "110\n".to_owned()));

    // A certificate.
    let alice = authority.leaf(&["dns:alice.example.org"]);
    let (certificate, key) =
        (write("alice.pem", &alice.certificate), write("alice.key", &alice.key));
    let as_alice = ["--client-cert", text(&certificate), "--client-key", text(&key)];
    let as_alice = [&over_tls[..], &as_alice].concat();
    assert_eq!(called(&world, &as_alice, None).await, (Some(0), "110\n".to_owned()));

    // Nobody, somebody wrong, and a server that is not who it should be.
    let (code, said) = called(&world, &over_tls, None).await;
    assert!(
        code == Some(1) && said.contains("IDENTITY_REQUIRED") && said.contains("--token-file"),
        "{said}"
    );
    let (code, said) = called(&world, &over_tls, Some("wrong")).await;
    assert!(code == Some(1) && said.contains("UNAUTHENTICATED CREDENTIAL_INVALID"), "{said}");
    assert!(!said.contains("wrong"), "{said}");
    let (code, said) = called(&world, &["--tls-ca", text(&ca)], Some(&token)).await;
    assert!(code == Some(3) && said.contains("--server-name"), "{said}");
    let other = write("other.pem", &Authority::new().pem());
    let (code, said) =
        called(&world, &["--tls-ca", text(&other), "--server-name", SERVER], None).await;
    assert!(code == Some(3) && said.contains("invalid peer certificate"), "{said}");
    let (code, said) = called(&world, &[], None).await;
    assert!(code == Some(3) && said.contains("--tls-ca"), "{said}");
}

#[tokio::test]
async fn secrets_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "token", "secret");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(program(&["chain.getheight", "--token-file", text(&file)])).await;
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains("chmod 600") && !errors.contains("secret"), "{errors}");
}

#[tokio::test]
async fn a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let _world = World::with(&["--listen", &format!("unix:{}", text(&socket))]).await;
    // The flag counts more than the environment, which names another place.
    let mut program = program(&["chain.getheight", "--unix", text(&socket)]);
    program.env("BITCOIN_GRPC_ADDR", "127.0.0.1:1");
    assert_eq!(run(program).await.stdout, b"110\n");
}
